"""The envelope of a failed record, which is a message of the dead-letter queue.

A standard dataclass, because the functions that write it pay for each import at cold start. Readers
have pydantic: `TypeAdapter(FailedRecord).validate_json(body)`.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from functions.runtime.json_log import Json, JsonObject, is_object, reusable_encoder
from functions.stream_records.user_change import SEQUENCE_NUMBER

ENVELOPE_VERSION = 1

Kind = Literal["permanent", "exhausted", "expired", "lost"]
"""permanent: log_user_changes found that no attempt could ever work. exhausted: the mapping used up
its retries. expired: the record grew older than the mapping allows. lost: only the pointer is left.
"""


class SendOutcome(NamedTuple):
    """How far a sending of failed records came."""

    sent: int
    """That many records, from the first on, are kept; later ones may be too."""
    interruption: str | None
    """Why it stopped before the last record; None if it didn't. Another attempt may work."""


class DeadLetterSender(Protocol):
    """Keeps failed records. One may be sent again, because readers count a failure id once."""

    def send(self, failed_records: Sequence["FailedRecord"]) -> SendOutcome:
        """Keep the records, or return how far that came."""
        ...


def camel_case(name: str) -> str:
    """Return the JSON name of a field: `first_failed_at` is `firstFailedAt`."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


@dataclass(frozen=True, kw_only=True)
class StreamPointer:
    """Where a batch's records are in a stream, for 24 hours."""

    stream_arn: str
    shard_id: str
    start_sequence_number: str
    end_sequence_number: str
    batch_size: int

    __pydantic_config__: ClassVar[dict[str, Any]] = {"alias_generator": camel_case, "extra": "forbid"}


@dataclass(frozen=True, kw_only=True)
class FailedRecord:
    """One failed record with all that is known of its failure."""

    failure_id: str
    """The eventID; for lost records `<shardId>:<startSequenceNumber>`. Readers keep one envelope of
    several with the same id: SQS may deliver twice, and an interrupted rescue sends again."""
    kind: Kind
    reason: str  # plain words, without personal data
    condition: str | None = None
    """Why the mapping gave up, in AWS's word, e.g. RetryAttemptsExhausted; None if it didn't."""
    record: Json = None
    """The record as Lambda received it; None if it is lost, or stored at `record_location`."""
    pointer: StreamPointer | None = None
    attempts: int  # how often the function is known to have tried
    source_function: str  # ARN of the function that failed
    event_source_arn: str | None = None  # of the stream
    shard_id: str | None = None
    sequence_number: str | None = None
    user_id: str | None = None
    first_failed_at: str  # ISO 8601 in UTC with milliseconds, like the next
    last_failed_at: str
    record_location: str | None = None
    """`s3://bucket/key` of the whole envelope, if the record is too large for a message."""
    document: str | None = None
    """The whole failure message of the mapping, if it couldn't be understood."""
    envelope_version: Literal[1] = ENVELOPE_VERSION

    __pydantic_config__: ClassVar[dict[str, Any]] = {"alias_generator": camel_case, "extra": "forbid"}

    def to_json(self) -> str:
        """Return the envelope as JSON in ASCII: SQS refuses some characters (SendMessage)."""
        envelope = _camel_cased(self)
        if self.pointer is not None:
            envelope["pointer"] = _camel_cased(self.pointer)
        return _encode(envelope)


_encode = reusable_encoder(json.JSONEncoder(separators=(",", ":")))


def _camel_cased(value: FailedRecord | StreamPointer) -> JsonObject:
    return {json_name: getattr(value, name) for json_name, name in _names(type(value)).items()}


@cache  # of two classes, for each envelope
def _names(of: type[FailedRecord | StreamPointer]) -> dict[str, str]:
    return {camel_case(field.name): field.name for field in fields(of)}


class RecordIdentity(NamedTuple):
    """What an envelope repeats of its record; None where the record lacks it in good form."""

    failure_id: str
    sequence_number: str | None
    user_id: str | None
    event_source_arn: str | None


# An id that can also name an object in S3.
_PLAIN_ID = re.compile(r"[A-Za-z0-9:_.-]{1,128}")


def identify_record(record: Json) -> RecordIdentity:
    """Return what identifies a record, however broken it is; without an eventID, its digest."""
    body = _member(record, "dynamodb")
    event_id = _text(_member(record, "eventID"))
    sequence_number = _text(_member(body, "SequenceNumber"))
    return RecordIdentity(
        failure_id=event_id if event_id and _PLAIN_ID.fullmatch(event_id) else content_id(record),
        sequence_number=sequence_number if sequence_number and SEQUENCE_NUMBER.fullmatch(sequence_number) else None,
        user_id=_text(_member(_member(_member(body, "Keys"), "userId"), "S")),
        event_source_arn=_text(_member(record, "eventSourceARN")),
    )


def content_id(content: Json) -> str:
    """Return an id made of the content, for what has no id of its own."""
    return "sha256-" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _member(value: Json, name: str) -> Json:
    return value.get(name) if is_object(value) else None


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
