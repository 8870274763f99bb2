"""infra.settings.model."""
