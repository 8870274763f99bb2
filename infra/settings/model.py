"""The settings of a stack: every key of `Pulumi.<stack>.yaml`, with its range and its meaning.

Environments differ by these values alone: neither the program nor a function asks for an
environment's name. Only guardrails/data_protection.py does: it holds that prod is protected
whatever these values say.

types.py has their types. check.py makes this model from a configuration; stack_file.py reads the
configuration. Pulumi isn't imported here.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from infra import naming
from infra.settings.types import (
    NEWEST_RUNTIME,
    CertificateArn,
    DomainName,
    EmailAddress,
    EnvironmentName,
    FunctionRuntime,
    HostedZoneId,
    LogRetentionDays,
    Origins,
    PageCertificateArn,
    PageUrl,
    Region,
    Switch,
    TableName,
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
    users_table_name: TableName | None = Field(
        default=None,
        examples=["Users-restored"],
        description="Optional. Name of an existing Users table, adopted or restored, which is imported first: "
        "docs/adopting.md. Unset: Users-ENVIRONMENT.",
    )
    table_warm_write_units: WholeNumber | None = Field(
        default=None,
        ge=4000,
        le=40_000,
        examples=["8000"],
        # DynamoDB raises the value itself, so one that stays here is lower than the table's one
        # day, and the update is refused. Source: DynamoDB developer guide, "Understanding DynamoDB
        # warm throughput".
        description="Optional. Write units a second that each table takes from one moment to the next, as for a "
        "launch; a new one takes 4000. DynamoDB charges for each unit above what the table has, once, and never lowers "
        "it: unset this again after the update. Unset: as much as the table has grown to.",
    )
    table_maximum_write_units: WholeNumber | None = Field(
        default=None,
        ge=1,
        le=40_000,
        examples=["10000"],
        description="Optional. Write units a second above which each table throttles, which bounds the cost of a "
        "mistake. To lift it set 40000, a table's quota: unset, the table keeps the one it has. Unset from the "
        "start: none.",
    )
    require_tls: Switch = Field(
        examples=["true"],
        description="Queues, buckets and topics refuse requests without TLS. Off only for the emulator on this "
        "machine.",
    )

    log_retention_days: LogRetentionDays = Field(
        examples=["14"], description="Days that CloudWatch keeps each function's log and the API's access log."
    )
    activity_retention_days: WholeNumber = Field(
        ge=1, le=3650, examples=["30"], description="Days that a user's history keeps a change."
    )
    deleted_user_history_days: WholeNumber = Field(
        ge=0,
        le=3650,
        examples=["7"],
        description="Days that the history of a deleted user stays after the deletion. 0: it stays as long as "
        "activityRetentionDays, but without values from the deletion on.",
    )
    failure_retention_days: WholeNumber = Field(
        ge=1,
        le=14,
        examples=["14"],
        description="Days that the queues keep failed records; the bucket keeps them a day longer.",
    )
    mask_personal_data: Switch = Field(
        examples=["true"], description="The log shows personal attributes of users masked."
    )

    cors_allowed_origins: Origins = Field(
        examples=[["https://app.example.com"]],
        description="Origins of other pages that may call the API; the stack's own website is always among them.",
    )
    api_domain: DomainName | None = Field(
        default=None,
        examples=["api.example.com"],
        description="Optional. The API's own domain: apiUrl names it, and API Gateway's own address is switched off. "
        "Needs apiHostedZoneId or apiCertificateArn.",
    )
    api_hosted_zone_id: HostedZoneId | None = Field(
        default=None,
        examples=["Z0123456789ABCDEFGHIJ"],
        description="Optional. Hosted zone of apiDomain: the stack creates its DNS record, and its certificate if "
        "apiCertificateArn isn't set.",
    )
    api_certificate_arn: CertificateArn | None = Field(
        default=None,
        examples=["arn:aws:acm:eu-west-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"],
        description="Optional. Certificate of apiDomain. Without apiHostedZoneId you create the DNS record, to the "
        "output apiDomainTarget.",
    )
    throttle_rate_per_second: WholeNumber = Field(
        ge=1,
        le=10_000,
        examples=["50"],
        # "Throttle requests to your HTTP APIs" in API Gateway's developer guide leaves open whether
        # routes without a limit of their own share one.
        description="Requests per second, of all routes or of each: AWS doesn't say which. Further ones get a 429.",
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
    registration_answers: Literal["explicit", "neutral"] | None = Field(
        default=None,
        examples=["explicit"],
        description="Optional. explicit: a registration is answered at once, and whoever asks learns whether an "
        "address is registered. neutral: every address gets the same answer, and is a user's only once a link that "
        "was mailed to it was followed. Unset: explicit.",
    )
    mail_sender: EmailAddress | None = Field(
        default=None,
        examples=["users@example.com"],
        description="Optional. Address that those mails come from: it, or its domain, is a verified identity of SES in "
        "the stack's region. For registrationAnswers neutral.",
    )
    confirmation_page: PageUrl | None = Field(
        default=None,
        examples=["https://app.example.com/confirm"],
        description="Optional. Page of yours that the links lead to, with the token behind #confirm=. For "
        "registrationAnswers neutral. Unset: the stack's own page.",
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
        description="Optional. Reserved concurrency of log_user_changes and of fan_out_user_changes, which is also "
        "its maximum. Unset: what the account has left.",
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
    website_domain: DomainName | None = Field(
        default=None,
        examples=["www.example.com"],
        description="Optional. The page's own domain, which websiteUrl names. Needs websiteEnabled, and "
        "websiteHostedZoneId or websiteCertificateArn.",
    )
    website_hosted_zone_id: HostedZoneId | None = Field(
        default=None,
        examples=["Z0123456789ABCDEFGHIJ"],
        description="Optional. Hosted zone of websiteDomain: the stack creates its DNS records, and its certificate "
        "if websiteCertificateArn isn't set.",
    )
    website_certificate_arn: PageCertificateArn | None = Field(
        default=None,
        examples=["arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"],
        description="Optional. Certificate of websiteDomain. Without websiteHostedZoneId you create the DNS record, "
        "to the output websiteDomainTarget.",
    )
    registrations_per_client: WholeNumber | None = Field(
        default=None,
        ge=10,
        le=2_000_000_000,
        examples=["100"],
        description="Optional. Registrations that the page takes from one address in five minutes, by AWS WAF; further "
        "ones get a 429. Needs websiteEnabled and registerThrottleRatePerSecond. Costs 6 US dollars a month and 0.60 "
        "per million requests.",
    )
    alarm_email: EmailAddress | None = Field(
        default=None,
        examples=["team@example.com"],
        description="Optional. Address that alarms are sent to, once it has confirmed. Unset: nobody is notified.",
    )
    iterator_age_alarm_seconds: WholeNumber = Field(
        ge=1,
        le=43_200,
        examples=["600"],
        description="Age of the changes that reach a consumer above which its alarm fires.",
    )
    api_latency_alarm_milliseconds: WholeNumber = Field(
        ge=1,
        le=29_000,
        examples=["2000"],
        description="99th percentile of the API's latency above which the alarm fires.",
    )

    traffic_shift_percent: WholeNumber | None = Field(
        default=None,
        ge=1,
        le=99,
        examples=["10"],
        description="Optional. Share of the traffic that a function's new version gets at first: "
        "`python -m ops release shift` after each `pulumi up` gives it, and later all traffic, or goes back if an "
        "alarm rings. Unset: `pulumi up` makes new versions live at once.",
    )
    traffic_shift_minutes: WholeNumber | None = Field(
        default=None,
        ge=1,
        le=30,
        examples=["5"],
        description="Optional. Minutes for which the new versions keep that share; an alarm needs up to three to ring.",
    )

    tracing: Switch | None = Field(
        default=None,
        examples=["false"],
        description="Optional. AWS X-Ray records, of each function, one invocation a second and 5 % of the others: "
        "how long it waited, started and ran, and whether it failed. X-Ray charges for each recorded trace. "
        "Unset: false.",
    )

    function_platform: Literal["lambda", "host"] = Field(
        examples=["lambda"],
        description="Platform of the functions' zips: Lambda (arm64) or this machine's Python.",
    )
    function_runtime: FunctionRuntime | None = Field(
        default=None,
        examples=["python3.14"],
        description="Optional. Lambda runtime of every function, which its zip's packages are for. Unset: python3.14, "
        "the newest.",
    )
    tags: Tags = Field(
        examples=[{"team": "users"}],
        description="Tags of every resource, besides project, environment and managedBy.",
    )

    @property
    def runtime(self) -> FunctionRuntime:
        """The Lambda runtime of every function."""
        return self.function_runtime or NEWEST_RUNTIME

    @property
    def shifts_traffic(self) -> bool:
        """Whether `python -m ops release shift` makes new versions live, and not `pulumi up`."""
        return self.traffic_shift_percent is not None

    @property
    def answers_neutrally(self) -> bool:
        """Whether no answer tells if an address is registered."""
        return self.registration_answers == "neutral"
