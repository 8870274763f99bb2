"""Adapters to the stack's AWS services, each beside the protocol that the tests' fakes implement."""
