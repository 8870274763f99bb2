"""Records of the stream as the delivery needs them: where they stand, whose they are, and their text in an event."""

import json
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from delivery.settings import MappingSettings, Parameters
from functions.runtime.json_log import JsonObject
from functions.stream_records.streams_api import lambda_record

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


# When waiting records become a batch: enough of them, too large for more, or waited for long
# enough.
#
# Rules: Lambda developer guide, "Batching behavior".


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """What is known of one invocation that took place."""

    request_id: str
    executed_version: str = "$LATEST"
    status_code: int = 200
    function_error: str | None = None
    """Lambda's word, such as `Unhandled`; None when the function returned."""


@dataclass(eq=False, slots=True)
class Batch:
    """Records that are delivered together, and how that went so far."""

    records: tuple[StreamRecord, ...]
    failures: int = 0
    """Invocations that failed."""
    refusals: int = 0
    """Attempts in a row that didn't even become invocations."""
    last_invocation: Invocation | None = field(default=None)
    """The last one that failed."""


class WaitingRecords:
    """The records of one lane that are in no batch yet.

    Args:
        settings: Of the mapping.
        parameters: For what AWS doesn't tell.
    """

    def __init__(self, settings: MappingSettings, parameters: Parameters) -> None:
        self._settings = settings
        self._parameters = parameters
        self._records: deque[StreamRecord] = deque()
        self._window_opened = 0.0
        self._bytes = EVENT_BYTES

    def add(self, record: StreamRecord, now: float) -> None:
        """Take one more record."""
        if not self._records and self._parameters.window_from_first_record:
            self._window_opened = max(self._window_opened, now)
        self._records.append(record)
        self._bytes += len(record.body) + 1

    def open_window(self, now: float) -> None:
        """Begin a new window: an invocation has ended."""
        self._window_opened = now

    def due_at(self) -> float | None:
        """Return when a batch is due, in the past if at once; None without records."""
        if not self._records:
            return None
        if len(self._records) >= self._settings.batch_size or self._bytes > self._parameters.payload_bytes:
            return self._window_opened
        return self._window_opened + self._settings.window_seconds

    def cut(self) -> Batch:
        """Take the next batch out: as many records as it may have, at least one."""
        size = EVENT_BYTES
        records: list[StreamRecord] = []
        while self._records and len(records) < self._settings.batch_size:
            record_bytes = len(self._records[0].body) + 1
            if records and size + record_bytes > self._parameters.payload_bytes:
                break
            size += record_bytes
            records.append(self._records.popleft())
        self._bytes -= size - EVENT_BYTES
        return Batch(tuple(records))


# Which shards may be read: a parent is finished before its child is begun, or changes of one item
# swap places.
#
# Source: DynamoDB developer guide, "Reading and processing a stream".


class Shard(NamedTuple):
    """One shard of DescribeStream."""

    shard_id: str
    parent_id: str | None = None
    closed: bool = False
    """Whether nothing more will be written to it: it has an ending sequence number."""


def readable_shards(shards: Collection[Shard], finished: Collection[str]) -> list[Shard]:
    """Return the shards that may be read now.

    Args:
        shards: All that the stream has.
        finished: Ids of shards read to their end, with everything settled. A parent that the stream has forgotten
            counts as well: nothing of it can be read any more.
    """
    known = {shard.shard_id for shard in shards}
    return [
        shard
        for shard in shards
        if shard.shard_id not in finished
        and (shard.parent_id is None or shard.parent_id in finished or shard.parent_id not in known)
    ]
