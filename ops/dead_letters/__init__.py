"""ops.dead_letters."""
