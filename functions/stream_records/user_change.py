"""One record of the Users stream, read into a change of one user or refused with a reason.

A refusal is permanent: the same record would be refused again. Its reason names fields and types,
never a personal value. Record form: Lambda developer guide, "Using AWS Lambda with Amazon
DynamoDB"; DynamoDB Streams API reference, "Record".
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple, cast

from functions.runtime.json_log import Json, is_object, utc_timestamp
from functions.runtime.trace import Trace, trace_of
from functions.stream_records.attribute_values import (
    Changes,
    Image,
    MalformedValueError,
    PlainValue,
    changed_names,
    diff_images,
    unmarshal_image,
)
from functions.stream_records.schema_versions import SUPPORTED_SCHEMA_VERSIONS, VERSION_WHEN_MISSING
from functions.users.user import (
    CHANGED_BY,
    FIRST_VERSION,
    INTERNAL_ATTRIBUTES,
    LAST_VERSION,
    UNKNOWN_ACTOR,
    version_after,
    version_of,
)

KIND_OF_EVENT = {"INSERT": "ADDED", "MODIFY": "UPDATED", "REMOVE": "DELETED"}
"""The three event names of a stream, and what each does to a user."""

SEQUENCE_NUMBER_DIGITS = 40
"""The most digits of a sequence number (Streams API reference, "StreamRecord")."""
SEQUENCE_NUMBER = re.compile(rf"\d{{1,{SEQUENCE_NUMBER_DIGITS}}}", re.ASCII)

_FIRST_SECOND_OF_YEAR_1 = -62_135_596_800
_FIRST_SECOND_OF_YEAR_10000 = 253_402_300_800
# What a TTL deletion carries, and a caller's doesn't (developer guide, "DynamoDB Streams and Time
# to Live").
_TTL_IDENTITY = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


class UnprocessableRecordError(ValueError):
    """A record that no later attempt could process; the message is the reason, in plain words."""


class UnknownEventError(UnprocessableRecordError):
    """A record whose event is none of INSERT, MODIFY and REMOVE."""


class UserChange(NamedTuple):
    """One change of one user.

    Images come twice: typed, to store and compare exactly, and plain, to read and log.
    """

    event_id: str
    event_name: str
    kind: str  # ADDED, UPDATED or DELETED
    actor: str
    """As far as the record tells: self for a registration, the ARN of who changed the user through
    the API, ttl if DynamoDB's expiry deleted the user; else caller."""
    user_id: str
    sequence_number: str
    occurred_seconds: float  # since the epoch; DynamoDB rounds them down to whole ones
    old_image: Image | None
    new_image: Image | None
    old: dict[str, PlainValue] | None
    new: dict[str, PlainValue] | None
    deleted_at: float | None
    """When the user was deleted, in seconds since the epoch, as far as it is known; the record of
    the deletion tells it, and a closing item. None for a user who isn't, or was stored again."""
    trace: Trace | None = None
    """The request that made the change; of a deletion, only a closing item tells it."""

    @property
    def changes(self) -> Changes:
        """The changed attributes; computed at each call, because only Activity needs them.

        Internal attributes aren't in it.
        """
        changes = diff_images(self.old_image, self.new_image)
        for name in INTERNAL_ATTRIBUTES:
            changes.pop(name, None)
        return changes

    @property
    def changed_fields(self) -> list[str]:
        """The names of `changes`: all that a masked log shows of an update."""
        names = changed_names(self.old_image or {}, self.new_image or {})
        return [name for name in names if name not in INTERNAL_ATTRIBUTES]

    @property
    def occurred_at(self) -> str:
        """The time of the change, ISO 8601 in UTC with milliseconds."""
        return utc_timestamp(self.occurred_seconds)


# NamedTuple's own __new__ is written in Python, too slow for every record of a batch.
_user_change: Callable[[tuple[object, ...]], UserChange] = partial(cast("Any", tuple).__new__, UserChange)


