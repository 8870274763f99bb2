"""What record processing needs of the place that keeps failed records."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from functions.failed_records.failed_record import FailedRecord


class SendOutcome(NamedTuple):
    """How far a sending of failed records came."""

    sent: int
    """So many of them, from the first on, are safely kept; some after them may be too."""
    interruption: str | None
    """Why it stopped before the last one; None when it didn't. Another attempt may work."""


class DeadLetterSender(Protocol):
    """A keeper of failed records; to send one again is allowed, since readers count a failure id once."""

    def send(self, failed_records: Sequence[FailedRecord]) -> SendOutcome:
        """Keep the records, or say how far that worked."""
        ...
