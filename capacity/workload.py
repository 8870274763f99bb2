"""What the stack is asked to do, the settings that matter, and what each change leaves behind.

The functions write the first sizes, for ordinary names and addresses; a test measures them. AWS
writes the log lines from ACCESS_LOG_BYTES on.
"""

from dataclasses import dataclass

SECONDS_PER_MONTH = 30 * 86_400

USER_BYTES = 300
"""An item of Users: 36 bytes of id, name, email, username, two times, the registration's digest."""

KEYS_PER_USER = 2
"""Items of UserKeys: one for the e-mail address, one for the user name."""

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

ACCESS_LOG_BYTES = 350
"""API Gateway's line of one request: the fields of infra/components/user_api.py."""

REQUEST_LOG_BYTES = 250
"""The API functions' own line of one request."""

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
    iterator_age_alarm_seconds: int
    point_in_time_recovery: bool
    log_retention_days: int
    activity_retention_days: int
