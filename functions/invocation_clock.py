"""The time of one invocation: what o'clock it is, how much of it is left, and waiting."""

import time
from typing import Protocol

from functions.lambda_context import LambdaContext


class Clock(Protocol):
    """Time as the processing sees it; tests give it one of their own, which no one has to wait for."""

    def now(self) -> float:
        """Return the seconds since the epoch."""
        ...

    def remaining(self) -> float:
        """Return how many seconds the invocation may still run."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class InvocationClock:
    """The clock of a real invocation."""

    def __init__(self, context: LambdaContext) -> None:
        self._context = context

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def remaining(self) -> float:
        """Return how many seconds Lambda still gives this invocation."""
        return self._context.get_remaining_time_in_millis() / 1000

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


LARGEST_SHARE_TO_KEEP = 0.25


def time_to_keep(clock: Clock, seconds: float) -> float:
    """Return how many seconds to keep free at the end of the invocation that begins now.

    They are `seconds`, but never more than a quarter of the whole, or a function with a short timeout would stop before
    it did anything.
    """
    return min(seconds, LARGEST_SHARE_TO_KEEP * clock.remaining())
