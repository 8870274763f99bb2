"""What a dead-letter queue holds, counted: by reason, and failure by failure."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from functions.runtime.json_log import JsonObject
from functions.runtime.timestamps import utc_timestamp
from ops.aws.sqs import HELD_AT_MOST, Message, MessageQueue
from ops.dead_letters.message import DeadLetter
from ops.job import StopRequested


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
            "sentAt": utc_timestamp(self.sent_at),
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
            "oldestSentAt": utc_timestamp(self.oldest_sent_at),
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


# A look at a queue: each message once, hidden from others no longer than the look takes, all of
# them given back.

HIDE_SECONDS = 60
"""Should the command be killed, others see the messages again after this long."""

MARGIN_SECONDS = 15
"""A look ends so long before its first message would show up again by itself."""

SILENT_ANSWERS = 3
"""Empty answers in a row that end a look although the queue's counter, which lags, says that there is more."""


class Look:
    """Receives what is visible; use it in a `with`, which gives everything back that wasn't removed.

    Attributes:
        complete: Whether nothing visible was left unseen.
        seen: How many messages have been seen.
    """

    def __init__(
        self,
        queue: MessageQueue,
        stop: StopRequested,
        *,
        hide_seconds: int = HIDE_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._stop = stop
        self._hide_seconds = hide_seconds
        self._now = now
        self._held: dict[str, tuple[str, float]] = {}
        self.complete = False
        self.seen = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        now = self._now()
        self._queue.give_back([receipt for receipt, until in self._held.values() if until > now])
        self._held.clear()

    def messages(self) -> Iterator[Message]:
        """Yield each visible message once, until there are none, time or room is up, or a stop is asked for."""
        ends_at = self._now() + self._hide_seconds - MARGIN_SECONDS
        silent = 0
        while not self._stop() and self._now() < ends_at and len(self._held) < HELD_AT_MOST:
            asked_at = self._now()
            received = self._queue.receive(self._hide_seconds)
            fresh = [message for message in received if message.message_id not in self._held]
            for message in received:
                self._held[message.message_id] = (message.receipt, asked_at + self._hide_seconds)
            self.seen += len(fresh)
            yield from fresh
            if received:
                silent = 0
                continue
            silent += 1
            if silent >= SILENT_ANSWERS or self._queue.depth().visible == 0:
                self.complete = True
                return

    def held(self) -> int:
        """Return how many messages this look hides at the moment."""
        return len(self._held)

    def remove(self, message_ids: Iterable[str]) -> int:
        """Remove messages from the queue, and return how many went; those that it keeps are given back at the end."""
        receipts = {message_id: self._held[message_id][0] for message_id in message_ids}
        refused = self._queue.remove(list(receipts.values()))
        removed = [message_id for message_id, receipt in receipts.items() if receipt not in refused]
        for message_id in removed:
            del self._held[message_id]
        return len(removed)
