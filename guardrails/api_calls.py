"""Which call of AWS makes a resource: where its limits stand in the service models that botocore carries."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class ApiCall:
    """The call that makes a resource.

    Attributes:
        service: botocore's name of the service.
        operation: of the service.
        members: property to member, where the names differ; a dotted member lies deeper. None: the call has none.
        within: the member that all the others lie in, where they do.
    """

    service: str
    operation: str
    members: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    within: str | None = None


CALLS: Mapping[str, ApiCall] = {
    "aws:apigatewayv2/api:Api": ApiCall(service="apigatewayv2", operation="CreateApi"),
    "aws:apigatewayv2/integration:Integration": ApiCall(service="apigatewayv2", operation="CreateIntegration"),
    "aws:apigatewayv2/route:Route": ApiCall(service="apigatewayv2", operation="CreateRoute"),
    "aws:apigatewayv2/stage:Stage": ApiCall(
        service="apigatewayv2", operation="CreateStage", members={"name": "StageName"}
    ),
    "aws:cloudfront/distribution:Distribution": ApiCall(
        service="cloudfront",
        operation="CreateDistribution",
        within="DistributionConfig",
        members={
            "isIpv6Enabled": "IsIPV6Enabled",
            "orderedCacheBehaviors": "CacheBehaviors",
            # Its one member is deeper there by a level; the call that sets tags is another.
            "restrictions": None,
            "tags": None,
        },
    ),
    "aws:cloudfront/originAccessControl:OriginAccessControl": ApiCall(
        service="cloudfront", operation="CreateOriginAccessControl", within="OriginAccessControlConfig"
    ),
    "aws:cloudwatch/dashboard:Dashboard": ApiCall(service="cloudwatch", operation="PutDashboard"),
    "aws:cloudwatch/logGroup:LogGroup": ApiCall(
        service="logs", operation="CreateLogGroup", members={"name": "logGroupName", "retentionInDays": None}
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ApiCall(
        service="cloudwatch",
        operation="PutMetricAlarm",
        members={
            "name": "AlarmName",
            "okActions": "OKActions",
            "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
            # A map here, a list of names and values there: see the alarms' own rules.
            "dimensions": None,
        },
    ),
    "aws:dynamodb/table:Table": ApiCall(
        service="dynamodb",
        operation="CreateTable",
        members={
            "name": "TableName",
            "attributes": "AttributeDefinitions",
            "hashKey": None,
            "rangeKey": None,
            "streamEnabled": "StreamSpecification.StreamEnabled",
            "streamViewType": "StreamSpecification.StreamViewType",
            # Set by calls of their own, in which there is nothing but a switch and a key's name.
            "pointInTimeRecovery": None,
            "ttl": None,
        },
    ),
    "aws:iam/role:Role": ApiCall(
        service="iam",
        operation="CreateRole",
        members={"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"},
    ),
    "aws:iam/rolePolicy:RolePolicy": ApiCall(
        service="iam",
        operation="PutRolePolicy",
        members={"name": "PolicyName", "policy": "PolicyDocument", "role": "RoleName"},
    ),
    "aws:lambda/eventSourceMapping:EventSourceMapping": ApiCall(service="lambda", operation="CreateEventSourceMapping"),
    "aws:lambda/function:Function": ApiCall(
        service="lambda",
        operation="CreateFunction",
        members={"name": "FunctionName", "code": None, "sourceCodeHash": None, "reservedConcurrentExecutions": None},
    ),
    "aws:lambda/permission:Permission": ApiCall(
        service="lambda", operation="AddPermission", members={"function": "FunctionName"}
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": ApiCall(
        service="s3", operation="PutBucketLifecycleConfiguration", members={"rules": "LifecycleConfiguration.Rules"}
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": ApiCall(
        service="s3", operation="PutBucketOwnershipControls", members={"rule": "OwnershipControls.Rules"}
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": ApiCall(
        service="s3",
        operation="PutBucketEncryption",
        members={"rules": "ServerSideEncryptionConfiguration.Rules"},
    ),
}
"""Types whose services' models say something of them. Those of the others (queues, topics, buckets, objects, response
headers) are plain text throughout; the documented limits stand in limits.py."""
