"""Which settings have to fit together, and how each that doesn't is fixed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from infra.settings.model import StackSettings


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


_CERTIFICATE = "123456789012:certificate/11111111-2222-3333-4444-555555555555"
"""Account and name of a certificate, in an example."""


def _domain_constraints(of: Literal["api", "website"]) -> list[Constraint]:
    """Return what a domain needs, and that what is only for a domain has one."""

    def values(settings: StackSettings) -> tuple[str | None, bool]:
        domain: str | None = getattr(settings, f"{of}_domain")
        zone, certificate = getattr(settings, f"{of}_hosted_zone_id"), getattr(settings, f"{of}_certificate_arn")
        return domain, zone is not None or certificate is not None

    def has_certificate(settings: StackSettings) -> bool:
        domain, certified = values(settings)
        return certified or domain is None

    def has_domain(settings: StackSettings) -> bool:
        domain, certified = values(settings)
        return domain is not None or not certified

    return [
        Constraint(
            setting=f"{of}HostedZoneId",
            other=f"{of}Domain",
            holds=has_certificate,
            rule=f"set, because {of}Domain is, and the stack creates its certificate there; or set {of}CertificateArn",
            fix=lambda _: "Z0123456789ABCDEFGHIJ",
        ),
        Constraint(
            setting=f"{of}Domain",
            other=f"{of}HostedZoneId",
            holds=has_domain,
            rule=f"set along with {of}HostedZoneId and {of}CertificateArn, which are for it alone",
            fix=lambda _: "api.example.com" if of == "api" else "www.example.com",
        ),
    ]


def _needed_by_protection(setting: str) -> Constraint:
    return Constraint(
        setting=setting,
        other="protectedEnvironment",
        holds=lambda settings: not settings.protected_environment or settings.model_dump(by_alias=True)[setting],
        rule="true, because protectedEnvironment is",
        fix=lambda _settings: "true",
    )


_UNITS_PER_REQUEST = 6
"""Write units that a registration takes of UserKeys, the busiest table: two keys and the request,
in a transaction, which counts each twice (docs/capacity.md)."""
_QUOTA = 40_000
"""Write units of a table. Source: DynamoDB developer guide, "Quotas in Amazon DynamoDB"."""


def _needed(settings: StackSettings) -> int:
    """Return the write units of the busiest table if all that the API lets through is one."""
    return min(_QUOTA, _UNITS_PER_REQUEST * settings.throttle_rate_per_second)


CONSTRAINTS = [
    *(_needed_by_protection(setting) for setting in ("deletionProtection", "pointInTimeRecovery", "protectResources")),
    *_domain_constraints("api"),
    *_domain_constraints("website"),
    Constraint(
        setting="apiCertificateArn",
        other="aws:region",
        holds=lambda settings: (
            settings.api_certificate_arn is None or settings.api_certificate_arn.split(":")[3] == settings.region
        ),
        rule="the ARN of a certificate in aws:region, where API Gateway reads it",
        fix=lambda settings: f"arn:aws:acm:{settings.region}:{_CERTIFICATE}",
    ),
    Constraint(
        setting="websiteDomain",
        other="apiDomain",
        holds=lambda settings: settings.website_domain is None or settings.website_domain != settings.api_domain,
        rule="another domain than apiDomain: the page and the API answer the same paths",
        fix=lambda settings: f"www.{settings.api_domain}",
    ),
    Constraint(
        setting="websiteEnabled",
        other="websiteDomain",
        holds=lambda settings: settings.website_enabled or settings.website_domain is None,
        rule="true, because websiteDomain is set",
        fix=lambda _: "true",
    ),
    Constraint(
        setting="websiteEnabled",
        other="registrationsPerClient",
        holds=lambda settings: settings.website_enabled or settings.registrations_per_client is None,
        rule="true, because registrationsPerClient is set: the limit is part of the page's CloudFront",
        fix=lambda _: "true",
    ),
    Constraint(
        setting="registerThrottleRatePerSecond",
        other="registrationsPerClient",
        holds=lambda settings: (
            settings.register_throttle_rate_per_second is not None or settings.registrations_per_client is None
        ),
        rule="set, because registrationsPerClient is: it limits who goes around CloudFront to the API's own address",
        fix=lambda settings: max(1, settings.throttle_rate_per_second // 2),
    ),
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
        setting="trafficShiftMinutes",
        other="trafficShiftPercent",
        holds=lambda settings: settings.traffic_shift_minutes is not None or settings.traffic_shift_percent is None,
        rule="set along with trafficShiftPercent",
        fix=lambda _: 5,
    ),
    Constraint(
        setting="trafficShiftPercent",
        other="trafficShiftMinutes",
        holds=lambda settings: settings.traffic_shift_percent is not None or settings.traffic_shift_minutes is None,
        rule="set along with trafficShiftMinutes",
        fix=lambda _: 10,
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
        setting="mailSender",
        other="registrationAnswers",
        holds=lambda settings: not settings.answers_neutrally or settings.mail_sender is not None,
        rule="set, because registrationAnswers is neutral, and each registration gets a mail",
        fix=lambda _: "users@example.com",
    ),
    Constraint(
        setting="registrationAnswers",
        other="mailSender",
        holds=lambda settings: settings.answers_neutrally or settings.mail_sender is None,
        rule="neutral, because mailSender is set, which is for it alone",
        fix=lambda _: "neutral",
    ),
    Constraint(
        setting="registrationAnswers",
        other="confirmationPage",
        holds=lambda settings: settings.answers_neutrally or settings.confirmation_page is None,
        rule="neutral, because confirmationPage is set, which is for it alone",
        fix=lambda _: "neutral",
    ),
    Constraint(
        setting="confirmationPage",
        other="registrationAnswers",
        holds=lambda settings: (
            not settings.answers_neutrally or settings.website_enabled or settings.confirmation_page is not None
        ),
        rule="set, because registrationAnswers is neutral and websiteEnabled is false: links have to lead somewhere",
        fix=lambda _: "https://app.example.com/confirm",
    ),
    Constraint(
        setting="tableMaximumWriteUnits",
        other="throttleRatePerSecond",
        holds=lambda settings: (
            settings.table_maximum_write_units is None or settings.table_maximum_write_units >= _needed(settings)
        ),
        rule=f"at least {_UNITS_PER_REQUEST} times throttleRatePerSecond, or tables throttle what the API lets through",
        fix=lambda settings: max(_needed(settings), settings.table_warm_write_units or 0),
    ),
    Constraint(
        setting="tableMaximumWriteUnits",
        other="tableWarmWriteUnits",
        holds=lambda settings: (
            settings.table_maximum_write_units is None
            or settings.table_maximum_write_units >= (settings.table_warm_write_units or 0)
        ),
        rule="at least tableWarmWriteUnits, or what is paid for can't be used",
        fix=lambda settings: max(_needed(settings), settings.table_warm_write_units or 0),
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
        setting="deletedUserHistoryDays",
        other="activityRetentionDays",
        holds=lambda settings: settings.deleted_user_history_days <= settings.activity_retention_days,
        rule="at most activityRetentionDays, because no change stays longer",
        fix=lambda settings: settings.activity_retention_days,
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

ON_AWS = [
    Constraint(
        setting="functionPlatform",
        other="functionPlatform",
        holds=lambda settings: settings.function_platform == "lambda",
        rule="lambda: on AWS no function starts with packages that are built for this machine",
        fix=lambda _: "lambda",
    ),
    Constraint(
        setting="requireTls",
        other="requireTls",
        holds=lambda settings: settings.require_tls,
        rule="true: only the emulator on this machine has no TLS",
        fix=lambda _: "true",
    ),
]
"""Rules of stacks on AWS, which a stack on this machine's emulator needn't follow."""
