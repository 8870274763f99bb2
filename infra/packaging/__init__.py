"""The deterministic zip of a function: its own sources and its third-party wheels."""
