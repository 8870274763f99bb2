"""The envelope of a failed record: a message of the dead-letter queue, whoever writes or reads it.

A frozen standard dataclass, because the functions that write it pay for each import at cold start.
Readers that have pydantic validate with `TypeAdapter(FailedRecord).validate_json(body)`, in the
same camelCase names.
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
    """Keeps failed records; sending one again is allowed, because readers count a failure id once."""

    def send(self, failed_records: Sequence["FailedRecord"]) -> SendOutcome:
        """Keep the records, or return how far that came."""
        ...


def camel_case(name: str) -> str:
    """Return the JSON name of a field: `first_failed_at` is `firstFailedAt`."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


class MalformedEnvelopeError(ValueError):
    """A text that is no failed record's envelope; the message says why."""


@dataclass(frozen=True, kw_only=True)
class StreamPointer:
    """Where a batch's records are in a stream, which keeps them for 24 hours."""

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
    """The eventID; for lost records `<shardId>:<startSequenceNumber>`. All envelopes of one record
    share it, so readers keep one of several: SQS may deliver twice, and an interrupted rescue sends
    again."""
    kind: Kind
    reason: str
    """Plain words, without personal data."""
    condition: str | None = None
    """Why the mapping gave up, in AWS's word, e.g. RetryAttemptsExhausted; None if it didn't."""
    record: Json = None
    """The record as Lambda received it; None if it is lost, or stored at `record_location`."""
    pointer: StreamPointer | None = None
    attempts: int
    """How often the function is known to have tried."""
    source_function: str
    """ARN of the function that failed."""
    event_source_arn: str | None = None
    """ARN of the stream."""
    shard_id: str | None = None
    sequence_number: str | None = None
    user_id: str | None = None
    first_failed_at: str
    """ISO 8601 in UTC with milliseconds, like `last_failed_at`."""
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

    @classmethod
    def from_json(cls, text: str) -> "FailedRecord":
        """Return the envelope that `to_json` wrote.

        Raises:
            MalformedEnvelopeError: The text is no envelope, or one of another version.
        """
        try:
            envelope: Json = json.loads(text)
        except ValueError:
            raise MalformedEnvelopeError("the message isn't JSON") from None
        if not is_object(envelope):
            raise MalformedEnvelopeError("the message isn't a JSON object")
        version = envelope.get("envelopeVersion")
        if version != ENVELOPE_VERSION:
            raise MalformedEnvelopeError(f"envelopeVersion must be {ENVELOPE_VERSION}, not {version!r}")
        values = _fields_of(cls, envelope)
        if is_object(values["pointer"]):
            values["pointer"] = StreamPointer(**_fields_of(StreamPointer, values["pointer"]))
        return cls(**values)


_encode = reusable_encoder(json.JSONEncoder(separators=(",", ":")))


def _camel_cased(value: FailedRecord | StreamPointer) -> JsonObject:
    return {json_name: getattr(value, name) for json_name, name in _names(type(value)).items()}


@cache  # of two classes, for each envelope
def _names(of: type[FailedRecord | StreamPointer]) -> dict[str, str]:
    return {camel_case(field.name): field.name for field in fields(of)}


def _fields_of(expected: type[FailedRecord | StreamPointer], found: JsonObject) -> JsonObject:
    names = _names(expected)
    if found.keys() != names.keys():
        different = sorted(found.keys() ^ names.keys())
        raise MalformedEnvelopeError(f"a {expected.__name__} lacks or doesn't know: {', '.join(different)}")
    return {names[name]: value for name, value in found.items()}


class RecordIdentity(NamedTuple):
    """What an envelope repeats of its record; None where the record lacks it in good form."""

    failure_id: str
    sequence_number: str | None
    user_id: str | None
    event_source_arn: str | None


# An id that can also name an object in S3.
_PLAIN_ID = re.compile(r"[A-Za-z0-9:_.-]{1,128}")


def identify_record(record: Json) -> RecordIdentity:
    """Return what identifies a record, however broken it is.

    The failure id is the eventID, which is the same in all redeliveries; without one it is a digest
    of the record.
    """
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
