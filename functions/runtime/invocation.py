"""The time of one invocation: what o'clock it is, how much of it is left, and waiting."""

import os
import time
from typing import Protocol

# The part of Lambda's context object that the functions use.


class LambdaContext(Protocol):
    """What the runtime tells of an invocation (Lambda developer guide, "Python context object")."""

    invoked_function_arn: str

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation may still run."""
        ...


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


# The environment variables of a function, read with an answer for whoever forgot one.


class SettingError(RuntimeError):
    """An environment variable of the function is missing or unreadable; the message says which and who sets it."""


def read_text(name: str) -> str:
    """Return the variable's text.

    Raises:
        SettingError: It isn't set, or empty.
    """
    value = os.environ.get(name)
    if not value:
        raise SettingError(f"environment variable {name} isn't set: the Pulumi program sets it, so deploy it again")
    return value


def read_flag(name: str) -> bool:
    """Return whether the variable is "true".

    Raises:
        SettingError: It is neither "true" nor "false".
    """
    value = read_text(name)
    if value not in ("true", "false"):
        raise SettingError(f"environment variable {name} must be true or false, not {value!r}")
    return value == "true"


def read_positive_integer(name: str) -> int:
    """Return the variable's number.

    Raises:
        SettingError: It is no whole number above 0.
    """
    value = read_text(name)
    if not (value.isascii() and value.isdecimal() and int(value) > 0):
        raise SettingError(f"environment variable {name} must be a whole number above 0, not {value!r}")
    return int(value)
