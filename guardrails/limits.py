"""Rules for names, lengths, ranges and choices.

Most limits are in the services' own API models, which botocore carries: `memorySize` is
`MemorySize` of lambda:CreateFunction. CALLS has the call that creates each type, and the members
with another name than their property; the others are found by name, at every depth. RANGES,
PATTERNS and CHOICES have the limits that only the documentation states.
"""

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast, get_args

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from guardrails.resource import (
    API,
    BUCKET,
    EVENT_ARCHIVE,
    EVENT_BUS,
    FUNCTION,
    LOG_GROUP,
    QUEUE,
    TABLE,
    TOPIC,
    UNKNOWN,
    Resource,
    Rules,
)
from infra.settings.types import FunctionRuntime

RULES = Rules()


@dataclass(frozen=True)
class ApiCall:
    """The call that creates a resource.

    Attributes:
        operation: `service:Operation`, with `.Member` if one member contains all the others.
        members: property to member, where the names differ; a dotted member is nested. None: the
            call has no such member.
    """

    operation: str
    members: Mapping[str, str | None] = field(default_factory=dict[str, str | None])


CALLS: Mapping[str, ApiCall] = {
    # region is the provider's own: it says where the call goes.
    "aws:acm/certificate:Certificate": ApiCall("acm:RequestCertificate", {"region": None}),
    "aws:apigatewayv2/api:Api": ApiCall("apigatewayv2:CreateApi"),
    "aws:apigatewayv2/apiMapping:ApiMapping": ApiCall("apigatewayv2:CreateApiMapping"),
    "aws:apigatewayv2/domainName:DomainName": ApiCall(
        "apigatewayv2:CreateDomainName", {"domainNameConfiguration": "DomainNameConfigurations"}
    ),
    "aws:apigatewayv2/integration:Integration": ApiCall("apigatewayv2:CreateIntegration"),
    "aws:apigatewayv2/route:Route": ApiCall("apigatewayv2:CreateRoute"),
    "aws:apigatewayv2/stage:Stage": ApiCall("apigatewayv2:CreateStage", {"name": "StageName"}),
    "aws:cloudfront/distribution:Distribution": ApiCall(
        "cloudfront:CreateDistribution.DistributionConfig",
        {
            "isIpv6Enabled": "IsIPV6Enabled",
            "orderedCacheBehaviors": "CacheBehaviors",
            # restrictions is one level deeper there; another call sets tags.
            "restrictions": None,
            "tags": None,
        },
    ),
    "aws:cloudfront/originAccessControl:OriginAccessControl": ApiCall(
        "cloudfront:CreateOriginAccessControl.OriginAccessControlConfig"
    ),
    "aws:cloudwatch/dashboard:Dashboard": ApiCall("cloudwatch:PutDashboard"),
    "aws:cloudwatch/logGroup:LogGroup": ApiCall(
        "logs:CreateLogGroup", {"name": "logGroupName", "retentionInDays": None}
    ),
    EVENT_ARCHIVE: ApiCall("events:CreateArchive", {"name": "ArchiveName"}),
    EVENT_BUS: ApiCall("events:CreateEventBus"),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": ApiCall(
        "logs:PutMetricFilter",
        # Its members have other names there; alarms.py has a rule for them.
        {"name": "filterName", "pattern": "filterPattern", "metricTransformation": None},
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ApiCall(
        "cloudwatch:PutMetricAlarm",
        {
            "metricQueries": "Metrics",
            "name": "AlarmName",
            "okActions": "OKActions",
            "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
            # A map here, a list of names and values there; alarms.py has rules for them.
            "dimensions": None,
        },
    ),
    "aws:dynamodb/table:Table": ApiCall(
        "dynamodb:CreateTable",
        {
            "name": "TableName",
            "attributes": "AttributeDefinitions",
            "hashKey": None,
            "rangeKey": None,
            "streamEnabled": "StreamSpecification.StreamEnabled",
            "streamViewType": "StreamSpecification.StreamViewType",
            # Set by other calls, which take nothing but a switch and a key's name.
            "pointInTimeRecovery": None,
            "ttl": None,
        },
    ),
    "aws:iam/role:Role": ApiCall(
        "iam:CreateRole", {"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"}
    ),
    "aws:iam/rolePolicy:RolePolicy": ApiCall(
        "iam:PutRolePolicy", {"name": "PolicyName", "policy": "PolicyDocument", "role": "RoleName"}
    ),
    "aws:lambda/alias:Alias": ApiCall("lambda:CreateAlias"),
    "aws:lambda/eventSourceMapping:EventSourceMapping": ApiCall("lambda:CreateEventSourceMapping"),
    "aws:lambda/function:Function": ApiCall(
        "lambda:CreateFunction",
        {"name": "FunctionName", "code": None, "sourceCodeHash": None, "reservedConcurrentExecutions": None},
    ),
    "aws:lambda/permission:Permission": ApiCall("lambda:AddPermission", {"function": "FunctionName"}),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": ApiCall(
        "s3:PutBucketLifecycleConfiguration", {"rules": "LifecycleConfiguration.Rules"}
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": ApiCall(
        "s3:PutBucketOwnershipControls", {"rule": "OwnershipControls.Rules"}
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": ApiCall(
        "s3:PutBucketEncryption", {"rules": "ServerSideEncryptionConfiguration.Rules"}
    ),
    "aws:wafv2/webAcl:WebAcl": ApiCall(
        # A map there, a list of keys and bodies here.
        "wafv2:CreateWebACL",
        {"customResponseBodies": None, "region": None},
    ),
}
"""The types whose models have limits. Those of queues, topics, buckets, objects and response
headers have none; a DNS record is part of a list of changes."""

