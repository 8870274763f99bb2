"""Names, lengths, ranges and choices, by the services' own API models that botocore carries.

A property is the member of the call that makes its resource: `memorySize` is `MemorySize` of lambda:CreateFunction.
api_calls.py says which call it is, and which members have another name; the rest is found by name, at every depth.
"""

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from guardrails.resource import (
    API,
    BUCKET,
    FUNCTION,
    LOG_GROUP,
    QUEUE,
    TABLE,
    TOPIC,
    UNKNOWN,
    Resource,
    ResourceRule,
    Rule,
)

# Which call of AWS makes a resource: where its limits stand in the service models that botocore
# carries.


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


RANGES: Mapping[tuple[str, str], tuple[int, int]] = {
    (QUEUE, "delaySeconds"): (0, 900),
    (QUEUE, "maxMessageSize"): (1024, 1024 * 1024),
    (QUEUE, "messageRetentionSeconds"): (60, 1_209_600),
    (QUEUE, "visibilityTimeoutSeconds"): (0, 43_200),
    (FUNCTION, "memorySize"): (128, 10_240),
    (FUNCTION, "timeout"): (1, 900),
}
"""SQS takes attributes as text, without a range in its model; Lambda's model is wider than Lambda. Source: SQS API
reference, CreateQueue; Lambda developer guide, "Lambda quotas"."""

PATTERNS: Mapping[tuple[str, str], str] = {
    (QUEUE, "name"): r"[A-Za-z0-9_-]{1,80}",
    (API, "name"): r".{1,128}",
    (FUNCTION, "name"): r"[A-Za-z0-9_-]{1,64}",
    (TABLE, "name"): r"[A-Za-z0-9_.-]{3,255}",
    (BUCKET, "bucket"): r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    (TOPIC, "name"): r"[A-Za-z0-9_-]{1,256}",
}
"""Names that no model limits, or that it limits as ARNs. Source: SQS CreateQueue, S3 "General purpose bucket naming
rules", SNS CreateTopic, API Gateway CreateApi, Lambda CreateFunction, DynamoDB "Naming rules"."""

