"""The error that ends the command."""


class RecoverError(Exception):
    """The stack can't be recovered as it is; the message says what, where, and what to do."""
