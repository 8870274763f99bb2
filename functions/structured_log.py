"""One line of JSON per event on standard output, where Lambda's log group takes it up."""

import sys
from functools import lru_cache
from typing import Protocol

from functions.plain_json import json_line


class Log(Protocol):
    """What the record processing logs through."""

    def __call__(self, level: str, message: str, **fields: object) -> None:
        """Log one event."""


def log(level: str, message: str, **fields: object) -> None:
    """Write one line: `{"level": ..., "message": ..., <fields>}`.

    Args:
        level: DEBUG, INFO, WARNING or ERROR, as Lambda's own log levels are named.
        message: What happened, in the same words each time; what differs goes to the fields.
        fields: Any values; how odd ones are shown is told in `functions/plain_json.py`.
    """
    # Looked up at each call: the runtime and tests put their own stream in its place.
    sys.stdout.write(_line(level, message, fields) + "\n")


def _line(level: str, message: str, fields: dict[str, object]) -> str:
    # Two texts joined cost less than one object made of both.
    return f"{_opening(level, message)},{json_line(fields)[1:]}" if fields else f"{_opening(level, message)}}}"


@lru_cache(maxsize=32)  # messages are few, and the same words each time
def _opening(level: str, message: str) -> str:
    return json_line({"level": level, "message": message}).removesuffix("}")


LINES_PER_WRITE = 100
"""Some 50 KB of changes: larger texts come from the system page by page, anew for each batch."""


class CollectedLog:
    """A log whose lines wait until they are written, many at once.

    Lambda's runtime flushes standard output at each write: a batch would pay for that with every record.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __call__(self, level: str, message: str, **fields: object) -> None:
        """Log one event, as `log` does."""
        self._lines.append(_line(level, message, fields))
        if len(self._lines) >= LINES_PER_WRITE:
            self.write()

    def write(self) -> None:
        """Write the lines that wait."""
        if self._lines:
            self._lines.append("")
            sys.stdout.write("\n".join(self._lines))
            self._lines.clear()
