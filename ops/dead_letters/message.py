"""A message of the dead-letter queue as the commands see it: an envelope, or something else that is kept as it came."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, get_args

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
from ops.aws.sqs import Message
from ops.errors import NotFoundError

_ENVELOPE = TypeAdapter(FailedRecord)

NOT_AN_ENVELOPE = "unreadable"
"""Shown as the kind of a message that is no failed record's envelope."""

KINDS: tuple[str, ...] = (*get_args(Kind), NOT_AN_ENVELOPE)
"""All there are."""

NOTHING_TO_REPLAY = ("lost", NOT_AN_ENVELOPE)
"""Kinds of messages in which there is no record."""


class EnvelopeStore(Protocol):
    """Where envelopes lie that are too large for a message."""

    def fetch(self, location: str) -> str:
        """Return the envelope at `s3://bucket/key`.

        Raises:
            NotFoundError: There is nothing (any more).
            DeniedError: It may not be read.
        """
        ...

    def keep(self, location: str, text: str) -> None:
        """Write the envelope at `s3://bucket/key`, in the place of what is there.

        Raises:
            NotFoundError: There is no such bucket.
            DeniedError: It may not be written.
        """
        ...


@dataclass(frozen=True)
class DeadLetter:
    """One message with what it says."""

    message: Message
    envelope: FailedRecord | None
    problem: str | None
    """Why the message is no envelope; None when it is one."""

    @property
    def failure_id(self) -> str:
        """The name to call it by: the failure's id, or the message's own where it is no envelope."""
        return self.envelope.failure_id if self.envelope else self.message.message_id

    @property
    def kind(self) -> str:
        """The envelope's kind."""
        return self.envelope.kind if self.envelope else NOT_AN_ENVELOPE

    @property
    def reason(self) -> str:
        """The envelope's reason, or what is wrong with the message."""
        return self.envelope.reason if self.envelope else f"not a failed record's envelope: {self.problem}"

    @property
    def user_id(self) -> str | None:
        """The user whose change failed, as far as it is known."""
        return self.envelope.user_id if self.envelope else None

    @property
    def event_name(self) -> str | None:
        """INSERT, MODIFY or REMOVE, as far as it is known."""
        record = self.envelope.record if self.envelope else None
        name: Json = record.get("eventName") if is_object(record) else None
        return name if isinstance(name, str) else None

    @cached_property
    def change(self) -> "ReplayableChange | None":
        """What a replay needs of it; None when there is no record, or none with a key and a place in the order."""
        return ReplayableChange.of(self.envelope.record) if self.envelope else None

    def fetched(self, store: EnvelopeStore) -> "DeadLetter":
        """Return it with its record, where that lies outside the queue.

        Raises:
            NotFoundError: What the envelope points to isn't there, or is no envelope.
            DeniedError: It may not be read.
        """
        if self.envelope is None or self.envelope.record is not None or self.envelope.record_location is None:
            return self
        whole = read_envelope(store.fetch(self.envelope.record_location))
        if isinstance(whole, str):
            raise NotFoundError(
                f"{self.envelope.record_location} is not a failed record's envelope: {whole}",
                "look at the object itself: somebody else wrote it",
            )
        return DeadLetter(self.message, whole, None)


@dataclass(frozen=True, kw_only=True)
class ReplayableChange:
    """A failed record with the key of its effect: user and place in the order of that user's changes."""

    user_id: str
    change_id: str
    event_id: str
    record: JsonObject
    identity: str
    """Equal for copies of one record, different for different records whatever their ids say."""

    @classmethod
    def of(cls, record: Json) -> "ReplayableChange | None":
        """Read the record's key; None when it has none."""
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


def read_dead_letter(message: Message) -> DeadLetter:
    """Read a message; one that is no envelope is kept as it is, with what is wrong with it."""
    envelope = read_envelope(message.body)
    return DeadLetter(message, None, envelope) if isinstance(envelope, str) else DeadLetter(message, envelope, None)


def read_envelope(text: str) -> FailedRecord | str:
    """Return the envelope in the text, or what keeps it from being one."""
    try:
        return _ENVELOPE.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}" if place else first["msg"]


# What a failed record would have changed, as far as its images can be read.

KINDS_OF_CHANGE = {"INSERT": "added", "MODIFY": "updated", "REMOVE": "deleted"}


def record_changes(record: Json) -> Changes | str:
    """Return the changes between a record's images by field, or why there is no telling."""
    body: Json = record.get("dynamodb") if is_object(record) else None
    if not is_object(body):
        return "the record has no images"
    try:
        return diff_images(_image(body, "OldImage"), _image(body, "NewImage"))
    except MalformedValueError as error:
        return f"the images can't be read: {error}"


def _image(body: Json, name: str) -> Image | None:
    image: Json = body.get(name)
    if image is not None:
        unmarshal_image(image)
    return image


def plain_value(value: AttributeValue | None) -> str | None:
    """Return one typed value as JSON; None where there is none."""
    return None if value is None else json_line(unmarshal(value))
