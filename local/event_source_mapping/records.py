"""Records of the stream as the delivery needs them: where they stand, whose they are, and their text in an event."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from functions.json_types import JsonObject
from functions.stream_records.lambda_form import lambda_record

_EVENT_START = b'{"Records":['
_EVENT_END = b"]}"
EVENT_BYTES = len(_EVENT_START) + len(_EVENT_END)


class StreamRecord(NamedTuple):
    """One change, ready to be delivered."""

    sequence_number: str
    """As the stream wrote it: decimal digits, whose order is that of integers and not of texts."""
    item: str
    """The changed item's key as canonical JSON: changes of one item stay in order."""
    written_at: float
    """Seconds since the epoch; whole ones, as DynamoDB tells no more."""
    body: bytes
    """The record in an event, as JSON. Made once: a record is delivered again and again."""


def stream_record(record: Mapping[str, Any], stream_arn: str) -> StreamRecord:
    """Convert one record of GetRecords, as botocore gives it.

    Args:
        record: The record.
        stream_arn: The stream it was read from, which an event tells and GetRecords doesn't.
    """
    event_form = lambda_record(record, stream_arn)
    body = event_form["dynamodb"]
    return StreamRecord(
        sequence_number=body["SequenceNumber"],
        item=json.dumps(body["Keys"], sort_keys=True, separators=(",", ":")),
        written_at=body["ApproximateCreationDateTime"],
        body=record_body(event_form),
    )


def record_body(event_form: JsonObject) -> bytes:
    """Return a record's text in an event."""
    return json.dumps(event_form, separators=(",", ":")).encode("ascii")


def event_payload(records: Iterable[StreamRecord]) -> bytes:
    """Return the event that delivers the records."""
    return _EVENT_START + b",".join(record.body for record in records) + _EVENT_END
