"""A message of the dead-letter queue: a failed record's envelope, or something else; and counts."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import get_args

from pydantic import TypeAdapter, ValidationError

from functions.dead_letters.envelope import FailedRecord, Kind
from infra.consumers import consumer_of_function
from infra.consumers.declaration import Consumer
from infra.outputs import StackOutputs
from ops.aws.queues import EnvelopeStore, Message
from ops.consumers import UNKNOWN_CONSUMER
from ops.dead_letters.provenance import complaint_about, difference_between
from ops.dead_letters.record import ReplayableChange, event_of
from ops.errors import DeniedError, NotFoundError, UnreadableRecordError

_ENVELOPE = TypeAdapter(FailedRecord)

NOT_AN_ENVELOPE = "unreadable"
"""The kind shown for a message that isn't an envelope."""

FOREIGN = "foreign"
"""The kind shown for an envelope that this stack's functions can't have written."""

KINDS: tuple[str, ...] = (*get_args(Kind), FOREIGN, NOT_AN_ENVELOPE)

NOTHING_TO_REPLAY = ("lost", FOREIGN, NOT_AN_ENVELOPE)
"""Kinds of messages without a record to replay."""

FOREIGN_ADVICE = "something else wrote the message: `dlq discard` saves and removes it"


class ReplayOutcome(StrEnum):
    """What became of one change."""

    REPLAYED = "replayed"  # processed, with the consumer's proof
    REFUSED = "refused"  # the function can never process it as it is
    FAILED = "failed"  # the function could not process it now
    WAITING = "waiting"  # not tried, because an earlier change of the same user failed


@dataclass(frozen=True)
class DeadLetter:
    """A message of the queue, read as an envelope if it is one."""

    message: Message
    envelope: FailedRecord | None
    failure_id: str
    """The id that commands take: the failure's. It is the message's, if that is no envelope, or a
    foreign one, whose id may be another failure's."""
    kind: str
    reason: str  # the envelope's, or why the message isn't an envelope of this stack
    user_id: str | None
    event_name: str | None  # of the record, if known: `event_of`
    consumer: Consumer | None
    """Whose function failed; None if it is no declared consumer's of this stack."""
    outputs: StackOutputs
    """The stack's."""

    @property
    def consumer_name(self) -> str:
        """The consumer's name on the command line."""
        return self.consumer.logical_name if self.consumer else UNKNOWN_CONSUMER

    @property
    def has_record(self) -> bool:
        """Whether it carries a record of this stack, in the message or in S3."""
        return self.kind not in NOTHING_TO_REPLAY

    @property
    def failed_in(self) -> str:
        """The consumer, or else the function, that failed; the envelope names it."""
        if self.consumer or not self.envelope:
            return self.consumer_name
        return self.envelope.source_function.rpartition(":function:")[2]

    @cached_property
    def change(self) -> ReplayableChange | None:
        """What a replay sends; None without a record of this stack and the consumer's form."""
        if self.envelope is None or self.consumer is None or not self.has_record:
            return None
        return ReplayableChange.of(self.envelope.record, self.consumer)

    def fetched(self, store: EnvelopeStore) -> "DeadLetter":
        """Return the dead letter with its record, read from the store if it isn't in the message.

        Raise an UnreadableRecordError if the object doesn't exist, is denied, isn't an envelope, or
        isn't this stack's.
        """
        if self.envelope is None or self.envelope.record is not None or self.envelope.record_location is None:
            return self
        if self.kind == FOREIGN:
            raise UnreadableRecordError(self.reason, FOREIGN_ADVICE)
        try:
            text = store.fetch(self.envelope.record_location)
        except NotFoundError as error:
            raise UnreadableRecordError(error.message, error.next_step) from error
        except DeniedError as error:
            # S3 says so of a missing object too, to a caller who may not list the bucket (S3 API
            # reference, "GetObject").
            raise UnreadableRecordError(f"{error.message} Or it doesn't exist.", error.next_step) from error
        whole = read_envelope(text)
        if isinstance(whole, str):
            raise UnreadableRecordError(
                f"{self.envelope.record_location} is not a failed record's envelope: {whole}",
                "inspect the object itself: something else wrote it",
            )
        difference = difference_between(self.envelope, whole)
        read = _dead_letter(self.message, whole, self.consumer, self.outputs, difference)
        return replace(read, failure_id=self.failure_id)


