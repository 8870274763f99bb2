"""A failed record: the change that it carries, and what a replay needs of it.

A record comes as its consumer received it: from a stream, with images; or from the consumer's
queue, whose message names the change and holds none of the user's values
(functions/consumers/message.py).
"""

import hashlib
import json
from dataclasses import dataclass
from typing import NamedTuple

from pydantic_core import from_json

from functions.activity.items import change_id
from functions.dead_letters.envelope import identify_record
from functions.runtime.json_log import Json, JsonObject, is_object, json_line
from functions.stream_records.attribute_values import (
    AttributeChange,
    AttributeValue,
    Changes,
    MalformedValueError,
    diff_images,
    unmarshal,
    unmarshal_image,
)
from infra.consumers.declaration import Consumer, Source


class CarriedChange(NamedTuple):
    """What a queue's message says of its change; None for what it lacks."""

    user_id: str | None
    change_id: str | None
    event_id: str | None
    kind: str | None
    origin: str | None
    occurred_at: str | None


@dataclass(frozen=True, kw_only=True)
class ReplayableChange:
    """A record with its consumer, its user, and its place among the user's changes."""

    consumer: str
    user_id: str
    change_id: str  # 40 digits, so that text order is the order of the changes
    event_id: str
    record: JsonObject
    identity: str
    """The same for copies of one consumer's failed record, different for any other."""

    @classmethod
    def of(cls, record: Json, consumer: Consumer) -> "ReplayableChange | None":
        """Return the change; None if the record isn't of the consumer's form, or names no place."""
        if not is_object(record):
            return None
        if consumer.has_queue:
            carried = carried_change(record)
            if carried is None or not isinstance(record.get("messageId"), str):
                return None
            user_id, place, event_id, *_ = carried
            content = record["body"]  # the rest of the record differs with each delivery
        else:
            found = identify_record(record)
            id_: Json = record.get("eventID")
            user_id, event_id = found.user_id, id_ if isinstance(id_, str) else None
            place = found.sequence_number and change_id(found.sequence_number)
            if consumer.source is Source.ACTIVITY_STREAM and place is not None:
                place = _text(_member(record, "dynamodb", "Keys", "changeId", "S"))
            content = json.dumps(record, sort_keys=True, separators=(",", ":"))
        if not (user_id and place and event_id):
            return None
        return cls(
            consumer=consumer.logical_name,
            user_id=user_id,
            change_id=place,
            event_id=event_id,
            record=record,
            identity=hashlib.sha256(f"{consumer.logical_name} {content}".encode()).hexdigest(),
        )


def carried_change(record: Json) -> CarriedChange | None:
    """Return what the message of a queue's record says; None for another record or body."""
    body = record.get("body") if is_object(record) and record.get("eventSource") == "aws:sqs" else None
    try:
        # Unlike json it refuses what nests without end, and halves of surrogate pairs.
        message: Json = from_json(body) if isinstance(body, str) else None
    except ValueError:
        return None
    if not is_object(message):
        return None
    names = ("userId", "changeId", "eventId", "kind", "origin", "occurredAt")
    return CarriedChange(*(_text(message.get(name)) for name in names))


def event_of(record: Json) -> str | None:
    """Return what happened to the user, in the record's own word.

    That is INSERT, MODIFY or REMOVE in a record of Users; ADDED, UPDATED or DELETED elsewhere.
    """
    carried = carried_change(record)
    if carried is not None:
        return carried.kind
    item = _activity_item(record)
    return _text(_member(item, "kind", "S")) if item else _text(_member(record, "eventName"))


def record_changes(record: Json) -> Changes | str:
    """Return the changed values of the user by attribute, or why they can't be told."""
    if carried_change(record) is not None:
        return "a queue's message holds no values, the user's history does"
    body = _member(record, "dynamodb")
    if not is_object(body):
        return "the record has no images"
    old, new = body.get("OldImage"), body.get("NewImage")
    try:
        for image in (old, new):
            if image is not None:
                unmarshal_image(image)
    except MalformedValueError as error:
        return f"the images can't be read: {error}"
    changes = _member(_activity_item(record), "changes", "M")
    if is_object(changes):
        return {
            name: AttributeChange(_member(change, "M", "old"), _member(change, "M", "new"))
            for name, change in changes.items()
        }
    return diff_images(old, new)


def value_as_json(value: AttributeValue | None) -> str | None:
    """Return an attribute value as JSON text; None for None."""
    return None if value is None else json_line(unmarshal(value))


def _activity_item(record: Json) -> JsonObject | None:
    """Return the item in a record of Activity's stream; None for another record."""
    item = _member(record, "dynamodb", "NewImage")
    return item if is_object(item) and _member(record, "dynamodb", "Keys", "changeId") is not None else None


def _member(value: Json, *names: str) -> Json:
    for name in names:
        value = value.get(name) if is_object(value) else None
    return value


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
