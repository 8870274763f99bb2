"""One invocation: wall clock, time left, sleep, and the function's environment variables."""

import os
import time
from typing import Protocol


class LambdaContext(Protocol):
    """The used part of Lambda's context (developer guide, "Python context object")."""

    invoked_function_arn: str

    def get_remaining_time_in_millis(self) -> int: ...  # noqa: D102  AWS documents it


class Clock:
    """The time of one invocation; tests replace it by a manual one."""

    def __init__(self, context: LambdaContext) -> None:
        self._context = context

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def remaining(self) -> float:
        """Return how many seconds the invocation may still run."""
        return self._context.get_remaining_time_in_millis() / 1000

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


LARGEST_RESERVED_SHARE = 0.25


def reserved_time(clock: Clock, seconds: float) -> float:
    """Return how many seconds to keep free at the end of the invocation that begins now.

    At most a quarter, or a function with a short timeout would stop before it did anything.
    """
    return min(seconds, LARGEST_RESERVED_SHARE * clock.remaining())


class SettingError(RuntimeError):
    """An environment variable is missing or unreadable; the message says which and who sets it."""


def read_text(name: str) -> str:
    """Return an environment variable's text; raise `SettingError` if it isn't set or is empty."""
    value = os.environ.get(name)
    if not value:
        raise SettingError(f"environment variable {name} isn't set: the Pulumi program sets it, so deploy it again")
    return value


def read_flag(name: str) -> bool:
    """Return whether the variable is "true"; raise `SettingError` if it isn't "false" either."""
    value = read_text(name)
    if value not in ("true", "false"):
        raise SettingError(f"environment variable {name} must be true or false, not {value!r}")
    return value == "true"


def read_positive_integer(name: str) -> int:
    """Return the variable's number; raise `SettingError` if it isn't a whole number above 0."""
    number = read_whole_number(name)
    if number == 0:
        raise SettingError(f"environment variable {name} must be a whole number above 0, not '0'")
    return number


def read_whole_number(name: str) -> int:
    """Return the variable's number; raise `SettingError` if it isn't a whole number, or below 0."""
    value = read_text(name)
    if not (value.isascii() and value.isdecimal()):
        raise SettingError(f"environment variable {name} must be a whole number, not {value!r}")
    return int(value)