def read_dead_letter(message: Message, outputs: StackOutputs) -> DeadLetter:
    """Read a message of a stack's queue; kind and reason say if it isn't the stack's envelope."""
    envelope = read_envelope(message.body)
    if isinstance(envelope, str):
        reason = f"not a failed record's envelope: {envelope}"
        return DeadLetter(message, None, message.message_id, NOT_AN_ENVELOPE, reason, None, None, None, outputs)
    consumer = consumer_of_function(envelope.source_function, outputs.environment)
    return _dead_letter(message, envelope, consumer, outputs)


def _dead_letter(
    message: Message,
    envelope: FailedRecord,
    consumer: Consumer | None,
    outputs: StackOutputs,
    difference: str | None = None,
) -> DeadLetter:
    complaint = difference or complaint_about(envelope, consumer, outputs, message.sent_at)
    return DeadLetter(
        message,
        envelope,
        message.message_id if complaint else envelope.failure_id,
        FOREIGN if complaint else envelope.kind,
        f"not written by this stack: {complaint}" if complaint else envelope.reason,
        envelope.user_id,
        event_of(envelope.record),
        consumer,
        outputs,
    )


def is_foreign(envelope: FailedRecord, outputs: StackOutputs, sent_at: float) -> bool:
    """Say whether the stack's functions can't have written an envelope of a message.

    `sent_at` is when the message was sent, as for `complaint_about`.
    """
    consumer = consumer_of_function(envelope.source_function, outputs.environment)
    return complaint_about(envelope, consumer, outputs, sent_at) is not None


def read_envelope(text: str) -> FailedRecord | str:
    """Return the envelope in the text, or why the text isn't one."""
    try:
        envelope = _ENVELOPE.validate_json(text)
        json.dumps(envelope.record, allow_nan=False)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}" if place else first["msg"]
    except ValueError:  # Lambda would refuse the whole batch
        return "record: JSON has no number like NaN, Infinity or 1e400"
    return envelope


@dataclass(kw_only=True)
class Failure:
    """One failed record without its content, and the number of messages that carry it."""

    failure_id: str
    consumer: str
    source_function: str | None
    kind: str
    reason: str
    event_name: str | None
    user_id: str | None
    sequence_number: str | None
    first_failed_at: str | None
    sent_at: float  # of its oldest message, in seconds since the epoch
    copies: int = 1


@dataclass
class FailureGroup:
    """The failures of one consumer, of one kind with one reason."""

    consumer: str
    kind: str
    reason: str
    failures: int
    oldest_sent_at: float


def count_failures(letters: Iterable[DeadLetter]) -> list[Failure]:
    """Return the failures that the messages carry, oldest first."""
    failures: dict[str, Failure] = {}
    for letter in letters:
        known = failures.get(letter.failure_id)
        if known:
            known.copies += 1
            known.sent_at = min(known.sent_at, letter.message.sent_at)
            continue
        envelope = letter.envelope
        failures[letter.failure_id] = Failure(
            failure_id=letter.failure_id,
            consumer=letter.consumer_name,
            source_function=envelope.source_function if envelope else None,
            kind=letter.kind,
            reason=letter.reason,
            event_name=letter.event_name,
            user_id=letter.user_id,
            sequence_number=envelope.sequence_number if envelope else None,
            first_failed_at=envelope.first_failed_at if envelope else None,
            sent_at=letter.message.sent_at,
        )
    return sorted(failures.values(), key=lambda failure: (failure.sent_at, failure.failure_id))


def group_by_reason(failures: Iterable[Failure]) -> list[FailureGroup]:
    """Return the groups of failures that are sorted by age, largest group first."""
    groups: dict[tuple[str, str, str], FailureGroup] = {}
    for failure in failures:  # the first one of a group is its oldest
        group = FailureGroup(failure.consumer, failure.kind, failure.reason, 0, failure.sent_at)
        groups.setdefault((failure.consumer, failure.kind, failure.reason), group).failures += 1
    return sorted(groups.values(), key=lambda group: (-group.failures, group.consumer, group.kind, group.reason))
