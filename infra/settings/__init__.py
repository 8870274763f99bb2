"""The settings of a stack: their model, types and check, and where they are read from."""
