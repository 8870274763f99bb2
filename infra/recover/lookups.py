"""How each type of resource is looked up; tests/stack holds that no type of the program lacks."""

from collections.abc import Callable, Mapping, Sequence

from infra.recover import listed, named
from infra.recover.aws import Aws, Match, UnknowableError, refuse_foreign
from infra.recover.state import Found, PendingCreate

__all__ = ["LEFT_TO_UP", "LOOKUPS", "Aws", "UnknowableError", "find", "leaves_to_up", "wait_until_usable"]

LOOKUPS: Mapping[str, Callable[[Aws, PendingCreate], Match | None]] = {
    "aws:acm/certificate:Certificate": listed.certificate,
    "aws:apigatewayv2/api:Api": listed.api,
    "aws:apigatewayv2/apiMapping:ApiMapping": listed.api_mapping,
    "aws:apigatewayv2/domainName:DomainName": named.domain_name,
    "aws:apigatewayv2/integration:Integration": listed.integration,
    "aws:apigatewayv2/route:Route": listed.route,
    "aws:apigatewayv2/stage:Stage": named.stage,
    "aws:cloudfront/distribution:Distribution": listed.distribution,
    "aws:cloudfront/originAccessControl:OriginAccessControl": listed.origin_access_control,
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": listed.response_headers_policy,
    "aws:cloudwatch/eventArchive:EventArchive": named.event_archive,
    "aws:cloudwatch/eventBus:EventBus": named.event_bus,
    "aws:cloudwatch/logGroup:LogGroup": named.log_group,
    "aws:dynamodb/table:Table": named.table,
    "aws:iam/role:Role": named.role,
    "aws:lambda/alias:Alias": named.alias,
    "aws:lambda/eventSourceMapping:EventSourceMapping": listed.event_source_mapping,
    "aws:lambda/function:Function": named.function,
    "aws:lambda/permission:Permission": listed.permission,
    "aws:route53/record:Record": named.dns_record,
    "aws:s3/bucket:Bucket": named.bucket,
    "aws:sns/topic:Topic": named.topic,
    "aws:sns/topicSubscription:TopicSubscription": listed.subscription,
    "aws:sqs/queue:Queue": named.queue,
    "aws:wafv2/webAcl:WebAcl": listed.web_acl,
}

_OVERWRITES = "creating it again writes the same"

LEFT_TO_UP: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "aws:cloudwatch/dashboard:Dashboard",
            "aws:cloudwatch/logMetricFilter:LogMetricFilter",
            "aws:cloudwatch/metricAlarm:MetricAlarm",
            "aws:iam/rolePolicy:RolePolicy",
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            "aws:s3/bucketObjectv2:BucketObjectv2",
            "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
            "aws:s3/bucketPolicy:BucketPolicy",
            "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            "aws:s3/bucketVersioning:BucketVersioning",
            "aws:sns/topicPolicy:TopicPolicy",
            "aws:sqs/queuePolicy:QueuePolicy",
            "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy",
        ),
        _OVERWRITES,
    ),
    "aws:acm/certificateValidation:CertificateValidation": "it creates nothing, it only waits",
}
"""The types whose API only puts, and so never answers that something exists already."""

_GLOBAL = frozenset({"aws:iam/role:Role", "aws:route53/record:Record"})
"""Types that are in no region."""

_TABLE, _FUNCTION = "aws:dynamodb/table:Table", "aws:lambda/function:Function"


def leaves_to_up(resource_type: str) -> str | None:
    """Return why a type needs no import, or None."""
    return LEFT_TO_UP.get(resource_type)


def find(aws: Aws, pending: PendingCreate) -> Found | None:
    """Return a resource if it exists.

    Raises:
        UnknowableError: nobody can say whether it does.
        RecoverError: it has another stack's tags.
        ClientError, BotoCoreError: AWS refuses the question.
    """
    lookup = LOOKUPS.get(pending.type)
    if lookup is None:
        raise UnknowableError("infra/recover/lookups.py doesn't know its type")
    match = lookup(aws, pending)
    if match is None:
        return None
    refuse_foreign(pending, match)
    elsewhere = pending.type not in _GLOBAL and pending.region != pending.provider_region
    # Source: the AWS provider's guide "Enhanced Region Support", import.
    import_id = f"{match.import_id}@{pending.region}" if elsewhere else match.import_id
    return Found(pending, match.id, import_id)


def wait_until_usable(aws: Aws, found: Sequence[Found]) -> None:
    """Wait for tables and functions that AWS still makes: until then `up` can't change them."""
    for each in found:
        if each.pending.type == _TABLE:
            waiter = aws.client("dynamodb", each.pending.region).get_waiter("table_exists")
            waiter.wait(TableName=each.id, WaiterConfig={"Delay": 2, "MaxAttempts": 60})
        elif each.pending.type == _FUNCTION:
            waiter = aws.client("lambda", each.pending.region).get_waiter("function_active_v2")
            waiter.wait(FunctionName=each.id, WaiterConfig={"Delay": 2, "MaxAttempts": 60})
