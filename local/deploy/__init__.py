"""local.deploy."""
