"""ops.aws."""
