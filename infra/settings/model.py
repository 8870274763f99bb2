"""The settings of a stack: every key of `Pulumi.<stack>.yaml`, its type, its range and what it does.

Environments differ by these values alone: no code asks for an environment's name. Nothing of Pulumi is imported here;
infra/settings/check.py makes this model from a configuration, infra/settings/stack_file.py finds the configuration.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from infra import naming
from infra.settings.types import EmailAddress, LogRetentionDays, Origins, Region, Switch, Tags, WholeNumber

NAMESPACE = naming.PROJECT
REGION_KEY = "aws:region"
"""The AWS provider's own setting: one place says where a stack is."""


class StackSettings(BaseModel):
    """One stack's settings. All have to be set, but for those that say `optional`: a stack never depends on a default.

    `examples` holds a value that is right for a small environment; a problem's `pulumi config set` line shows it.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    region: Region = Field(
        alias=REGION_KEY, examples=["eu-west-1"], description="AWS region of every resource of the stack."
    )

    deletion_protection: Switch = Field(
        examples=["false"], description="DynamoDB refuses to delete the tables, whoever asks."
    )
    point_in_time_recovery: Switch = Field(
        examples=["false"], description="The tables can be restored to any second of the last 35 days."
    )
    protect_resources: Switch = Field(
        examples=["false"],
        description="Pulumi refuses to delete or replace tables, queues, buckets and the API. Off: disposable, buckets "
        "are deleted with what is in them.",
    )
    require_tls: Switch = Field(
        examples=["true"],
        description="Queues and buckets refuse unencrypted requests. Off only where the endpoint is this machine.",
    )

    log_retention_days: LogRetentionDays = Field(
        examples=["14"], description="Days that CloudWatch keeps each function's log and the API's access log."
    )
    activity_retention_days: WholeNumber = Field(
        ge=1, le=3650, examples=["30"], description="Days that a user's history keeps a change."
    )
    failure_retention_days: WholeNumber = Field(
        ge=1, le=14, examples=["14"], description="Days that the queues keep what failed; the bucket keeps a day more."
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
        description="Requests per second over all routes; beyond it the answer is 429.",
    )
    throttle_burst: WholeNumber = Field(
        ge=1, le=5_000, examples=["100"], description="Requests that may arrive at once before the rate counts."
    )
    api_memory_mb: WholeNumber = Field(
        ge=128, le=10_240, examples=["512"], description="Memory of each API function in MB; CPU grows with it."
    )
    api_timeout_seconds: WholeNumber = Field(
        ge=1,
        le=29,
        examples=["15"],
        description="Seconds an API function may take; three tries at a silent DynamoDB need up to 12. API Gateway "
        "itself gives up at 30.",
    )
    api_reserved_concurrency: WholeNumber | None = Field(
        default=None,
        ge=1,
        le=1000,
        examples=["10"],
        description="Optional. Invocations at a time kept for each API function, and its most. Unset: what the account "
        "has left.",
    )

    stream_batch_size: WholeNumber = Field(
        ge=1, le=10_000, examples=["100"], description="Most records of the stream in one invocation."
    )
    stream_batching_window_seconds: WholeNumber = Field(
        ge=0, le=300, examples=["1"], description="Seconds to wait for a batch to fill; each is a second of delay."
    )
    stream_parallelization_factor: WholeNumber = Field(
        ge=1, le=10, examples=["1"], description="Batches of one shard at a time; order is kept per user."
    )
    stream_maximum_retry_attempts: WholeNumber = Field(
        ge=0,
        le=100,
        examples=["5"],
        description="Retries of a batch that can't be split further, before it is given up.",
    )
    stream_maximum_record_age_seconds: WholeNumber = Field(
        ge=60,
        le=43_200,
        examples=["3600"],
        description="Age at which a record is given up. The stream forgets at 24 hours; what is left is the rescue's.",
    )
    stream_memory_mb: WholeNumber = Field(
        ge=128, le=10_240, examples=["256"], description="Memory of each stream function in MB; CPU grows with it."
    )
    stream_timeout_seconds: WholeNumber = Field(
        ge=1, le=900, examples=["60"], description="Seconds a stream function may take for one batch."
    )
    stream_reserved_concurrency: WholeNumber | None = Field(
        default=None,
        ge=1,
        le=1000,
        examples=["10"],
        description="Optional. Invocations at a time kept for log_user_changes, and its most. Unset: what the account "
        "has left.",
    )

    website_enabled: Switch = Field(
        examples=["false"], description="Serve the registration page through CloudFront, from a private bucket."
    )
    alarm_email: EmailAddress | None = Field(
        default=None,
        examples=["team@example.com"],
        description="Optional. Where alarms go; AWS asks the address to confirm. Unset: nobody is told yet.",
    )
    iterator_age_alarm_seconds: WholeNumber = Field(
        ge=1, le=43_200, examples=["600"], description="Age of the records being delivered that raises the alarm."
    )
    api_latency_alarm_milliseconds: WholeNumber = Field(
        ge=1, le=29_000, examples=["2000"], description="The API's slowest hundredth of answers that raises the alarm."
    )

    function_platform: Literal["lambda", "host"] = Field(
        examples=["lambda"],
        description="What function packages are built for: Lambda (Python 3.13, arm64), or this machine's Python.",
    )
    tags: Tags = Field(
        examples=[{"team": "users"}],
        description="Tags of every resource, besides project, environment and managedBy.",
    )


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Two settings that have to fit together.

    Attributes:
        field: the setting that the problem is reported for.
        other: the setting it has to fit.
        holds: whether they do.
        rule: the rule in words, after `must be`.
        mended: a value of `field` that fits the other setting.
    """

    field: str
    other: str
    holds: Callable[[StackSettings], bool]
    rule: str
    mended: Callable[[StackSettings], int]


