"""A message of the dead-letter queue: a failed record's envelope, or something else; and counts."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import get_args

from pydantic import TypeAdapter, ValidationError

from functions.activity.items import change_id
from functions.dead_letters.envelope import FailedRecord, Kind, identify_record
from functions.runtime.json_log import Json, JsonObject, is_object, json_line
from functions.stream_records.attribute_values import (
    AttributeValue,
    Changes,
    MalformedValueError,
    diff_images,
    unmarshal,
    unmarshal_image,
)
from ops.aws.queues import EnvelopeStore, Message
from ops.errors import NotFoundError

_ENVELOPE = TypeAdapter(FailedRecord)

NOT_AN_ENVELOPE = "unreadable"
"""The kind shown for a message that isn't an envelope."""

KINDS: tuple[str, ...] = (*get_args(Kind), NOT_AN_ENVELOPE)

NOTHING_TO_REPLAY = ("lost", NOT_AN_ENVELOPE)
"""Kinds of messages without a record."""


@dataclass(frozen=True, kw_only=True)
class ReplayableChange:
    """A record with the key of its item in Activity: user, and place among the user's changes."""

    user_id: str
    change_id: str
    event_id: str
    record: JsonObject
    identity: str  # a hash of the record, different for different records even if they share an id

    @classmethod
    def of(cls, record: Json) -> "ReplayableChange | None":
        """Return the record's change; None if it lacks a valid id, user or sequence number."""
        found = identify_record(record)
        event_id: Json = record.get("eventID") if is_object(record) else None
        if not (isinstance(event_id, str) and event_id and found.user_id and found.sequence_number):
            return None
        text = json.dumps(record, sort_keys=True, separators=(",", ":"))
        return cls(
            user_id=found.user_id,
            change_id=change_id(found.sequence_number),
            event_id=event_id,
            record=record,
            identity=hashlib.sha256(text.encode()).hexdigest(),
        )


class ReplayOutcome(StrEnum):
    """What became of one change."""

    REPLAYED = "replayed"  # processed: its item is in Activity
    REFUSED = "refused"
    """The function took it, but its item isn't in Activity: presumably dead-lettered again."""
    FAILED = "failed"  # the function could not process it now
    WAITING = "waiting"  # not tried, because an earlier change of the same user failed


@dataclass(frozen=True)
class DeadLetter:
    """A message of the queue, read as an envelope if it is one."""

    message: Message
    envelope: FailedRecord | None
    failure_id: str
    """The id that commands take: the failure's, or the message's if it isn't an envelope."""
    kind: str
    reason: str  # the envelope's, or why the message isn't an envelope
    user_id: str | None
    event_name: str | None  # INSERT, MODIFY or REMOVE, if known

    @cached_property
    def change(self) -> ReplayableChange | None:
        """What a replay sends; None if there is no record, or its key is invalid."""
        return ReplayableChange.of(self.envelope.record) if self.envelope else None

    def fetched(self, store: EnvelopeStore) -> "DeadLetter":
        """Return the dead letter with its record, read from the store if it isn't in the message.

        Raise a NotFoundError if the object doesn't exist, or isn't an envelope.
        """
        if self.envelope is None or self.envelope.record is not None or self.envelope.record_location is None:
            return self
        whole = read_envelope(store.fetch(self.envelope.record_location))
        if isinstance(whole, str):
            raise NotFoundError(
                f"{self.envelope.record_location} is not a failed record's envelope: {whole}",
                "inspect the object itself: something else wrote it",
            )
        return _dead_letter(self.message, whole)


def read_dead_letter(message: Message) -> DeadLetter:
    """Read a message; its kind and reason say so if it isn't an envelope."""
    envelope = read_envelope(message.body)
    if isinstance(envelope, str):
        reason = f"not a failed record's envelope: {envelope}"
        return DeadLetter(message, None, message.message_id, NOT_AN_ENVELOPE, reason, None, None)
    return _dead_letter(message, envelope)


def _dead_letter(message: Message, envelope: FailedRecord) -> DeadLetter:
    name: Json = envelope.record.get("eventName") if is_object(envelope.record) else None
    event_name = name if isinstance(name, str) else None
    return DeadLetter(
        message, envelope, envelope.failure_id, envelope.kind, envelope.reason, envelope.user_id, event_name
    )


def read_envelope(text: str) -> FailedRecord | str:
    """Return the envelope in the text, or why the text isn't one."""
    try:
        return _ENVELOPE.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}" if place else first["msg"]


def record_changes(record: Json) -> Changes | str:
    """Return the differences between a record's images by attribute, or why they can't be read."""
    body: Json = record.get("dynamodb") if is_object(record) else None
    if not is_object(body):
        return "the record has no images"
    old, new = body.get("OldImage"), body.get("NewImage")
    try:
        for image in (old, new):
            if image is not None:
                unmarshal_image(image)
    except MalformedValueError as error:
        return f"the images can't be read: {error}"
    return diff_images(old, new)


def value_as_json(value: AttributeValue | None) -> str | None:
    """Return an attribute value as JSON text; None for None."""
    return None if value is None else json_line(unmarshal(value))


@dataclass(kw_only=True)
class Failure:
    """One failed record without its content, and the number of messages that carry it."""

    failure_id: str
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
    """The failures of one kind with one reason."""

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
    groups: dict[tuple[str, str], FailureGroup] = {}
    for failure in failures:  # the first one of a group is its oldest
        group = FailureGroup(failure.kind, failure.reason, 0, failure.sent_at)
        groups.setdefault((failure.kind, failure.reason), group).failures += 1
    return sorted(groups.values(), key=lambda group: (-group.failures, group.kind, group.reason))
