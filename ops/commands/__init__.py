"""The commands: each parses its options, calls the library, and prints the result."""
