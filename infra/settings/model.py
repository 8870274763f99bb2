"""The settings of a stack: every key of `Pulumi.<stack>.yaml`, with its range and its meaning.

Environments differ by these values alone: neither the program nor a function asks for an
environment's name. Only guardrails/data_protection.py does: it holds that prod is protected
whatever these values say.

types.py has their types. check.py makes this model from a configuration; stack_file.py reads the
configuration. Pulumi isn't imported here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from infra import naming
from infra.settings.types import (
    EmailAddress,
    EnvironmentName,
    LogRetentionDays,
    Origins,
    Region,
    Switch,
    Tags,
    WholeNumber,
)

NAMESPACE = naming.PROJECT
REGION_KEY = "aws:region"
"""The AWS provider's own setting, so that a stack's region is set in one place."""


class StackSettings(BaseModel):
    """One stack's settings. Only those described as optional may be unset: there are no defaults.

    `examples` has a value that is right for a small environment; the command in a problem's message
    sets it.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    region: Region = Field(
        alias=REGION_KEY, examples=["eu-west-1"], description="AWS region of every resource of the stack."
    )

    environment: EnvironmentName | None = Field(
        default=None,
        examples=["dev"],
        description="Optional. The environment's name, part of every name, if another stack has it in another "
        "region. Unset: the stack's name.",
    )

    protected_environment: Switch | None = Field(
        default=None,
        examples=["false"],
        description="Optional. The three protections below must be on, and the guardrails refuse an update without "
        "them. Unset: as false. The guardrails protect prod whatever this is.",
    )
    deletion_protection: Switch = Field(examples=["false"], description="DynamoDB refuses to delete the tables.")
    point_in_time_recovery: Switch = Field(
        examples=["false"], description="The tables can be restored to any second of the last 35 days."
    )
    protect_resources: Switch = Field(
        examples=["false"],
        description="Pulumi refuses to delete or replace tables, queues, buckets and the API. Off: "
        "destroying the stack deletes their content too.",
    )
    require_tls: Switch = Field(
        examples=["true"],
        description="Queues and buckets refuse requests without TLS. Off only for the emulator on this machine.",
    )

    log_retention_days: LogRetentionDays = Field(
        examples=["14"], description="Days that CloudWatch keeps each function's log and the API's access log."
    )
    activity_retention_days: WholeNumber = Field(
        ge=1, le=3650, examples=["30"], description="Days that a user's history keeps a change."
    )
    failure_retention_days: WholeNumber = Field(
        ge=1,
        le=14,
        examples=["14"],
        description="Days that the queues keep failed records; the bucket keeps them a day longer.",
    )
    mask_personal_data: Switch = Field(
        examples=["true"], description="The log shows names, e-mail addresses and user names masked."
    )

    cors_allowed_origins: Origins = Field(
        examples=[["https://app.example.com"]],
        description="Origins of other pages that may call the API; the stack's own website is always among them.",
    )
    throttle_rate_per_second: WholeNumber = Field(
        ge=1,
        le=10_000,
        examples=["50"],
        description="Requests per second over all routes; further ones get a 429.",
    )
    throttle_burst: WholeNumber = Field(
        ge=1, le=5_000, examples=["100"], description="Requests that may arrive at once before the rate applies."
    )
    register_throttle_rate_per_second: WholeNumber | None = Field(
        default=None,
        ge=1,
        le=10_000,
        examples=["10"],
        description="Optional. Requests per second of `POST /register` alone; further ones get a 429, and the other "
        "routes keep the rest. Unset: throttleRatePerSecond applies.",
    )
    register_throttle_burst: WholeNumber | None = Field(
        default=None,
        ge=1,
        le=5_000,
        examples=["20"],
        description="Optional. Requests of `POST /register` that may arrive at once before its rate applies.",
    )
    api_memory_mb: WholeNumber = Field(
        ge=128, le=10_240, examples=["512"], description="Memory of each API function in MB; CPU grows with it."
    )
    api_timeout_seconds: WholeNumber = Field(
        ge=1,
        le=29,
        examples=["15"],
        description="Timeout of the API functions; three tries at an unresponsive DynamoDB take "
        "up to 12 s. API Gateway's own is 30 s.",
    )
    api_reserved_concurrency: WholeNumber | None = Field(
        default=None,
        ge=1,
        le=1000,
        examples=["10"],
        description="Optional. Reserved concurrency of each API function, which is also its maximum. "
        "Unset: what the account has left.",
    )

    stream_batch_size: WholeNumber = Field(
        ge=1, le=10_000, examples=["100"], description="Maximum number of the stream's records in one invocation."
    )
    stream_batching_window_seconds: WholeNumber = Field(
        ge=0, le=300, examples=["1"], description="Seconds to wait for a batch to fill; they delay each change."
    )
    stream_parallelization_factor: WholeNumber = Field(
        ge=1, le=10, examples=["1"], description="Concurrent batches of one shard; each user's changes stay in order."
    )
    stream_maximum_retry_attempts: WholeNumber = Field(
        ge=0,
        le=100,
        examples=["5"],
        description="Retries of a batch that can't be split further.",
    )
    stream_maximum_record_age_seconds: WholeNumber = Field(
        ge=60,
        le=43_200,
        examples=["3600"],
        description="Age at which a record is given up; the rescue has the rest of the stream's 24 hours.",
    )
    stream_memory_mb: WholeNumber = Field(
        ge=128, le=10_240, examples=["256"], description="Memory of each stream function in MB; CPU grows with it."
    )
    stream_timeout_seconds: WholeNumber = Field(
        ge=1, le=900, examples=["60"], description="Timeout of the stream functions, for one batch."
    )
    stream_reserved_concurrency: WholeNumber | None = Field(
        default=None,
        ge=1,
        le=1000,
        examples=["10"],
        description="Optional. Reserved concurrency of log_user_changes, which is also its maximum. "
        "Unset: what the account has left.",
    )

    user_events_enabled: Switch = Field(
        examples=["true"],
        description="Publish every change of a user as an event for other teams, on an EventBridge bus.",
    )
    user_events_personal_data: Switch = Field(
        examples=["false"],
        description="The events carry personal values. Off: of personal attributes only the names.",
    )
    user_events_archive_days: WholeNumber = Field(
        ge=1,
        le=3650,
        examples=["7"],
        description="Days that the archive keeps the events, for other teams to replay.",
    )

    website_enabled: Switch = Field(
        examples=["false"], description="Serve the registration page through CloudFront, from a private bucket."
    )
    alarm_email: EmailAddress | None = Field(
        default=None,
        examples=["team@example.com"],
        description="Optional. Address that alarms are sent to, once it has confirmed. Unset: nobody is notified.",
    )
    iterator_age_alarm_seconds: WholeNumber = Field(
        ge=1, le=43_200, examples=["600"], description="Age of the delivered records above which the alarm fires."
    )
    api_latency_alarm_milliseconds: WholeNumber = Field(
        ge=1,
        le=29_000,
        examples=["2000"],
        description="99th percentile of the API's latency above which the alarm fires.",
    )

    function_platform: Literal["lambda", "host"] = Field(
        examples=["lambda"],
        description="Platform of the functions' zips: Lambda (Python 3.13, arm64) or this machine's Python.",
    )
    tags: Tags = Field(
        examples=[{"team": "users"}],
        description="Tags of every resource, besides project, environment and managedBy.",
    )


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """Two settings that have to fit together.

    Attributes:
        setting: the one that the problem is reported for, by its name in the configuration.
        other: the one it has to fit.
        holds: whether they fit.
        rule: the rule in words, continuing `must be`.
        fix: returns a value of `setting` that fits the other setting.
    """

    setting: str
    other: str
    holds: Callable[[StackSettings], bool]
    rule: str
    fix: Callable[[StackSettings], object]


