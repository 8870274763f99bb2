"""ops.people."""
