"""Rules for every resource: it has tags, and its type has been reviewed."""

from collections.abc import Iterator

from guardrails.aws_types import UnknownResourceTypeError, property_names
from guardrails.resource import Resource, Rules

RULES = Rules()

REQUIRED_TAGS = ("project", "environment", "managedBy")

UNTAGGED_TYPES = frozenset({"aws:s3/bucketObjectv2:BucketObjectv2"})
"""An object is part of a tagged bucket, and each of an object's tags is charged."""

REVIEWED_TYPES = frozenset(
    {
        "aws:acm/certificate:Certificate",
        "aws:acm/certificateValidation:CertificateValidation",
        "aws:apigatewayv2/api:Api",
        "aws:apigatewayv2/apiMapping:ApiMapping",
        "aws:apigatewayv2/domainName:DomainName",
        "aws:apigatewayv2/integration:Integration",
        "aws:apigatewayv2/route:Route",
        "aws:apigatewayv2/stage:Stage",
        "aws:cloudfront/distribution:Distribution",
        "aws:cloudfront/originAccessControl:OriginAccessControl",
        "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
        "aws:cloudwatch/dashboard:Dashboard",
        "aws:cloudwatch/eventArchive:EventArchive",
        "aws:cloudwatch/eventBus:EventBus",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:cloudwatch/logMetricFilter:LogMetricFilter",
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "aws:dynamodb/table:Table",
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:lambda/alias:Alias",
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        "aws:lambda/function:Function",
        "aws:lambda/permission:Permission",
        "aws:route53/record:Record",
        "aws:s3/bucket:Bucket",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "aws:s3/bucketObjectv2:BucketObjectv2",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:s3/bucketVersioning:BucketVersioning",
        "aws:sns/topic:Topic",
        "aws:sns/topicPolicy:TopicPolicy",
        "aws:sns/topicSubscription:TopicSubscription",
        "aws:sqs/queue:Queue",
        "aws:sqs/queuePolicy:QueuePolicy",
        "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy",
        "aws:wafv2/webAcl:WebAcl",
    }
)
"""Types whose rules have been decided. A type without a review could be public, unencrypted or
unbounded without any rule finding it."""

OWN_TYPES = ("pulumi:", "userstream:")
"""The engine's stack and providers, and the program's components: none is a resource in AWS."""


@RULES.for_resource()
def resources_are_tagged(resource: Resource) -> Iterator[str]:
    """A resource that takes tags must have its project, its environment and who manages it."""
    if resource.type in UNTAGGED_TYPES:
        return
    try:
        takes_tags = "tags" in property_names(resource.type)
    except UnknownResourceTypeError:
        return  # A component, or another provider's resource: it has no AWS tags.
    missing = [tag for tag in REQUIRED_TAGS if not resource.get("tags", tag)]
    if takes_tags and missing:
        yield f"it lacks the tag {', '.join(missing)}: pass the environment's tags"
    tagged, environment = resource.get("tags", "environment"), resource.stack.environment
    if tagged and tagged != environment:
        yield f"its tag environment is {tagged} in environment {environment}: pass the environment's tags"


@RULES.for_resource(takes_unknowns=True)
def types_are_reviewed(resource: Resource) -> Iterator[str]:
    """A type must be reviewed before it is used, because otherwise no rule checks it."""
    if not resource.type.startswith(OWN_TYPES) and resource.type not in REVIEWED_TYPES:
        yield (
            f"{resource.type} isn't reviewed: write rules for it in guardrails/, "
            "then add it to REVIEWED_TYPES in guardrails/every_resource.py"
        )
