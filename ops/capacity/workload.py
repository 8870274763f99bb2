"""What the stack is asked to do, and how long its parts take to do it."""

from dataclasses import dataclass

SECONDS_PER_MONTH = 30 * 86_400


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The demand.

    Attributes:
        users: kept in the Users table.
        registrations_per_second: at the busiest time.
        changes_per_user_per_month: updates and deletes, over all users; each is one more record of the stream.
        busy_share: of a month's seconds at the busiest rate; the cost counts registrations at this share of it.
        poison_share: of the records, those that crash the function: 0 to 1.
        item_bytes: of one user's item.
        log_bytes_per_change: of the log lines of one change.
    """

    users: int
    registrations_per_second: float
    changes_per_user_per_month: float = 1.0
    busy_share: float = 0.25
    poison_share: float = 0.0
    item_bytes: int = 500
    log_bytes_per_change: int = 900

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
        """Stream records of a month."""
        return self.registrations_per_month + self.changes_per_month

    @property
    def records_per_second(self) -> float:
        """Stream records per second at the busiest time; the changes come in the same busy hours."""
        return self.registrations_per_second + self.changes_per_month / (SECONDS_PER_MONTH * self.busy_share)


@dataclass(frozen=True, kw_only=True)
class ServiceTimes:
    """How long things take, in seconds.

    Attributes:
        register: one registration in its function, the transaction included.
        batch: what one batch costs whatever its size: the invocation and its first call.
        record: what each record adds to its batch.
    """

    register: float
    batch: float
    record: float


@dataclass(frozen=True, kw_only=True)
class CapacitySettings:
    """The stack's settings that move a limit; see docs/settings.md."""

    batch_size: int
    batching_window_seconds: float
    parallelization_factor: int
    maximum_retry_attempts: int
    maximum_record_age_seconds: int
    api_memory_mb: int
    stream_memory_mb: int
    api_reserved_concurrency: int | None
    throttle_rate_per_second: float
    point_in_time_recovery: bool
    log_retention_days: int
    activity_retention_days: int
