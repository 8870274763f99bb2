"""functions.runtime."""
