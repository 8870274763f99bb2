"""What the stack is asked to do, and how long its parts take to do it."""

import math
from dataclasses import dataclass

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
