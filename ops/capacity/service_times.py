"""How long the functions take: their own work, as `make bench` measured it, and their calls to DynamoDB.

Lambda gives a function a share of a processor by its memory, a whole one at 1,769 MB (Lambda developer guide,
"Configure Lambda function memory"). DynamoDB answers in single-digit milliseconds (DynamoDB developer guide); a
transaction writes its items twice.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ops.capacity.workload import CapacitySettings, ServiceTimes

FILE = Path(__file__).with_name("service_times.json")
MB_PER_PROCESSOR = 1769
CALL_SECONDS = 0.005
RECORDS_PER_CALL = 25
"""Of BatchWriteItem."""


class MeasuredWork(BaseModel):
    """The functions' own work on one whole processor, AWS stubbed in process; milliseconds.

    Attributes:
        measured: the day.
        machine: what it was measured on.
        register_compute_ms: of one registration.
        batch_compute_ms: of a batch of one record, less that record.
        record_compute_ms: of each record in a large batch, with Activity.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    measured: str
    machine: str
    register_compute_ms: float
    batch_compute_ms: float
    record_compute_ms: float


def measured_work() -> MeasuredWork:
    """The last measurement."""
    return MeasuredWork.model_validate_json(FILE.read_bytes())


def service_times(work: MeasuredWork, settings: CapacitySettings, call_seconds: float = CALL_SECONDS) -> ServiceTimes:
    """Durations on Lambda.

    Args:
        work: as measured.
        settings: for the memory.
        call_seconds: of one call to DynamoDB; more of it is a slow downstream.
    """
    api = min(settings.api_memory_mb / MB_PER_PROCESSOR, 1.0)
    stream = min(settings.stream_memory_mb / MB_PER_PROCESSOR, 1.0)
    return ServiceTimes(
        register=work.register_compute_ms / 1000 / api + 2 * call_seconds,
        batch=work.batch_compute_ms / 1000 / stream,
        record=work.record_compute_ms / 1000 / stream,
        call=call_seconds,
        records_per_call=RECORDS_PER_CALL,
    )
