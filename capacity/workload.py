"""What the stack is asked to do, and how long its parts take to do it."""

import math
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

SECONDS_PER_MONTH = 30 * 86_400


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The demand.

    Attributes:
        users: kept in the Users table.
        registrations_per_second: at the busiest time.
        changes_per_user_per_month: updates and deletes, over all users; each is one more record of the stream.
        busy_share: of a month's seconds, that at which the busiest rate holds; in the others nothing happens.
        poison_rate: of the records, those that crash log_user_changes: 0 to 1.
    """

    users: int
    registrations_per_second: float
    changes_per_user_per_month: float = 1.0
    busy_share: float = 0.25
    poison_rate: float = 0.0

    @property
    def registrations_per_month(self) -> float:
        """How many a month has."""
        return self.registrations_per_second * self.busy_share * SECONDS_PER_MONTH

    @property
    def changes_per_month(self) -> float:
        """Updates and deletes of a month."""
        return self.users * self.changes_per_user_per_month

    @property
    def records_per_month(self) -> float:
        """Stream records of a month, and requests to the API: each that succeeds makes one."""
        return self.registrations_per_month + self.changes_per_month

    @property
    def records_per_second(self) -> float:
        """Stream records, and requests, per second at the busiest time."""
        return self.registrations_per_second + self.changes_per_month / (SECONDS_PER_MONTH * self.busy_share)


@dataclass(frozen=True, kw_only=True)
class ServiceTimes:
    """How long things take, in seconds.

    Attributes:
        register: one registration in its function, the transaction included.
        batch: what one batch costs whatever its size.
        record: what each record adds to its batch.
        call: one call to the Activity table.
        records_per_call: so many records go into one such call.
        read: one read of a shard; AWS doesn't publish it, so it is 0 unless it was measured.
        read_record: what each record adds to it.
        spread: by which factors invocations are shorter or longer than that, each as likely as the next.
    """

    register: float
    batch: float
    record: float
    call: float = 0.0
    records_per_call: int = 25
    read: float = 0.0
    read_record: float = 0.0
    spread: tuple[float, ...] = (1.0,)

    def of_batch(self, records: int) -> float:
        """One invocation of log_user_changes with so many records."""
        return self.batch + self.record * records + self.call * math.ceil(records / self.records_per_call)


@dataclass(frozen=True, kw_only=True)
class CapacitySettings:
    """The stack's settings that move a limit or the bill, under their names in docs/settings.md; seconds, MB, days."""

    batch_size: int
    batching_window_seconds: int
    parallelization_factor: int
    maximum_retry_attempts: int
    maximum_record_age_seconds: int
    stream_timeout_seconds: int
    stream_memory_mb: int
    stream_reserved_concurrency: int | None
    api_memory_mb: int
    api_reserved_concurrency: int | None
    throttle_rate_per_second: int
    iterator_age_alarm_seconds: int
    point_in_time_recovery: bool
    log_retention_days: int
    activity_retention_days: int


# How many bytes and items one request, one change and one invocation leave behind.
#
# The first group is what the functions write for ordinary names and addresses; a test measures it
# anew. The second group is written by AWS.

USER_BYTES = 300
"""One item of Users: 36 bytes of id, name, e-mail address, user name, two moments, the registration's digest."""

KEYS_PER_USER = 2
"""Items of UserKeys: one for the e-mail address, one for the user name."""

KEY_BYTES = 90
"""One of them: the value with its prefix, and the user's id."""

ACTIVITY_BYTES = 470
"""One Activity item with its changed fields, that of a registration or a deletion; an update's is smaller."""

REGISTRATION_LOG_BYTES = 450
"""The log line of a registration or a deletion."""

UPDATE_LOG_BYTES = 960
"""The two log lines of an update: the image before and the image after."""

STREAM_RECORD_BYTES = 900
"""One record with both images, as GetRecords and an invocation's event hold it."""

ACCESS_LOG_BYTES = 350
"""API Gateway's line of one request: the fields of infra/components/user_api.py."""

REQUEST_LOG_BYTES = 250
"""The API functions' own line of one request."""

INVOCATION_LOG_BYTES = 300
"""Lambda's own START, END and REPORT lines of one invocation."""

ANSWER_BYTES = 1000
"""One answer on its way to the caller, headers included. An estimate."""

SQS_REQUESTS_PER_FAILED_RECORD = 6
"""Pointer sent, received and deleted; failed record sent, received and deleted by the operator who replays it."""


# How long the functions take: their own work, as `make bench` measured it, and their calls to
# DynamoDB.
#
# Lambda gives a function a share of a processor by its memory, a whole one at 1,769 MB (Lambda
# developer guide, "Configure Lambda function memory"). DynamoDB answers in single-digit
# milliseconds (DynamoDB developer guide); a transaction writes its items twice.

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