def parse_user_change(record: Json) -> UserChange:
    """Read one stream record, in the form that Lambda delivers.

    Raises:
        UnknownEventError: Its eventName is none of the stream's three.
        UnprocessableRecordError: A part is missing or mistyped, or its schemaVersion is unknown.
    """
    old_image: Image | None = None
    new_image: Image | None = None
    try:
        event_name = record["eventName"]
        kind = _kind_of(event_name)
        event_id = record["eventID"]
        body = record["dynamodb"]
        user_id = body["Keys"]["userId"].get("S")
        sequence_number = body["SequenceNumber"]
        seconds = body["ApproximateCreationDateTime"]
        if kind != "ADDED":
            old_image = body["OldImage"]
        if kind != "DELETED":
            new_image = body["NewImage"]
    except KeyError as missing:
        raise UnprocessableRecordError(f"the record has no {missing.args[0]}") from None
    except (TypeError, AttributeError):
        raise UnprocessableRecordError("the record or a part of it isn't an object") from None
    if type(event_id) is not str or not event_id:
        raise UnprocessableRecordError("eventID must be a string that isn't empty")
    if type(user_id) is not str or not user_id:
        raise UnprocessableRecordError("userId in Keys must be a string that isn't empty")
    if type(sequence_number) is not str or not SEQUENCE_NUMBER.fullmatch(sequence_number):
        raise UnprocessableRecordError(f"SequenceNumber must be a string of 1 to {SEQUENCE_NUMBER_DIGITS} digits")
    if type(seconds) not in (int, float) or not _FIRST_SECOND_OF_YEAR_1 <= seconds < _FIRST_SECOND_OF_YEAR_10000:
        raise UnprocessableRecordError("ApproximateCreationDateTime must be seconds since the epoch, as a number")
    # No stream has a time before 1970. A backfill gave users one who were imported with such a
    # date, and in the dead-letter queue those records are still to be replayed.
    seconds = max(seconds, 0)
    old = None if kind == "ADDED" else _plain_image("OldImage", old_image)
    new = None if kind == "DELETED" else _plain_image("NewImage", new_image)
    if new is None:
        actor = "ttl" if record.get("userIdentity") == _TTL_IDENTITY else UNKNOWN_ACTOR
    else:
        actor = _writer(old or {}, new)
    return _user_change(
        (
            *(event_id, event_name, kind, actor, user_id, sequence_number, seconds),
            *(old_image, new_image, old, new),
            seconds if new is None else None,
            None if new is None or actor == UNKNOWN_ACTOR else trace_of_write(old, new),
        )
    )


def _writer(old: Mapping[str, PlainValue], new: Mapping[str, PlainValue]) -> str:
    """Return who wrote an image through the API.

    Each write of the API names its actor and version. A write past it leaves the former ones, or
    makes another version.
    """
    written = new.get(CHANGED_BY)
    if not is_object(written) or written == old.get(CHANGED_BY) or written.get("version") != new.get("version"):
        return UNKNOWN_ACTOR
    actor = written.get("actor")
    return actor if isinstance(actor, str) and actor else UNKNOWN_ACTOR


def trace_of_write(old: Mapping[str, PlainValue] | None, new: Mapping[str, PlainValue]) -> Trace | None:
    """Return the request that turned one image of a user, in plain values, into the next.

    `old` is None for a user who is new. A request leaves the version after the one that it met, and
    its id with that. So what is written past the API shows no id. An item that is put back whole
    shows its own, if its version is the next one: nothing tells that from the request that wrote it
    first.
    """
    written = new.get(CHANGED_BY)
    if not is_object(written) or "requestId" not in written:
        return None
    version = new.get("version")
    if written.get("version") != version or (old is not None and old.get(CHANGED_BY) == written):
        return None
    before = None if old is None else old.get("version", FIRST_VERSION)
    if version != (FIRST_VERSION if before is None else _next_version(before)):
        return None
    return trace_of(written.get("requestId"), written.get("traceparent"))


def _next_version(before: PlainValue) -> int:
    """Return the version that a request makes of a stored one, as `version_of` reads that."""
    if before.__class__ is int and FIRST_VERSION <= before < LAST_VERSION:
        return before + 1
    is_number = before.__class__ in (int, Decimal)
    return version_after(version_of({"version": {"N": str(before)}} if is_number else {}))


def _kind_of(event_name: Json) -> str:
    if type(event_name) is not str or not event_name:
        raise UnprocessableRecordError("eventName must be a string that isn't empty")
    kind = KIND_OF_EVENT.get(event_name)
    if kind is None:
        raise UnknownEventError(f"eventName {event_name[:40]!r} is not {', '.join(KIND_OF_EVENT)}")
    return kind


def _plain_image(name: str, image: Image | None) -> dict[str, PlainValue]:
    try:
        plain = unmarshal_image(image)
    except MalformedValueError as error:
        raise UnprocessableRecordError(f"{name}: {error}") from None
    version = plain.get("schemaVersion", VERSION_WHEN_MISSING)
    if type(version) not in (int, Decimal):  # True is an int in Python, but no version
        raise UnprocessableRecordError(f"{name}: schemaVersion must be a number (N)")
    if version not in SUPPORTED_SCHEMA_VERSIONS:
        raise UnprocessableRecordError(f"schemaVersion {version} is not supported")
    return plain
