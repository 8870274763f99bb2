"""The stack's AWS services; tests subclass them, or implement a protocol where there are two real implementations."""
