"""The message of one change, in the topic UserChanges and in each consumer's queue.

It is a claim check: it names the change and holds no value of a person, so topic, queues and
dead-letter queue hold none either. The change itself is an item of Activity.

    {"messageVersion": 1, "userId": "...", "changeId": "<40 digits>", "eventId": "...",
     "kind": "ADDED" | "UPDATED" | "DELETED", "origin": "change" | "backfill",
     "occurredAt": "2026-11-24T03:27:59.000Z", "requestId": "JKJaXmPLvHcESHA="}

`requestId` is only there if the change's request is known.
"""

import json
import re
from typing import NamedTuple

from functions.activity.items import MAXIMUM_KEY_BYTES
from functions.runtime.json_log import Json, JsonObject, is_object, json_line
from functions.runtime.trace import REQUEST_ID
from functions.stream_records.user_change import KIND_OF_EVENT, SEQUENCE_NUMBER_DIGITS

MESSAGE_VERSION = 1
KINDS = frozenset(KIND_OF_EVENT.values())
CHANGE, BACKFILL = "change", "backfill"
"""The origins: `python -m ops backfill` adds users from before the stream to the history."""

CHANGE_ID = re.compile(rf"\d{{{SEQUENCE_NUMBER_DIGITS}}}", re.ASCII)

_BACKFILL_LIMIT = 2**64
"""Backfilled changes have lower numbers, streams assign higher ones: ops/users/backfill_records.py
and docs/decisions/0008-backfill-below-every-number.md."""


class MalformedMessageError(ValueError):
    """A message that names no change; its text says what is wrong, without any value."""


class ChangeMessage(NamedTuple):
    """One change, by name."""

    user_id: str
    change_id: str
    event_id: str
    kind: str  # ADDED, UPDATED or DELETED
    origin: str  # change or backfill
    occurred_at: str  # ISO 8601 in UTC with milliseconds
    request_id: str | None = None  # of the request that made the change

    def to_json(self) -> str:
        """Return the message's body, in ASCII."""
        return json_line(
            {
                "messageVersion": MESSAGE_VERSION,
                "userId": self.user_id,
                "changeId": self.change_id,
                "eventId": self.event_id,
                "kind": self.kind,
                "origin": self.origin,
                "occurredAt": self.occurred_at,
                **self.caused,
            }
        )

    @property
    def caused(self) -> dict[str, str]:
        """The request's id, if it is known, as messages and lines of a log have it."""
        return {} if self.request_id is None else {"requestId": self.request_id}


def origin_of(change_id: str) -> str:
    """Return whether a change comes from the stream or from a backfill, by its number."""
    return BACKFILL if int(change_id) < _BACKFILL_LIMIT else CHANGE


def parse_message(body: Json) -> ChangeMessage:
    """Read a message's body, or raise `MalformedMessageError`.

    Members that this version doesn't know are ignored.
    """
    try:
        content: Json = json.loads(body)
    except (TypeError, ValueError, RecursionError):
        raise MalformedMessageError("the message isn't JSON") from None
    if not is_object(content):
        raise MalformedMessageError("the message isn't an object")
    version: Json = content.get("messageVersion")
    if type(version) is not int or version != MESSAGE_VERSION:
        known = type(version) is int and 0 <= version < MAXIMUM_KEY_BYTES
        raise MalformedMessageError(
            f"messageVersion {version} is not supported" if known else "messageVersion is missing"
        )
    request_id: Json = content.get("requestId")
    message = ChangeMessage(
        user_id=_text(content, "userId"),
        change_id=_text(content, "changeId"),
        event_id=_text(content, "eventId"),
        kind=_text(content, "kind"),
        origin=_text(content, "origin"),
        occurred_at=_text(content, "occurredAt"),
        request_id=request_id if type(request_id) is str and REQUEST_ID.fullmatch(request_id) else None,
    )
    complaint = complaint_about(message)
    if complaint:
        raise MalformedMessageError(complaint)
    return message


def complaint_about(message: ChangeMessage) -> str | None:
    """Return what keeps a message from naming a change; None if it does."""
    if len(message.user_id.encode("utf-8", "surrogatepass")) > MAXIMUM_KEY_BYTES:
        return f"userId is longer than {MAXIMUM_KEY_BYTES} bytes"
    if not CHANGE_ID.fullmatch(message.change_id):
        return f"changeId must be {SEQUENCE_NUMBER_DIGITS} digits"
    if message.kind not in KINDS:
        return f"kind must be one of {', '.join(sorted(KINDS))}"
    if message.origin not in (CHANGE, BACKFILL):
        return f"origin must be {CHANGE} or {BACKFILL}"
    return None


def _text(content: JsonObject, name: str) -> str:
    value: Json = content.get(name)
    if type(value) is not str or not value:
        raise MalformedMessageError(f"{name} must be a string that isn't empty")
    return value
