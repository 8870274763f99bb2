"""When waiting records become a batch: enough of them, too large for more, or waited for long enough.

Rules: Lambda developer guide, "Batching behavior".
"""

from collections import deque
from dataclasses import dataclass, field

from local.event_source_mapping.parameters import Parameters
from local.event_source_mapping.records import EVENT_BYTES, StreamRecord
from local.event_source_mapping.settings import MappingSettings


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
