"""The part of Lambda's context object that the functions use."""

from typing import Protocol


class LambdaContext(Protocol):
    """What the runtime tells of an invocation (Lambda developer guide, "Python context object")."""

    invoked_function_arn: str

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation may still run."""
        ...
