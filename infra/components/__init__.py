"""The Pulumi components, one per file."""
