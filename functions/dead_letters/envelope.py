"""The envelope of a failed record, which is a message of the dead-letter queue.

A standard dataclass, because the functions that write it pay for each import at cold start. Readers
have pydantic: `TypeAdapter(FailedRecord).validate_json(body)`.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from functions.runtime.json_log import Json, JsonObject, is_object, reusable_encoder
from functions.runtime.trace import REQUEST_ID, stored_trace
from functions.stream_records.attribute_values import MalformedValueError, unmarshal_image
from functions.stream_records.user_change import SEQUENCE_NUMBER, trace_of_write

ENVELOPE_VERSION = 1

Kind = Literal["permanent", "exhausted", "expired", "lost"]
"""permanent: the function found that no attempt could ever work. exhausted: no retry is left.
expired: the record grew older than the mapping allows. lost: only the pointer is left.
"""


DEAD_LETTERED = "RECORD SET ASIDE:"
"""What a consumer's log says of a record that went to the dead-letter queue."""
REFUSED = "RECORD REFUSED:"
"""And of one that can never be processed, in a replay: there it is in the queue already."""


class SendOutcome(NamedTuple):
    """How far a sending of failed records came."""

    sent: int
    """That many records, from the first on, are kept; later ones may be too."""
    interruption: str | None
    """Why it stopped before the last record; None if it didn't. Another attempt may work."""
    left_out: AbstractSet[int] = frozenset()
    """Positions of records of erased users, which are kept nowhere; they count as sent."""


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
    """The eventID, except in log_user_changes after its consumer: `welcome-new-users.<eventID>`.
    For lost records `<shardId>:<startSequenceNumber>`. Readers keep one envelope of several with
    the same id: SQS may deliver twice, and an interrupted rescue sends again."""
    kind: Kind
    reason: str  # plain words, without personal data
    condition: str | None = None
    """Why the mapping gave up, in AWS's word, e.g. RetryAttemptsExhausted; None if it didn't."""
    record: Json = None
    """The record as Lambda received it; None if it is lost, or stored at `record_location`."""
    pointer: StreamPointer | None = None
    attempts: int  # how often the function is known to have tried
    source_function: str  # ARN of the function that failed
    event_source_arn: str | None = None  # of the stream, or of the consumer's queue
    shard_id: str | None = None
    sequence_number: str | None = None
    """The stream record's, or the changeId that a queue's message names. It orders a user's records
    of one consumer."""
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


PLAIN_ID = re.compile(r"[A-Za-z0-9:_.-]{1,128}")
"""An id that can also name an object in S3."""

_FIRST_CONSUMER = "log-user-changes"
"""Its failure ids are bare: they were so before there were other consumers."""


def identify_record(record: Json, source_function: str = "") -> RecordIdentity:
    """Return what identifies a record, however broken it is; without an eventID, its digest.

    Args:
        record: of a stream, or of a consumer's queue, as Lambda delivers it.
        source_function: ARN of the function that failed on it. Each consumer of a change may fail
            on it, so the failure id names the consumer.
    """
    identity = _queue_record(record) if _member(record, "eventSource") == "aws:sqs" else _stream_record(record)
    consumer = consumer_name(source_function)
    if consumer in ("", _FIRST_CONSUMER):
        return identity
    failure_id = f"{consumer}.{identity.failure_id}"
    return identity._replace(failure_id=failure_id if PLAIN_ID.fullmatch(failure_id) else content_id(failure_id))


def consumer_name(function: str) -> str:
    """Return a consumer's name on every command line, `welcome-new-users`, from its function's ARN.

    infra/consumers/declaration.py makes both from the consumer's folder; a test compares them.
    """
    parts = function.split(":")
    name = parts[6] if len(parts) > 6 else function  # noqa: PLR2004  arn:aws:lambda:region:account:function:NAME
    return re.sub(r"(?<=.)(?=[A-Z])", "-", name.partition("Function-")[0]).lower()


def _stream_record(record: Json) -> RecordIdentity:
    body = _member(record, "dynamodb")
    return RecordIdentity(
        failure_id=_plain_id(_member(record, "eventID")) or content_id(record),
        sequence_number=_sequence_number(_member(body, "SequenceNumber")),
        user_id=_text(_member(_member(_member(body, "Keys"), "userId"), "S")),
        event_source_arn=_text(_member(record, "eventSourceARN")),
    )


def _queue_record(record: Json) -> RecordIdentity:
    """Identify the message of a consumer's queue: functions/consumers/message.py has its form."""
    body, message = _text(_member(record, "body")) or "", _message(record)
    return RecordIdentity(
        # A receipt handle and counts differ at each delivery; the message's id doesn't.
        failure_id=_plain_id(_member(message, "eventId"))
        or _plain_id(_member(record, "messageId"))
        or content_id(body),
        sequence_number=_sequence_number(_member(message, "changeId")),
        user_id=_text(_member(message, "userId")),
        # Redriven to the failure queue, it says which queue it comes from.
        event_source_arn=_text(_member(_member(record, "attributes"), "DeadLetterQueueSourceArn"))
        or _text(_member(record, "eventSourceARN")),
    )


def request_of(record: Json) -> dict[str, str]:
    """Return, as lines of a log have it, the id of the request that made a record's change.

    Empty if the record doesn't tell, as that of a deletion: the user's note in Activity does.
    """
    if _member(record, "eventSource") == "aws:sqs":
        request_id = _member(_message(record), "requestId")
        return {"requestId": request_id} if isinstance(request_id, str) and REQUEST_ID.fullmatch(request_id) else {}
    body = _member(record, "dynamodb")
    old, new = _member(body, "OldImage"), _member(body, "NewImage")
    if not is_object(new):
        return {}
    if _member(_member(body, "Keys"), "changeId") is not None:
        trace = stored_trace(new)
    else:
        try:
            trace = trace_of_write(None if old is None else unmarshal_image(old), unmarshal_image(new))
        except MalformedValueError:  # perhaps why it failed
            trace = None
    return {} if trace is None else {"requestId": trace.request_id}


def content_id(content: Json) -> str:
    """Return an id made of the content, for what has no id of its own."""
    return "sha256-" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _message(record: Json) -> Json:
    """Return the JSON in a queue's record; None if there is none."""
    try:
        return json.loads(_text(_member(record, "body")) or "")
    except (ValueError, RecursionError):
        return None


def _member(value: Json, name: str) -> Json:
    return value.get(name) if is_object(value) else None


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _plain_id(value: Json) -> str | None:
    return value if isinstance(value, str) and PLAIN_ID.fullmatch(value) else None


def _sequence_number(value: Json) -> str | None:
    return value if isinstance(value, str) and SEQUENCE_NUMBER.fullmatch(value) else None
