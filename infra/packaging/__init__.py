"""infra.packaging."""