CHOICES: Mapping[tuple[str, str], frozenset[int]] = {
    (LOG_GROUP, "retentionInDays"): frozenset(
        {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
    )
}
"""Source: CloudWatch Logs API reference, PutRetentionPolicy; its model only says that it is a number."""

JAVA_CLASSES = {r"\p{L}": r"^\W\d_", r"\p{Z}": " ", r"\p{N}": "0-9", r"\p{Alnum}": "a-zA-Z0-9"}


def _within_the_models_limits(resource: Resource) -> Iterator[str]:
    call = CALLS.get(resource.type)
    if call is None:
        return
    for name, value in resource.properties.items():
        try:
            member = member_of(call, name)
        except LookupError:
            continue  # A new property: the tests ask for its place in the table, an update needn't.
        if member is not None:
            yield from _problems(member, value, name)


def _within_the_documented_limits(resource: Resource) -> Iterator[str]:
    for name, value in resource.properties.items():
        if value is None or value == UNKNOWN:
            continue
        pattern = PATTERNS.get((resource.type, name))
        if pattern is not None and re.fullmatch(pattern, str(value)) is None:
            yield f"{name} is {value!r}, and must match {pattern}"
        if (resource.type, name) in CHOICES and value not in CHOICES[resource.type, name]:
            choices = ", ".join(map(str, sorted(CHOICES[resource.type, name])))
            yield f"{name} is {value}, and must be one of {choices}"
        if (resource.type, name) in RANGES:
            least, most = RANGES[resource.type, name]
            if not (isinstance(value, int | float) and least <= value <= most):
                yield f"{name} is {value}, and must be {least} to {most}"


def member_of(call: ApiCall, name: str) -> Shape | None:
    """The member that a property becomes, or None where the call has none.

    Raises:
        LookupError: the call's members say nothing of it; the table has to.
    """
    path = call.members.get(name, name)
    if path is None:
        return None
    shape: Shape | None = input_shape(call.service, call.operation)
    for part in [*([call.within] if call.within else []), *path.split(".")]:
        shape = _member(shape, part)
    if shape is None:
        raise LookupError(f"{call.service}:{call.operation} has no member {path}: say in CALLS what {name} becomes")
    return shape


@cache
def input_shape(service: str, operation: str) -> StructureShape:
    """What a call takes."""
    model = _session().get_service_model(service).operation_model(operation)
    return cast("StructureShape", model.input_shape)


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


def _member(shape: Shape | None, name: str) -> Shape | None:
    members = shape.members if isinstance(shape, StructureShape) else {}
    return next((member for key, member in members.items() if key.lower() == name.lower()), None)


def _problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if value is None or value == UNKNOWN:
        return
    for inner_shape, inner_value, inner_path in _parts(shape, value, path):
        yield from _problems(inner_shape, inner_value, inner_path)
    if isinstance(value, str):
        yield from _text_problems(shape, value, path)
    elif isinstance(value, list | tuple):
        count = len(cast("list[Any]", value))
        yield from _out_of_bounds(shape, count, f"{path} has {count} items")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _out_of_bounds(shape, value, f"{path} is {value}")


def _parts(shape: Shape, value: Any, path: str) -> Iterator[tuple[Shape, Any, str]]:
    """What a value holds, with its shape and path; a member that the model doesn't know is somebody else's to find."""
    items = _member(shape, "Items")
    if items is not None and isinstance(value, list | tuple):
        shape = items  # CloudFront's lists are structures of a quantity and the items.
    if isinstance(shape, ListShape) and isinstance(value, Mapping):
        value = [value]  # Where there can be but one, the provider leaves the list out.
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        for name, item in cast("Mapping[str, Any]", value).items():
            member = _member(shape, name)
            if member is not None:
                yield member, item, f"{path}.{name}"
    elif isinstance(shape, ListShape) and isinstance(value, list | tuple):
        for index, item in enumerate(cast("list[Any]", value)):
            yield shape.member, item, f"{path}[{index}]"
    elif isinstance(shape, MapShape) and isinstance(value, Mapping):
        for key, item in cast("Mapping[str, Any]", value).items():
            yield shape.key, key, f"{path}: the key {key}"
            yield shape.value, item, f"{path}.{key}"


def _text_problems(shape: Shape, value: str, path: str) -> Iterator[str]:
    yield from _out_of_bounds(shape, len(value), f"{path} has {len(value)} characters")
    choices = shape.enum if isinstance(shape, StringShape) else []
    if choices and value not in choices:
        yield f"{path} is {value!r}, and must be one of {', '.join(choices)}"
    pattern = shape.metadata.get("pattern")
    if pattern and not _pattern(pattern).fullmatch(value):
        yield f"{path} is {value!r}, and must match {pattern}"


def _out_of_bounds(shape: Shape, size: float, what: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield f"{what}; the least is {least}"
    if most is not None and size > most:
        yield f"{what}; the most is {most}"


@cache
def _pattern(java: str) -> re.Pattern[str]:
    """The models' patterns are Java's, whose classes of characters Python lacks."""
    for name, characters in JAVA_CLASSES.items():
        java = java.replace(name, characters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # `[` within `[]`, which both take for itself
        return re.compile(java, re.DOTALL)


RULES: list[Rule] = [
    ResourceRule(
        name="within-the-models-limits",
        description="Names, lengths, ranges and choices are those of the services' own models.",
        types=frozenset(CALLS),
        check=_within_the_models_limits,
        takes_unknowns=True,
    ),
    ResourceRule(
        name="within-the-documented-limits",
        description="So are those that only the services' documentation tells.",
        types=frozenset(type_token for type_token, _ in [*PATTERNS, *RANGES, *CHOICES]),
        check=_within_the_documented_limits,
        takes_unknowns=True,
    ),
]
