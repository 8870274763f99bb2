"""The failed records in a queue, counted one by one and in groups of the same reason."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ops.dead_letters.message import DeadLetter


@dataclass(kw_only=True)
class Failure:
    """One failed record and the number of messages that carry it."""

    failure_id: str
    kind: str
    reason: str
    event_name: str | None
    user_id: str | None
    sequence_number: str | None
    first_failed_at: str | None
    sent_at: float
    """Of its oldest message, in seconds since the epoch."""
    copies: int = 1


@dataclass
class FailureGroup:
    """The failures of one kind with one reason."""

    kind: str
    reason: str
    failures: int
    oldest_sent_at: float


@dataclass
class DeadLetterSummary:
    """Counts of dead letters; memory grows with the number of failures, not with their size."""

    messages: int = 0
    _failures: dict[str, Failure] = field(default_factory=dict[str, Failure])

    @classmethod
    def of(cls, letters: Iterable[DeadLetter]) -> "DeadLetterSummary":
        """Count all of the dead letters."""
        summary = cls()
        for letter in letters:
            summary.add(letter)
        return summary

    def add(self, letter: DeadLetter) -> None:
        """Count one more."""
        self.messages += 1
        known = self._failures.get(letter.failure_id)
        if known:
            known.copies += 1
            known.sent_at = min(known.sent_at, letter.message.sent_at)
            return
        envelope = letter.envelope
        self._failures[letter.failure_id] = Failure(
            failure_id=letter.failure_id,
            kind=letter.kind,
            reason=letter.reason,
            event_name=letter.event_name,
            user_id=letter.user_id,
            sequence_number=envelope.sequence_number if envelope else None,
            first_failed_at=envelope.first_failed_at if envelope else None,
            sent_at=letter.message.sent_at,
        )

    def failures(self) -> list[Failure]:
        """Return the failures, oldest first."""
        return sorted(self._failures.values(), key=lambda failure: (failure.sent_at, failure.failure_id))

    def groups(self) -> list[FailureGroup]:
        """Return the groups, largest first."""
        groups: dict[tuple[str, str], FailureGroup] = {}
        for failure in self.failures():  # the first one of a group is its oldest
            group = FailureGroup(failure.kind, failure.reason, 0, failure.sent_at)
            groups.setdefault((failure.kind, failure.reason), group).failures += 1
        return sorted(groups.values(), key=lambda group: (-group.failures, group.kind, group.reason))
