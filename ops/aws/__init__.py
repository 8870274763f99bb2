"""The stack's AWS services; tests subclass them."""