RANGES: Mapping[tuple[str, str], tuple[int, int]] = {
    (QUEUE, "delaySeconds"): (0, 900),
    (QUEUE, "maxMessageSize"): (1024, 1024 * 1024),
    (QUEUE, "messageRetentionSeconds"): (60, 1_209_600),
    (QUEUE, "visibilityTimeoutSeconds"): (0, 43_200),
    (FUNCTION, "memorySize"): (128, 10_240),
    (FUNCTION, "timeout"): (1, 900),
}
"""SQS's model has attributes as text, without ranges; Lambda's model has wider ranges than Lambda.
Source: SQS API reference, CreateQueue; Lambda developer guide, "Lambda quotas"."""

PATTERNS: Mapping[tuple[str, str], str] = {
    (QUEUE, "name"): r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo",
    (API, "name"): r".{1,128}",
    (FUNCTION, "name"): r"[A-Za-z0-9_-]{1,64}",
    (TABLE, "name"): r"[A-Za-z0-9_.-]{3,255}",
    (BUCKET, "bucket"): r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    (TOPIC, "name"): r"[A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo",
}
"""Names that a model doesn't limit, or limits as ARNs. Source: SQS CreateQueue, S3 "General purpose
bucket naming rules", SNS CreateTopic, API Gateway CreateApi, Lambda CreateFunction, DynamoDB
"Naming rules"."""

CHOICES: Mapping[tuple[str, str], frozenset[int] | frozenset[str]] = {
    (LOG_GROUP, "retentionInDays"): frozenset(
        {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
    ),
    (FUNCTION, "runtime"): frozenset(get_args(FunctionRuntime)),
}
"""Source: CloudWatch Logs API reference, PutRetentionPolicy; its model has just a number. Lambda's
model also has the runtimes that are no longer supported."""

JAVA_CLASSES = {r"\p{L}": r"\w", r"\p{Z}": " ", r"\p{N}": r"\d", r"\p{Alnum}": "a-zA-Z0-9"}
"""They stand within `[]`, so none may negate it; where the models have letters, digits and `_` are
allowed too."""


@RULES.for_resource(*CALLS, takes_unknowns=True)
def within_the_models_limits(resource: Resource) -> Iterator[str]:
    """A property must be within the limits of its service's API model."""
    call = CALLS.get(resource.type)
    if call is None:
        return
    for name, value in resource.properties.items():
        try:
            member = member_of(call, name)
        except LookupError:
            continue  # A new property: a test demands its place in CALLS, an update doesn't.
        if member is not None:
            yield from _problems(member, value, name)


@RULES.for_resource(*(type_token for type_token, _ in [*PATTERNS, *RANGES, *CHOICES]), takes_unknowns=True)
def within_the_documented_limits(resource: Resource) -> Iterator[str]:
    """A property must be within the limits that its service's documentation states."""
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
    """Return the member that a property becomes, or None if the call has none.

    Raises:
        LookupError: the call has no member of that name, and CALLS doesn't name another.
    """
    member = call.members.get(name, name)
    if member is None:
        return None
    operation, *within = call.operation.split(".")
    shape: Shape | None = _input_shape(operation)
    for part in [*within, *member.split(".")]:
        shape = _member(shape, part)
    if shape is None:
        raise LookupError(f"{operation} has no member {member}: say in CALLS what {name} becomes")
    return shape


@cache
def _input_shape(operation: str) -> StructureShape:
    service, _, name = operation.partition(":")
    return cast("StructureShape", _session().get_service_model(service).operation_model(name).input_shape)


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
    """Yield the parts of a value with shape and path, except members that the model lacks."""
    items = _member(shape, "Items")
    if items is not None and isinstance(value, list | tuple):
        shape = items  # CloudFront's lists are structures of a quantity and the items.
    if isinstance(shape, ListShape) and isinstance(value, Mapping):
        value = [value]  # The provider has no list where there can be only one.
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
    """Compile a model's pattern: it is Java's, with character classes that Python lacks."""
    for name, characters in JAVA_CLASSES.items():
        java = java.replace(name, characters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # `[` within `[]`, which is literal in both
        return re.compile(java, re.DOTALL)
