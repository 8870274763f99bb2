"""The message of the mapping's on-failure destination: a batch it gave up on, and where that is.

Form: Lambda developer guide, "Retaining discarded batches for DynamoDB event sources". Recorded
bodies lack responseContext if the records had expired, and have a null functionError if the
function returned its failure. Only a destination in S3 gets the records too.

Whoever may send to the failure queue can write such a message (docs/ops.md). So it is taken for a
place alone, in a stream of the stack's own tables, and its records are read there.
"""

import json
import re
from typing import NamedTuple

from functions.dead_letters.envelope import StreamPointer
from functions.runtime.json_log import Json, JsonObject, is_object, normalized_timestamp
from functions.stream_records.user_change import SEQUENCE_NUMBER_DIGITS

# Longer than a record's own: GetShardIterator, which reads the range, takes no fewer than 21 digits
# (Streams API reference).
_SEQUENCE_NUMBER = re.compile(rf"\d{{21,{SEQUENCE_NUMBER_DIGITS}}}", re.ASCII)

RECORD_AGE_EXCEEDED = "RecordAgeExceeded"


class MalformedDocumentError(ValueError):
    """A message that points to no records; its text says what is missing."""


class FailureDocument(NamedTuple):
    """One batch that the mapping gave up on."""

    condition: str  # why, in AWS's word
    attempts: int  # how often the function got this batch
    function_arn: str
    failed_at: str  # ISO 8601 in UTC with milliseconds
    pointer: StreamPointer


def parse_failure_document(body: str, streams: tuple[str, ...]) -> FailureDocument:
    """Read one message.

    Args:
        body: the message's.
        streams: how the ARNs of the tables' streams begin (`functions.runtime.arns.streams_of`).

    Raises:
        MalformedDocumentError: It points to no records, or to those of another stream.
    """
    try:
        document: Json = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedDocumentError("the message isn't JSON") from None
    request = _object(document, "requestContext")
    pointer = _pointer(_object(document, "DDBStreamBatchInfo"))
    if not pointer.stream_arn.startswith(streams):
        raise MalformedDocumentError("streamArn is no stream of this stack's tables")
    condition = _text(request, "condition")
    invocations = _count(request, "approximateInvokeCount")
    # The document of a batch that was too old at once counts 1 too, and none took place.
    attempts = 0 if condition == RECORD_AGE_EXCEEDED and invocations == 1 else invocations
    function_arn, timestamp = _text(request, "functionArn"), _text(document, "timestamp")
    try:
        failed_at = normalized_timestamp(timestamp)
    except ValueError:
        raise MalformedDocumentError("timestamp is no ISO 8601 time") from None
    return FailureDocument(condition, attempts, function_arn, failed_at, pointer)


def _pointer(batch: JsonObject) -> StreamPointer:
    pointer = StreamPointer(
        stream_arn=_text(batch, "streamArn"),
        shard_id=_text(batch, "shardId"),
        start_sequence_number=_sequence_number(batch, "startSequenceNumber"),
        end_sequence_number=_sequence_number(batch, "endSequenceNumber"),
        batch_size=_count(batch, "batchSize"),
    )
    if int(pointer.end_sequence_number) < int(pointer.start_sequence_number):
        raise MalformedDocumentError("endSequenceNumber lies before startSequenceNumber")
    return pointer


def _object(container: Json, name: str) -> JsonObject:
    value: Json = container.get(name) if is_object(container) else None
    if not is_object(value):
        raise MalformedDocumentError(f"{name} is missing")
    return value


def _text(container: JsonObject, name: str) -> str:
    value: Json = container.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedDocumentError(f"{name} is missing")
    return value


def _sequence_number(container: JsonObject, name: str) -> str:
    text = _text(container, name)
    if not _SEQUENCE_NUMBER.fullmatch(text):
        raise MalformedDocumentError(f"{name} is no sequence number")
    return text


def _count(container: JsonObject, name: str) -> int:
    value: Json = container.get(name)
    if type(value) is not int or value < 1:
        raise MalformedDocumentError(f"{name} must be a whole number above 0")
    return value
