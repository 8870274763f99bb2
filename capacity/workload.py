"""The demand, the settings that matter, what each change leaves behind, and how long it takes.

The functions write the first sizes, for ordinary names and addresses; a test measures them. AWS
writes the log lines from ACCESS_LOG_BYTES on.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

SECONDS_PER_MONTH = 30 * 86_400

KINDS = ("ADDED", "UPDATED", "DELETED")
"""Of changes: functions/stream_records/user_change.py."""

WRITE_UNIT_BYTES = 1024
READ_UNIT_BYTES = 4096
"""Of an item, per unit (DynamoDB developer guide, "DynamoDB on-demand capacity mode")."""

USER_BYTES = 300
"""An item of Users: 36 bytes of id, name, email, username, two times, its author, its request."""

KEYS_PER_USER = 2
"""Items of UserKeys: one for the e-mail address, one for the user name. A user name that looks like
another text has one or two more (docs/decisions/0050-usernames-that-look-alike.md)."""

REQUESTS_PER_USER = 1
"""Items of UserKeys for the request that registered a user, by which a repeat is recognized: the
page sends an Idempotency-Key with each."""

KEY_BYTES = 90
"""One of them: the value with its prefix, and the user's id."""

ACTIVITY_BYTES = 470
"""One Activity item of a registration or a deletion; an update's is smaller."""

REGISTRATION_LOG_BYTES = 450
"""The log line of a registration or a deletion."""

UPDATE_LOG_BYTES = 960
"""The two log lines of an update: the image before and the image after."""

STREAM_RECORD_BYTES = 900
"""One record with both images, in GetRecords and in an invocation's event."""

MESSAGE_BYTES = 280
"""One message of the topic UserChanges, with its attributes."""

CONSUMER_LOG_BYTES = 250
"""The line of one change in the log of fan_out_user_changes, or of a consumer with a queue."""

EVENT_BYTES = 420
"""One event of publish_user_events, with personal values."""

ACCESS_LOG_BYTES = 350
"""API Gateway's line of one request: the fields of infra/components/user_api.py."""

REQUEST_LOG_BYTES = 250
"""The API functions' own line of one request."""

FIGURES_LOG_BYTES = 250
"""The figures for CloudWatch, in the line of a registration and in one line of a batch."""

INVOCATION_LOG_BYTES = 300
"""Lambda's own START, END and REPORT lines of one invocation."""

ANSWER_BYTES = 1000
"""One response to the caller, headers included. An estimate."""

SQS_REQUESTS_PER_FAILED_RECORD = 6
"""Pointer sent, received, deleted; failed record sent, and received and deleted by a replay."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The demand."""

    users: int
    registrations_per_second: float
    """At the busiest time."""
    changes_per_user_per_month: float = 1.0
    """Updates and deletes, over all users; each is one more record of the stream."""
    busy_share: float = 0.25
    """The share of a month at the busiest rate; in the rest nothing happens."""
    crash_rate: float = 0.0
    """The share of records that crash log_user_changes: 0 to 1."""
    deletion_share: float = 0.1
    """The share of the changes that delete their user: 0 to 1."""

    @property
    def registrations_per_month(self) -> float:
        """Registrations of a month."""
        return self.registrations_per_second * self.busy_share * SECONDS_PER_MONTH

    @property
    def changes_per_month(self) -> float:
        """Updates and deletes of a month."""
        return self.users * self.changes_per_user_per_month

    @property
    def records_per_month(self) -> float:
        """Stream records of a month, and requests to the API: each that succeeds writes one."""
        return self.registrations_per_month + self.changes_per_month

    @property
    def records_per_second(self) -> float:
        """Stream records, and requests, per second at the busiest time."""
        return self.registrations_per_second + self.changes_per_month / (SECONDS_PER_MONTH * self.busy_share)

    @property
    def kinds_per_month(self) -> Mapping[str, float]:
        """Changes of a month by kind."""
        return self._by_kind(self.registrations_per_month, self.changes_per_month)

    @property
    def kinds_per_second(self) -> Mapping[str, float]:
        """Changes per second at the busiest time, by kind."""
        return self._by_kind(self.registrations_per_second, self.records_per_second - self.registrations_per_second)

    def _by_kind(self, registrations: float, changes: float) -> Mapping[str, float]:
        deletions = changes * self.deletion_share
        return dict(zip(KINDS, (registrations, changes - deletions, deletions), strict=True))


