"""How long the functions take: their own work, measured by `make bench`, and calls to DynamoDB.

Lambda gives a function a share of a processor by its memory, a whole one at 1,769 MB (Lambda
developer guide, "Configure Lambda function memory"). DynamoDB responds in single-digit milliseconds
(DynamoDB developer guide); a transaction writes its items twice.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from capacity.workload import CapacitySettings

FILE = Path(__file__).with_name("service_times.json")
MB_PER_PROCESSOR = 1769
CALL_SECONDS = 0.005


@dataclass(frozen=True, kw_only=True)
class ServiceTimes:
    """How long things take, in seconds."""

    register: float
    """One registration in its function, the transaction included."""
    batch: float
    """What a batch takes whatever its size."""
    record: float
    """What each record adds to its batch."""
    call: float = 0.0
    """One call to the Activity table."""
    records_per_call: int = 25  # of BatchWriteItem
    read: float = 0.0
    """One read of a shard; 0 unless measured, because AWS doesn't publish it."""
    read_record: float = 0.0
    """What each record adds to a read."""
    spread: tuple[float, ...] = (1.0,)
    """Factors by which invocations are shorter or longer, each equally likely."""

    def of_batch(self, records: int) -> float:
        """Return the seconds of one invocation of log_user_changes with this many records."""
        return self.batch + self.record * records + self.call * math.ceil(records / self.records_per_call)


class MeasuredWork(BaseModel):
    """The functions' own work on one whole processor, with AWS stubbed in process."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    measured: str  # the day
    machine: str
    register_compute_ms: float
    """One registration."""
    batch_compute_ms: float
    """A batch of one record, less that record."""
    record_compute_ms: float
    """Each record in a large batch, with Activity."""


def measured_work() -> MeasuredWork:
    """Read the last measurement."""
    return MeasuredWork.model_validate_json(FILE.read_bytes())


def service_times(work: MeasuredWork, settings: CapacitySettings, call_seconds: float = CALL_SECONDS) -> ServiceTimes:
    """Return the durations on Lambda with the settings' memory and this time per call."""
    api = min(settings.api_memory_mb / MB_PER_PROCESSOR, 1.0)
    stream = min(settings.stream_memory_mb / MB_PER_PROCESSOR, 1.0)
    return ServiceTimes(
        register=work.register_compute_ms / 1000 / api + 2 * call_seconds,
        batch=work.batch_compute_ms / 1000 / stream,
        record=work.record_compute_ms / 1000 / stream,
        call=call_seconds,
    )