def _needed_by_protection(setting: str) -> Constraint:
    return Constraint(
        setting=setting,
        other="protectedEnvironment",
        holds=lambda settings: not settings.protected_environment or settings.model_dump(by_alias=True)[setting],
        rule="true, because protectedEnvironment is",
        fix=lambda _settings: "true",
    )


CONSTRAINTS = [
    *(_needed_by_protection(setting) for setting in ("deletionProtection", "pointInTimeRecovery", "protectResources")),
    Constraint(
        setting="registerThrottleRatePerSecond",
        other="throttleRatePerSecond",
        holds=lambda settings: (settings.register_throttle_rate_per_second or 0) < settings.throttle_rate_per_second,
        rule="less than throttleRatePerSecond, so that a flood of registrations leaves the other routes a rate",
        fix=lambda settings: max(1, settings.throttle_rate_per_second // 2),
    ),
    Constraint(
        setting="registerThrottleBurst",
        other="throttleBurst",
        holds=lambda settings: (settings.register_throttle_burst or 0) < settings.throttle_burst,
        rule="less than throttleBurst, so that a flood of registrations leaves the other routes a burst",
        fix=lambda settings: max(1, settings.throttle_burst // 2),
    ),
    Constraint(
        setting="registerThrottleBurst",
        other="registerThrottleRatePerSecond",
        holds=lambda settings: (
            settings.register_throttle_burst is not None or settings.register_throttle_rate_per_second is None
        ),
        rule="set along with registerThrottleRatePerSecond",
        fix=lambda settings: max(1, settings.throttle_burst // 2),
    ),
    Constraint(
        setting="registerThrottleRatePerSecond",
        other="registerThrottleBurst",
        holds=lambda settings: (
            settings.register_throttle_rate_per_second is not None or settings.register_throttle_burst is None
        ),
        rule="set along with registerThrottleBurst",
        fix=lambda settings: max(1, settings.throttle_rate_per_second // 2),
    ),
    Constraint(
        setting="iteratorAgeAlarmSeconds",
        other="streamMaximumRecordAgeSeconds",
        holds=lambda settings: settings.iterator_age_alarm_seconds < settings.stream_maximum_record_age_seconds,
        rule="less than streamMaximumRecordAgeSeconds, so that the alarm comes before records are given up",
        fix=lambda settings: settings.stream_maximum_record_age_seconds // 2,
    ),
    Constraint(
        setting="streamMaximumRecordAgeSeconds",
        other="streamTimeoutSeconds",
        holds=lambda settings: settings.stream_maximum_record_age_seconds >= 2 * settings.stream_timeout_seconds,
        rule="at least twice streamTimeoutSeconds, so that a batch that timed out is retried",
        fix=lambda settings: max(60, 10 * settings.stream_timeout_seconds),
    ),
    Constraint(
        setting="streamMaximumRecordAgeSeconds",
        other="streamBatchingWindowSeconds",
        holds=lambda settings: (
            settings.stream_maximum_record_age_seconds >= 2 * settings.stream_batching_window_seconds
        ),
        rule="at least twice streamBatchingWindowSeconds, or records are given up while their batch still fills",
        fix=lambda settings: max(60, 10 * settings.stream_batching_window_seconds),
    ),
    Constraint(
        setting="streamReservedConcurrency",
        other="streamParallelizationFactor",
        holds=lambda settings: (
            (settings.stream_reserved_concurrency or 10_000) >= settings.stream_parallelization_factor
        ),
        rule="at least streamParallelizationFactor, or one shard's batches throttle each other",
        fix=lambda settings: settings.stream_parallelization_factor,
    ),
    Constraint(
        setting="userEventsArchiveDays",
        other="activityRetentionDays",
        holds=lambda settings: settings.user_events_archive_days <= settings.activity_retention_days,
        rule="at most activityRetentionDays, or events outlive the history of the user they tell of",
        fix=lambda settings: settings.activity_retention_days,
    ),
    Constraint(
        setting="apiLatencyAlarmMilliseconds",
        other="apiTimeoutSeconds",
        holds=lambda settings: settings.api_latency_alarm_milliseconds < 1000 * settings.api_timeout_seconds,
        rule="less than apiTimeoutSeconds in milliseconds, or no answer is ever slow enough for the alarm",
        fix=lambda settings: 500 * settings.api_timeout_seconds,
    ),
]
