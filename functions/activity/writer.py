"""What the processing of a batch needs of the place that keeps the history."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from functions.stream_records.user_change import UserChange


class WriteOutcome(NamedTuple):
    """How far a write of changes came."""

    settled: int
    """So many of the changes, from the first on, are durable or rejected; nothing is promised of those after."""
    rejected: Mapping[int, str]
    """Of the settled ones, by position: those that can never be stored, and why."""
    interruption: str | None
    """Why it stopped before the last one; None when it didn't. Another attempt may work."""


class ActivityWriter(Protocol):
    """A keeper of changes; to write one again changes nothing."""

    def write(self, changes: Sequence[UserChange]) -> WriteOutcome:
        """Store the changes, or say how far that worked."""
        ...
