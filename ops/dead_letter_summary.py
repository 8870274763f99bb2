"""What a dead-letter queue holds, counted: by reason, and failure by failure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from functions.json_types import JsonObject
from functions.stream_records.user_change import utc_text
from ops.dead_letter import DeadLetter


@dataclass(kw_only=True)
class Failure:
    """One failed record with the number of messages that carry it."""

    failure_id: str
    kind: str
    reason: str
    event_name: str | None
    user_id: str | None
    sequence_number: str | None
    first_failed_at: str | None
    sent_at: float
    """Of the oldest of its messages, seconds since the epoch."""
    copies: int = 1

    def as_json(self) -> JsonObject:
        """Return it with JSON's names."""
        return {
            "failureId": self.failure_id,
            "kind": self.kind,
            "reason": self.reason,
            "eventName": self.event_name,
            "userId": self.user_id,
            "sequenceNumber": self.sequence_number,
            "firstFailedAt": self.first_failed_at,
            "sentAt": utc_text(self.sent_at),
            "copies": self.copies,
        }


@dataclass(kw_only=True)
class Group:
    """The failures of one kind with one reason."""

    kind: str
    reason: str
    failures: int
    oldest_sent_at: float

    def as_json(self) -> JsonObject:
        """Return it with JSON's names."""
        return {
            "kind": self.kind,
            "reason": self.reason,
            "failures": self.failures,
            "oldestSentAt": utc_text(self.oldest_sent_at),
        }


@dataclass
class DeadLetterSummary:
    """The failures of a queue, oldest first, and their groups, largest first."""

    messages: int = 0
    _failures: dict[str, Failure] = field(default_factory=dict[str, Failure])

    @classmethod
    def of(cls, letters: Iterable[DeadLetter]) -> "DeadLetterSummary":
        """Count the messages; of each, no more than a line is kept."""
        summary = cls()
        for letter in letters:
            summary.add(letter)
        return summary

    def add(self, letter: DeadLetter) -> None:
        """Count one more message."""
        self.messages += 1
        envelope = letter.envelope
        known = self._failures.get(letter.failure_id)
        if known:
            known.copies += 1
            known.sent_at = min(known.sent_at, letter.message.sent_at)
            return
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
        """Return the failures, the longest waiting first."""
        return sorted(self._failures.values(), key=lambda failure: (failure.sent_at, failure.failure_id))

    def groups(self) -> list[Group]:
        """Return the groups, the largest first."""
        groups: dict[tuple[str, str], Group] = {}
        for failure in self._failures.values():
            group = groups.setdefault(
                (failure.kind, failure.reason),
                Group(kind=failure.kind, reason=failure.reason, failures=0, oldest_sent_at=failure.sent_at),
            )
            group.failures += 1
            group.oldest_sent_at = min(group.oldest_sent_at, failure.sent_at)
        return sorted(groups.values(), key=lambda group: (-group.failures, group.kind, group.reason))
