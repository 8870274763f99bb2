"""Data is encrypted, kept for a stated time, and in a protected environment not lost by a slip."""

from collections.abc import Iterator, Sequence

from guardrails.access import PolicyStatement, statements
from guardrails.resource import (
    API,
    BUCKET,
    BUCKET_ENCRYPTION,
    BUCKET_POLICY,
    DISTRIBUTION,
    LOG_GROUP,
    QUEUE,
    QUEUE_POLICY,
    TABLE,
    UNKNOWN,
    Resource,
    ResourceRule,
    Rule,
    StackRule,
    of_type,
)

PROTECTED_ENVIRONMENTS = frozenset({"prod"})
"""Environments whose data must survive a slip. Named here, so that a wrong Pulumi.<stack>.yaml
shows."""

PLAIN_HTTP_ENVIRONMENTS = frozenset({"local"})
"""Environments whose endpoints are this machine's own."""

HTTPS_POLICIES = frozenset({"https-only", "redirect-to-https", UNKNOWN})


def _queue_is_encrypted(queue: Resource) -> Iterator[str]:
    if not (queue.get("sqsManagedSseEnabled") or queue.get("kmsMasterKeyId")):
        yield "the queue is not encrypted: set sqs_managed_sse_enabled=True"


def _bucket_is_encrypted(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    encrypted = {resource.get("bucket") for resource in of_type(resources, BUCKET_ENCRYPTION)}
    for bucket in of_type(resources, BUCKET):
        if bucket.get("bucket") not in encrypted:
            yield bucket, "the bucket states no encryption: add a BucketServerSideEncryptionConfiguration"


def _log_has_an_end(log_group: Resource) -> Iterator[str]:
    if not log_group.get("retentionInDays"):
        yield "the log is kept for ever: set retention_in_days to one of CloudWatch's steps"


def _queue_says_how_long(queue: Resource) -> Iterator[str]:
    if not queue.get("messageRetentionSeconds"):
        yield "messages are lost after SQS's four days: set message_retention_seconds"


def _table_says_how_it_is_protected(table: Resource) -> Iterator[str]:
    if table.get("deletionProtectionEnabled") is None:
        yield "set deletion_protection_enabled, from the stack's settings"
    if table.get("pointInTimeRecovery", "enabled") is None:
        yield "set point_in_time_recovery, from the stack's settings"


def _protected_where_it_matters(resource: Resource) -> Iterator[str]:
    if resource.environment not in PROTECTED_ENVIRONMENTS:
        return
    if not resource.protect:
        yield f"in {resource.environment} it can be deleted by a slip: set userstream:protectResources to true"
    if resource.type == TABLE and not resource.get("deletionProtectionEnabled"):
        yield f"in {resource.environment} DynamoDB must refuse to delete it: set userstream:deletionProtection to true"
    if resource.type == TABLE and not resource.get("pointInTimeRecovery", "enabled"):
        yield f"in {resource.environment} it must be restorable: set userstream:pointInTimeRecovery to true"
    if resource.type == BUCKET and resource.get("forceDestroy"):
        yield f"in {resource.environment} a bucket must not be deleted with what is in it: unset force_destroy"


def _refuses_plain_http(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    # A queue's policy names its URL, which ends in the queue's name.
    refusing = {
        (policy.type, str(policy.get("queueUrl") or policy.get("bucket")).rpartition("/")[2])
        for policy in of_type(resources, QUEUE_POLICY, BUCKET_POLICY)
        if any(_refuses_all_plain_http(policy, statement) for statement in statements(policy.properties["policy"]))
    }
    for resource in of_type(resources, QUEUE, BUCKET):
        if resource.environment in PLAIN_HTTP_ENVIRONMENTS:
            continue
        policy = (
            (QUEUE_POLICY, resource.get("name")) if resource.type == QUEUE else (BUCKET_POLICY, resource.get("bucket"))
        )
        if policy not in refusing:
            yield resource, "it takes requests without TLS: set userstream:requireTls to true"


def _refuses_all_plain_http(policy: Resource, statement: PolicyStatement) -> bool:
    """Whether a statement refuses it to everybody, in every action and in all of the resource."""
    service, name = ("sqs", policy.get("queueUrl")) if policy.type == QUEUE_POLICY else ("s3", policy.get("bucket"))
    name = str(name).rpartition("/")[2]
    parts = [f":{name}"] if policy.type == QUEUE_POLICY else [f":{name}", f":{name}/*"]
    return (
        statement.effect == "Deny"
        and not statement.inverted
        and "*" in statement.principals
        and not {"*", f"{service}:*"}.isdisjoint(statement.actions)
        and statement.condition == {"Bool": {"aws:SecureTransport": "false"}}
        and all(any(named == "*" or named.endswith(part) for named in statement.resources) for part in parts)
    )


def _page_is_https(distribution: Resource) -> Iterator[str]:
    behaviors = [distribution.map("defaultCacheBehavior"), *distribution.list("orderedCacheBehaviors")]
    if any(behavior.get("viewerProtocolPolicy") not in HTTPS_POLICIES for behavior in behaviors):
        yield "it serves pages in plain: set viewer_protocol_policy to redirect-to-https"
    for origin in distribution.list("origins"):
        own = origin.get("customOriginConfig")
        if own and own != UNKNOWN and own.get("originProtocolPolicy") not in {"https-only", UNKNOWN}:
            yield "it fetches pages in plain: set origin_protocol_policy to https-only"
    certificate = distribution.map("viewerCertificate")
    own = certificate.get("acmCertificateArn") or certificate.get("iamCertificateId")
    if own and not str(certificate.get("minimumProtocolVersion")).startswith(("TLSv1.2", "TLSv1.3")):
        yield "it speaks versions of TLS that are broken: set minimum_protocol_version to TLSv1.2_2021"


RULES: list[Rule] = [
    ResourceRule(
        name="queues-are-encrypted",
        description="Queues hold whole records, personal data among them.",
        types=frozenset({QUEUE}),
        check=_queue_is_encrypted,
    ),
    StackRule(
        name="buckets-are-encrypted",
        description="Buckets state their encryption, so that a change of S3's default changes nothing.",
        check=_bucket_is_encrypted,
    ),
    ResourceRule(
        name="logs-have-an-end",
        description="A log group without retention is kept, and paid, for ever.",
        types=frozenset({LOG_GROUP}),
        check=_log_has_an_end,
    ),
    ResourceRule(
        name="queues-say-how-long",
        description="How long a failed record is kept is a decision, not SQS's default.",
        types=frozenset({QUEUE}),
        check=_queue_says_how_long,
    ),
    ResourceRule(
        name="tables-say-how-they-are-protected",
        description="Deletion protection and point-in-time recovery are decided for each environment.",
        types=frozenset({TABLE}),
        check=_table_says_how_it_is_protected,
    ),
    ResourceRule(
        name="production-is-protected",
        description="What can't be made again is protected where people depend on it.",
        types=frozenset({TABLE, QUEUE, BUCKET, API}),
        check=_protected_where_it_matters,
    ),
    StackRule(
        name="no-plain-http",
        description="Queues and buckets refuse requests without TLS.",
        check=_refuses_plain_http,
    ),
    ResourceRule(
        name="pages-are-https",
        description="A page, and what is typed into it, can't be read or changed on the way.",
        types=frozenset({DISTRIBUTION}),
        check=_page_is_https,
        takes_unknowns=True,
    ),
]
