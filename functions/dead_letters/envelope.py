"""The envelope of a failed record: the message of the dead-letter queue, the same for whoever writes or reads it.

A frozen standard dataclass, since the functions that write it pay for each import at their cold start. Readers that
have pydantic validate with `TypeAdapter(FailedRecord).validate_json(body)`: names are camelCase there as here.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from functions.runtime.json_log import Json, JsonObject, is_object, kept_encoder
from functions.stream_records.user_change import SEQUENCE_NUMBER_DIGITS

ENVELOPE_VERSION = 1

Kind = Literal["permanent", "exhausted", "expired", "lost"]
"""permanent: log_user_changes saw that no attempt could ever work. exhausted: the mapping used up its retries.
expired: the record grew older than the mapping allows. lost: only the pointer is left."""


def camel_case(name: str) -> str:
    """Return the JSON name of a field: `first_failed_at` is `firstFailedAt`."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


class MalformedEnvelopeError(ValueError):
    """A text that is no failed record's envelope; the message says what of it isn't."""


@dataclass(frozen=True, kw_only=True)
class StreamPointer:
    """Where records lie in a stream, until it forgets them 24 hours after the write."""

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
    """The same for every envelope of one record, so readers keep one of several: SQS may deliver twice, and a rescue
    that was cut off sends again. The eventID; for lost records `<shardId>:<startSequenceNumber>`."""
    kind: Kind
    reason: str
    """Plain words, without personal data."""
    condition: str | None = None
    """Why the mapping gave up, in AWS's word, such as RetryAttemptsExhausted; None when it didn't."""
    record: Json = None
    """The record as Lambda received it; None when it is lost, or lies at `record_location`."""
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
    """`s3://bucket/key` of the whole envelope, when the record is too large for a message."""
    document: str | None = None
    """The mapping's failure message as it came, when it couldn't be understood: nothing of it is thrown away."""
    envelope_version: Literal[1] = ENVELOPE_VERSION

    __pydantic_config__: ClassVar[dict[str, Any]] = {"alias_generator": camel_case, "extra": "forbid"}

    def to_json(self) -> str:
        """Return the envelope as JSON, in ASCII alone: SQS refuses some characters (API reference, "SendMessage")."""
        envelope = _camel_cased(self)
        if self.pointer is not None:
            envelope["pointer"] = _camel_cased(self.pointer)
        return _encode(envelope)

    @classmethod
    def from_json(cls, text: str) -> "FailedRecord":
        """Return the envelope that `to_json` wrote.

        Raises:
            MalformedEnvelopeError: The text is none, or of another version.
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


_encode = kept_encoder(json.JSONEncoder(separators=(",", ":")))


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


# What a stream record says of itself, however broken it is: enough to name it, find it and never
# count it twice.

_PLAIN_ID = re.compile(r"[A-Za-z0-9:_.-]{1,128}")
_SEQUENCE_NUMBER = re.compile(rf"\d{{1,{SEQUENCE_NUMBER_DIGITS}}}", re.ASCII)


class RecordIdentity(NamedTuple):
    """The parts of a record that its envelope repeats; None where the record has no such part in good form."""

    failure_id: str
    sequence_number: str | None
    user_id: str | None
    event_source_arn: str | None


def identify_record(record: Json) -> RecordIdentity:
    """Return what the record says of itself, without trusting any of it to be there.

    The failure id is the eventID, which stays the same over all redeliveries, or a digest of the record if it has none.
    """
    body = _member(record, "dynamodb")
    event_id = _text(_member(record, "eventID"))
    sequence_number = _text(_member(body, "SequenceNumber"))
    return RecordIdentity(
        failure_id=event_id if event_id and _PLAIN_ID.fullmatch(event_id) else content_id(record),
        sequence_number=sequence_number if sequence_number and _SEQUENCE_NUMBER.fullmatch(sequence_number) else None,
        user_id=_text(_member(_member(_member(body, "Keys"), "userId"), "S")),
        event_source_arn=_text(_member(record, "eventSourceARN")),
    )


def content_id(content: Json) -> str:
    """Return an id made of the content itself, for what has no id of its own."""
    return "sha256-" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _member(value: Json, name: str) -> Json:
    return value.get(name) if is_object(value) else None


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


# What record processing needs of the place that keeps failed records.


class SendOutcome(NamedTuple):
    """How far a sending of failed records came."""

    sent: int
    """So many of them, from the first on, are safely kept; some after them may be too."""
    interruption: str | None
    """Why it stopped before the last one; None when it didn't. Another attempt may work."""


class DeadLetterSender(Protocol):
    """A keeper of failed records; to send one again is allowed, since readers count a failure id once."""

    def send(self, failed_records: Sequence[FailedRecord]) -> SendOutcome:
        """Keep the records, or say how far that worked."""
        ...
