"""Rules that keep data encrypted, kept for a stated time and, in production, protected."""

import re
from collections.abc import Iterator, Sequence

from guardrails.access import PolicyStatement, statements
from guardrails.resource import (
    API,
    BUCKET,
    BUCKET_ENCRYPTION,
    BUCKET_POLICY,
    DISTRIBUTION,
    EVENT_ARCHIVE,
    EVENT_BUS,
    LOG_GROUP,
    QUEUE,
    QUEUE_POLICY,
    TABLE,
    TOPIC,
    TOPIC_POLICY,
    UNKNOWN,
    Resource,
    Rules,
    of_type,
)

RULES = Rules()

PROTECTED_ENVIRONMENTS = frozenset({"prod"})
"""Environments whose data must be protected whatever their settings say: the setting
`protectedEnvironment` adds another environment, and a wrong Pulumi.prod.yaml must be refused."""

PLAIN_HTTP_STACKS = frozenset({"local"})
"""Stacks whose endpoints are on this machine. Named here, because the rule checks the settings."""

SECURE_PROTOCOLS = frozenset({"TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025", UNKNOWN})
"""CloudFront's security policies without TLS 1.1 and without ciphers that lack forward secrecy.
Source: CloudFront developer guide, "Supported protocols and ciphers"."""

SECURE_ORIGIN_PROTOCOLS = frozenset({"TLSv1.2", UNKNOWN})
"""The only one that CloudFront offers towards an origin and that isn't obsolete. Source: CloudFront
API reference, OriginSslProtocols."""

HTTPS_POLICIES = frozenset({"https-only", "redirect-to-https", UNKNOWN})


@RULES.for_resource(QUEUE)
def queues_are_encrypted(queue: Resource) -> Iterator[str]:
    """A queue must be encrypted, because it holds whole records with personal data."""
    if not (queue.get("sqsManagedSseEnabled") or queue.get("kmsMasterKeyId")):
        yield "the queue is not encrypted: set sqs_managed_sse_enabled=True"


