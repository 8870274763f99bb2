"""Stream records as the delivery handles them, and when waiting records become a batch.

Batching: Lambda developer guide, "Batching behavior".
"""

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from delivery.assumptions import Assumptions
from delivery.settings import MappingSettings
from functions.runtime.json_log import JsonObject


class StreamRecord(NamedTuple):
    """One change, ready to be delivered."""

    sequence_number: str
    """Decimal digits, ordered as integers and not as strings."""
    item: str
    """The changed item's key as canonical JSON: changes of one item stay in order."""
    written_at: float
    """Seconds since the epoch; DynamoDB reports whole seconds."""
    body: bytes
    """The record as JSON in an event, encoded once for all its deliveries."""


def stream_record(event_form: JsonObject) -> StreamRecord:
    """Convert a record from the form that it has in a Lambda event."""
    change = event_form["dynamodb"]
    return StreamRecord(
        sequence_number=change["SequenceNumber"],
        item=json.dumps(change["Keys"], sort_keys=True, separators=(",", ":")),
        written_at=change["ApproximateCreationDateTime"],
        body=record_body(event_form),
    )


def record_body(event_form: JsonObject) -> bytes:
    """Encode a record as it stands in an event."""
    return json.dumps(event_form, separators=(",", ":")).encode("ascii")


def event_payload(records: Iterable[StreamRecord]) -> bytes:
    """Return the event that delivers the records."""
    return b'{"Records":[' + b",".join(record.body for record in records) + b"]}"


EVENT_BYTES = len(event_payload(()))


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """An invocation that took place, as Lambda's Invoke reports it."""

    request_id: str
    executed_version: str = "$LATEST"
    status_code: int = 200
    function_error: str | None = None
    """Lambda's FunctionError, such as `Unhandled`; None when the function returned."""


@dataclass(eq=False, slots=True)
class Batch:
    """Records that are delivered together, and the attempts so far."""

    records: tuple[StreamRecord, ...]
    failures: int = 0
    refusals: int = 0  # attempts in a row that did not become invocations
    last_invocation: Invocation | None = None  # the last one that failed
    request_id: str | None = None  # of its invocations; None before the first


class WaitingRecords:
    """The records of one lane that are not in a batch yet."""

    def __init__(self, settings: MappingSettings, assumptions: Assumptions) -> None:
        self._settings = settings
        self._assumptions = assumptions
        self._records: deque[StreamRecord] = deque()
        self._window_opened = 0.0
        self._bytes = EVENT_BYTES

    def add(self, record: StreamRecord, now: float) -> None:
        """Append a record."""
        if not self._records and self._assumptions.window_from_first_record:
            self._window_opened = max(self._window_opened, now)
        self._records.append(record)
        self._bytes += len(record.body) + 1

    def open_window(self, now: float) -> None:
        """Open a new batching window, because an invocation has ended."""
        self._window_opened = now

    def due_at(self) -> float | None:
        """Return when a batch is due, a time in the past if at once; None without records."""
        if not self._records:
            return None
        if len(self._records) >= self._settings.batch_size or self._bytes > self._assumptions.payload_bytes:
            return self._window_opened
        return self._window_opened + self._settings.window_seconds

    def take_batch(self) -> Batch:
        """Remove and return the next batch: as many records as fit, at least one."""
        size = EVENT_BYTES
        records: list[StreamRecord] = []
        while self._records and len(records) < self._settings.batch_size:
            record_bytes = len(self._records[0].body) + 1
            if records and size + record_bytes > self._assumptions.payload_bytes:
                break
            size += record_bytes
            records.append(self._records.popleft())
        self._bytes -= size - EVENT_BYTES
        return Batch(tuple(records))
