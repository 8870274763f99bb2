"""infra.components."""