@RULES.for_stack
def buckets_are_encrypted(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """A bucket must state its encryption, so that a change of S3's default has no effect."""
    encrypted = {resource.get("bucket") for resource in of_type(resources, BUCKET_ENCRYPTION)}
    for bucket in of_type(resources, BUCKET):
        if bucket.get("bucket") not in encrypted:
            yield bucket, "the bucket states no encryption: add a BucketServerSideEncryptionConfiguration"


@RULES.for_resource(LOG_GROUP)
def log_groups_have_retention(log_group: Resource) -> Iterator[str]:
    """A log group must have a retention, because without one it is kept and charged for ever."""
    if not log_group.get("retentionInDays"):
        yield "the log is kept for ever: set retention_in_days to one of CloudWatch's values"


@RULES.for_resource(EVENT_ARCHIVE)
def archives_have_retention(archive: Resource) -> Iterator[str]:
    """An archive must have a retention: events name users, and without one are kept for ever."""
    if not archive.get("retentionDays"):
        yield "events are kept for ever: set retention_days, from the stack's settings"


@RULES.for_resource(QUEUE)
def queues_have_retention(queue: Resource) -> Iterator[str]:
    """A queue must state how long it keeps a message, because SQS's default is four days."""
    if not queue.get("messageRetentionSeconds"):
        yield "messages are lost after SQS's default of four days: set message_retention_seconds"


@RULES.for_resource(TABLE)
def tables_state_their_protection(table: Resource) -> Iterator[str]:
    """A table must state deletion protection and point-in-time recovery, on or off."""
    if table.get("deletionProtectionEnabled") is None:
        yield "set deletion_protection_enabled, from the stack's settings"
    if table.get("pointInTimeRecovery", "enabled") is None:
        yield "set point_in_time_recovery, from the stack's settings"


@RULES.for_resource(TABLE, QUEUE, BUCKET, API, EVENT_BUS)
def production_is_protected(resource: Resource) -> Iterator[str]:
    """What can't be made again must be protected in production and in protected environments."""
    stack, environment = resource.stack, resource.stack.environment
    if not stack.protected and PROTECTED_ENVIRONMENTS.isdisjoint({stack.stack, environment}):
        return
    if not resource.protect:
        yield f"Pulumi may delete it in {environment}: set userstream:protectResources to true"
    if resource.type == TABLE and not resource.get("deletionProtectionEnabled"):
        yield f"DynamoDB may delete it in {environment}: set userstream:deletionProtection to true"
    if resource.type == TABLE and not resource.get("pointInTimeRecovery", "enabled"):
        yield f"it can't be restored in {environment}: set userstream:pointInTimeRecovery to true"
    if resource.type == BUCKET and resource.get("forceDestroy"):
        yield f"in {environment} the bucket can be deleted with its objects: unset force_destroy"


@RULES.for_stack
def no_plain_http(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """Queues, buckets and topics must refuse requests without TLS."""
    refusing = {
        (policy.type, _protected_name(policy))
        for policy in of_type(resources, *_POLICIES.values())
        if any(_denies_all_plain_http(policy, statement) for statement in statements(policy.properties["policy"]))
    }
    for resource in of_type(resources, *_POLICIES):
        if resource.stack.stack in PLAIN_HTTP_STACKS:
            continue
        name = resource.get("name") or resource.get("bucket")
        if (_POLICIES[resource.type], name) not in refusing:
            yield resource, "it takes requests without TLS: set userstream:requireTls to true"


_POLICIES = {QUEUE: QUEUE_POLICY, BUCKET: BUCKET_POLICY, TOPIC: TOPIC_POLICY}

_EVERY_ACTION = {QUEUE_POLICY: "sqs:*", BUCKET_POLICY: "s3:*", TOPIC_POLICY: "sns:Publish"}
"""All that a policy of the type can deny: SNS refuses a topic's policy with a wildcard. Source: SNS
developer guide, "Amazon SNS API permissions: Actions and resources reference"."""


def _protected_name(policy: Resource) -> str:
    """Return the name of the resource that a policy is attached to, from its URL, ARN or name."""
    attached = policy.get("queueUrl") or policy.get("bucket") or policy.get("arn")
    return re.split("[/:]", str(attached))[-1]


def _denies_all_plain_http(policy: Resource, statement: PolicyStatement) -> bool:
    """Return whether a statement denies everybody every action on all of the resource."""
    name = _protected_name(policy)
    parts = [f":{name}", f":{name}/*"] if policy.type == BUCKET_POLICY else [f":{name}"]
    return (
        statement.effect == "Deny"
        and not statement.inverted
        and "*" in statement.principals
        and not {"*", _EVERY_ACTION[policy.type]}.isdisjoint(statement.actions)
        and statement.condition == {"Bool": {"aws:SecureTransport": "false"}}
        and all(any(named == "*" or named.endswith(part) for named in statement.resources) for part in parts)
    )


@RULES.for_resource(DISTRIBUTION, takes_unknowns=True)
def pages_are_https(distribution: Resource) -> Iterator[str]:
    """A page must be served over HTTPS, because people type personal data into it."""
    behaviors = [distribution.map("defaultCacheBehavior"), *distribution.list("orderedCacheBehaviors")]
    if any(behavior.get("viewerProtocolPolicy") not in HTTPS_POLICIES for behavior in behaviors):
        yield "it serves pages over HTTP: set viewer_protocol_policy to redirect-to-https"
    for origin in distribution.list("origins"):
        custom = origin.get("customOriginConfig")
        if not custom or custom == UNKNOWN:
            continue
        if custom.get("originProtocolPolicy") not in {"https-only", UNKNOWN}:
            yield "it fetches pages over HTTP: set origin_protocol_policy to https-only"
        protocols = custom.get("originSslProtocols") or ()
        if protocols != UNKNOWN and not SECURE_ORIGIN_PROTOCOLS.issuperset(protocols):
            yield "it fetches pages over insecure versions of TLS: set origin_ssl_protocols to TLSv1.2"
    certificate = distribution.map("viewerCertificate")
    own_certificate = certificate.get("acmCertificateArn") or certificate.get("iamCertificateId")
    if own_certificate and certificate.get("minimumProtocolVersion") not in SECURE_PROTOCOLS:
        yield "it accepts insecure versions of TLS: set minimum_protocol_version to TLSv1.2_2021"