@dataclass(frozen=True, kw_only=True)
class DeclaredConsumer:
    """What of a declaration moves a limit or the bill: infra/consumers/declaration.py."""

    name: str
    folder: str
    reads_users: bool
    """Whether it reads the Users stream: log_user_changes."""
    has_queue: bool
    kinds: tuple[str, ...]
    batch_size: int
    maximum_concurrency: int
    memory_mb: int
    publishes_events: bool = False
    """Whether it publishes each change on the event bus: publish_user_events."""


@dataclass(frozen=True, kw_only=True)
class CapacitySettings:
    """The fields of StackSettings that move a limit or the bill; docs/settings.md explains each."""

    stream_batch_size: int
    stream_batching_window_seconds: int
    stream_parallelization_factor: int
    stream_maximum_retry_attempts: int
    stream_maximum_record_age_seconds: int
    stream_timeout_seconds: int
    stream_memory_mb: int
    stream_reserved_concurrency: int | None
    api_memory_mb: int
    api_reserved_concurrency: int | None
    throttle_rate_per_second: int
    register_throttle_rate_per_second: int | None
    iterator_age_alarm_seconds: int
    point_in_time_recovery: bool
    log_retention_days: int
    activity_retention_days: int
    user_events_archive_days: int = 0
    table_warm_write_units: int | None = None
    table_maximum_write_units: int | None = None
    consumers: tuple[DeclaredConsumer, ...] = ()
    """Those that the stack has, in the order of the list."""


# How long the functions take: their own work, measured by `make bench`, and calls to DynamoDB.
#
# Lambda gives a function a share of a processor by its memory, a whole one at 1,769 MB (Lambda
# developer guide, "Configure Lambda function memory"). DynamoDB responds in single-digit
# milliseconds (DynamoDB developer guide); a transaction writes its items twice.

FILE = Path(__file__).with_name("service_times.json")
MB_PER_PROCESSOR = 1769
CALL_SECONDS = 0.005

TIME_TO_FINISH_SECONDS = 2.0
"""What log_user_changes keeps free at an invocation's end: a copy of functions/activity/table.py,
which imports botocore. A test compares the two."""


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
    users_per_read: int = 100  # of BatchGetItem, which reads whether a user's history was closed
    publish_batch: float = 0.0
    """Of fan_out_user_changes: what a batch takes, on a whole processor, like the next three."""
    publish_change: float = 0.0
    """What each change adds to that batch."""
    consumer_batch: float = 0.0
    """Of a consumer with a queue: what a batch takes, whatever the consumer does."""
    consumer_change: float = 0.0
    """What each change adds to that batch."""
    read: float = 0.0
    """One read of a shard; 0 unless measured, because AWS doesn't publish it."""
    read_record: float = 0.0
    """What each record adds to a read."""
    spread: tuple[float, ...] = (1.0,)
    """Factors by which invocations are shorter or longer, each equally likely."""

    def of_batch(self, records: int) -> float:
        """Return the seconds of one invocation of log_user_changes with this many records."""
        return self.before_writes(records) + self.call * math.ceil(records / self.records_per_call)

    def before_writes(self, records: int) -> float:
        """Return the seconds of its own work, and of its reads, which come before any write."""
        return self.batch + self.record * records + self.call * math.ceil(records / self.users_per_read)


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
    publish_batch_compute_ms: float
    """A batch of one change in fan_out_user_changes, less that change."""
    publish_change_compute_ms: float
    """Each change in a large batch."""
    consumer_batch_compute_ms: float
    """A batch of one change in publish_user_events, less that change."""
    consumer_change_compute_ms: float
    """Each change in a batch of ten."""


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
        publish_batch=work.publish_batch_compute_ms / 1000,
        publish_change=work.publish_change_compute_ms / 1000,
        consumer_batch=work.consumer_batch_compute_ms / 1000,
        consumer_change=work.consumer_change_compute_ms / 1000,
    )
