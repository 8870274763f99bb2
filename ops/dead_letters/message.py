"""A message of the dead-letter queue: a failed record's envelope, or something else that is kept as it is."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

from pydantic import TypeAdapter, ValidationError

from functions.activity.items import change_id
from functions.dead_letters.envelope import FailedRecord, Kind
from functions.runtime.json_log import Json, JsonObject, is_object, json_line
from functions.stream_records.attribute_values import (
    AttributeValue,
    Changes,
    Image,
    MalformedValueError,
    diff_images,
    unmarshal,
    unmarshal_image,
)
from functions.stream_records.user_change import SEQUENCE_NUMBER_DIGITS
from ops.aws.services import EnvelopeStore
from ops.aws.sqs import Message
from ops.errors import NotFoundError

_ENVELOPE = TypeAdapter(FailedRecord)

NOT_AN_ENVELOPE = "unreadable"
"""The kind shown for a message that isn't an envelope."""

KINDS: tuple[str, ...] = (*get_args(Kind), NOT_AN_ENVELOPE)

NOTHING_TO_REPLAY = ("lost", NOT_AN_ENVELOPE)
"""Kinds of messages without a record."""


@dataclass(frozen=True, kw_only=True)
class ReplayableChange:
    """A record with the key of its item in Activity: its user and its place among that user's changes."""

    user_id: str
    change_id: str
    event_id: str
    record: JsonObject
    identity: str
    """A hash of the record: equal for its copies, different for different records even if they share an id."""

    @classmethod
    def of(cls, record: Json) -> "ReplayableChange | None":
        """Return the record's change; None if the record lacks a valid id, user or sequence number."""
        if not is_object(record):
            return None
        body: Json = record.get("dynamodb")
        event_id: Json = record.get("eventID")
        keys: Json = body.get("Keys") if is_object(body) else None
        user_key: Json = keys.get("userId") if is_object(keys) else None
        user_id: Json = user_key.get("S") if is_object(user_key) else None
        number: Json = body.get("SequenceNumber") if is_object(body) else None
        if not (isinstance(event_id, str) and isinstance(user_id, str) and isinstance(number, str)):
            return None
        if not (event_id and user_id and number.isascii() and number.isdecimal()):
            return None
        if len(number) > SEQUENCE_NUMBER_DIGITS:
            return None
        text = json.dumps(record, sort_keys=True, separators=(",", ":"))
        return cls(
            user_id=user_id,
            change_id=change_id(number),
            event_id=event_id,
            record=record,
            identity=hashlib.sha256(text.encode()).hexdigest(),
        )


@dataclass(frozen=True)
class DeadLetter:
    """A message and its envelope."""

    message: Message
    envelope: FailedRecord | None
    problem: str | None
    """Why the message isn't an envelope; None if it is one."""

    @property
    def failure_id(self) -> str:
        """The id that commands take: the failure's, or the message's if it isn't an envelope."""
        return self.envelope.failure_id if self.envelope else self.message.message_id

    @property
    def kind(self) -> str:
        """The envelope's kind."""
        return self.envelope.kind if self.envelope else NOT_AN_ENVELOPE

    @property
    def reason(self) -> str:
        """The envelope's reason, or the problem with the message."""
        return self.envelope.reason if self.envelope else f"not a failed record's envelope: {self.problem}"

    @property
    def user_id(self) -> str | None:
        """The user whose change failed, if known."""
        return self.envelope.user_id if self.envelope else None

    @property
    def event_name(self) -> str | None:
        """INSERT, MODIFY or REMOVE, if known."""
        record = self.envelope.record if self.envelope else None
        name: Json = record.get("eventName") if is_object(record) else None
        return name if isinstance(name, str) else None

    @cached_property
    def change(self) -> ReplayableChange | None:
        """What a replay sends; None if there is no record, or its key is invalid."""
        return ReplayableChange.of(self.envelope.record) if self.envelope else None

    def fetched(self, store: EnvelopeStore) -> "DeadLetter":
        """Return the dead letter with its record, read from the store if it isn't in the message.

        Raises:
            NotFoundError: The object doesn't exist, or isn't an envelope.
            DeniedError: IAM denies the read.
        """
        if self.envelope is None or self.envelope.record is not None or self.envelope.record_location is None:
            return self
        whole = read_envelope(store.fetch(self.envelope.record_location))
        if isinstance(whole, str):
            raise NotFoundError(
                f"{self.envelope.record_location} is not a failed record's envelope: {whole}",
                "inspect the object itself: something else wrote it",
            )
        return DeadLetter(self.message, whole, None)


def read_dead_letter(message: Message) -> DeadLetter:
    """Return the message with its envelope, or with the reason why it isn't one."""
    envelope = read_envelope(message.body)
    return DeadLetter(message, None, envelope) if isinstance(envelope, str) else DeadLetter(message, envelope, None)


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
    try:
        return diff_images(_valid_image(body.get("OldImage")), _valid_image(body.get("NewImage")))
    except MalformedValueError as error:
        return f"the images can't be read: {error}"


def _valid_image(image: Json) -> Image | None:
    if image is not None:
        unmarshal_image(image)
    return image


def value_as_json(value: AttributeValue | None) -> str | None:
    """Return an attribute value as JSON text; None for None."""
    return None if value is None else json_line(unmarshal(value))
