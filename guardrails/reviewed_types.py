"""A type that no rule has thought of could be public, unencrypted or unbounded, and no rule would say so."""

from collections.abc import Iterator

from guardrails.resource import Resource, ResourceRule, Rule

REVIEWED_TYPES = frozenset(
    {
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
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "aws:dynamodb/table:Table",
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        "aws:lambda/function:Function",
        "aws:lambda/permission:Permission",
        "aws:s3/bucket:Bucket",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "aws:s3/bucketObjectv2:BucketObjectv2",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:sns/topic:Topic",
        "aws:sns/topicPolicy:TopicPolicy",
        "aws:sns/topicSubscription:TopicSubscription",
        "aws:sqs/queue:Queue",
        "aws:sqs/queuePolicy:QueuePolicy",
        "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy",
    }
)
"""Types of which somebody has decided what they must keep."""

OWN_TYPES = ("pulumi:", "userstream:")
"""The engine's stack and providers, and the program's components: nothing that they are is in the account."""


def _is_reviewed(resource: Resource) -> Iterator[str]:
    if not resource.type.startswith(OWN_TYPES) and resource.type not in REVIEWED_TYPES:
        yield (
            f"no rule has thought of {resource.type}: write what it must keep into a rule of guardrails/, "
            "then add the type to REVIEWED_TYPES in guardrails/reviewed_types.py"
        )


RULES: list[Rule] = [
    ResourceRule(
        name="types-are-reviewed",
        description="A type is used once somebody has said what it must keep.",
        types=frozenset(),
        check=_is_reviewed,
        takes_unknowns=True,
    )
]
