"""A place where a stack may hold data of a person, and whether a record there is that person's."""

import json
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pydantic_core import from_json

from functions.dead_letters.envelope import identify_record
from functions.runtime.json_log import Json, JsonObject, is_array, is_object
from ops.job import Job


class Finding(NamedTuple):
    """One thing that a place holds of a person."""

    location: JsonObject
    """Where it is in its service: the item's key, the message's id, the object's address."""
    content: Json
    """It, whole: an item in plain values, a message or a record as it came."""


class Reading(NamedTuple):
    """What one place holds of a person."""

    findings: Sequence[Finding]
    unread: str | None = None
    """Why the place may hold more, and what to do; None if this is all."""


class Place(Protocol):
    """One place, in one stack."""

    @property
    def name(self) -> str:
        """Its name in the export and in docs/data.md, such as `dead-letter-queue`."""
        ...

    @property
    def service(self) -> str:
        """The AWS service, such as `SQS`."""
        ...

    @property
    def resource(self) -> str:
        """The table, queue or bucket by its name in the account."""
        ...

    def read(self, user_id: str, job: Job) -> Reading:
        """Return all that the place holds of the user with this id; change nothing."""
        ...


def is_of(record: Json, user_id: str) -> bool:
    """Say whether a stream's or a queue's record is about the user.

    One that can't be read, and so names no user where it should, is the user's if a member `userId`
    anywhere in it is this id.
    """
    identified = identify_record(record).user_id
    return mentions(record, user_id) if identified is None else identified == user_id


def message_is_of(body: str, user_id: str) -> bool:
    """Say the same of a message that is no record: a change on its way, or a foreign one."""
    content = _json(body)
    named: Json = content.get("userId") if is_object(content) else None
    return named == user_id if isinstance(named, str) else mentions(content, user_id)


_TEXTS = ("body", "document", "payload")
"""Members that hold JSON as text. Another member's text is a value, which may be anything."""


def mentions(value: Json, user_id: str) -> bool:
    """Say whether a member `userId`, plain or as DynamoDB types it, is this id at any depth.

    Only `userId` counts: the id of an imported user may be another one's username.
    """
    unread: list[Json] = [value]
    while unread:
        part = unread.pop()
        if is_object(part):
            if part.get("userId") in (user_id, {"S": user_id}):
                return True
            unread += (_json(member) if name in _TEXTS else member for name, member in part.items())
        elif is_array(part):
            unread += part
    return False


def json_or_text(text: str) -> Json:
    """Return what a text says if it is JSON, as far as it can be written again; else the text."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        return text


def _json(value: Json) -> Json:
    """Return what a text says if it is JSON, None if it isn't; anything else as it is."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return None