AGREEMENTS = [
    Agreement(
        field="iterator_age_alarm_seconds",
        other="stream_maximum_record_age_seconds",
        holds=lambda it: it.iterator_age_alarm_seconds < it.stream_maximum_record_age_seconds,
        rule="less than streamMaximumRecordAgeSeconds, so that the alarm comes before records are given up",
        mended=lambda it: it.stream_maximum_record_age_seconds // 2,
    ),
    Agreement(
        field="stream_maximum_record_age_seconds",
        other="stream_timeout_seconds",
        holds=lambda it: it.stream_maximum_record_age_seconds >= 2 * it.stream_timeout_seconds,
        rule="at least twice streamTimeoutSeconds, so that a batch that timed out is tried again",
        mended=lambda it: max(60, 10 * it.stream_timeout_seconds),
    ),
    Agreement(
        field="stream_maximum_record_age_seconds",
        other="stream_batching_window_seconds",
        holds=lambda it: it.stream_maximum_record_age_seconds >= 2 * it.stream_batching_window_seconds,
        rule="at least twice streamBatchingWindowSeconds, or records are given up while their batch still fills",
        mended=lambda it: max(60, 10 * it.stream_batching_window_seconds),
    ),
    Agreement(
        field="stream_reserved_concurrency",
        other="stream_parallelization_factor",
        holds=lambda it: (it.stream_reserved_concurrency or 10_000) >= it.stream_parallelization_factor,
        rule="at least streamParallelizationFactor, or one shard's batches throttle each other",
        mended=lambda it: it.stream_parallelization_factor,
    ),
    Agreement(
        field="api_latency_alarm_milliseconds",
        other="api_timeout_seconds",
        holds=lambda it: it.api_latency_alarm_milliseconds < 1000 * it.api_timeout_seconds,
        rule="less than apiTimeoutSeconds in milliseconds, or no answer is ever slow enough for the alarm",
        mended=lambda it: 500 * it.api_timeout_seconds,
    ),
]
