"""What a rule looks at, and what it says."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

API = "aws:apigatewayv2/api:Api"
INTEGRATION = "aws:apigatewayv2/integration:Integration"
ROUTE = "aws:apigatewayv2/route:Route"
STAGE = "aws:apigatewayv2/stage:Stage"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TABLE = "aws:dynamodb/table:Table"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ROLE_POLICY_ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
EVENT_SOURCE_MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
FUNCTION = "aws:lambda/function:Function"
FUNCTION_URL = "aws:lambda/functionUrl:FunctionUrl"
PERMISSION = "aws:lambda/permission:Permission"
BUCKET = "aws:s3/bucket:Bucket"
BUCKET_ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
BUCKET_PUBLIC_ACCESS_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
TOPIC = "aws:sns/topic:Topic"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
QUEUE = "aws:sqs/queue:Queue"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands for a value that isn't known before the update. Source: Pulumi SDK, sdk/go/common/resource/plugin."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of a stack.

    Attributes:
        type: Pulumi type token.
        name: name in the program.
        urn: Pulumi's name of it, unique in the stack.
        properties: its inputs under Pulumi's names.
        protect: whether Pulumi refuses to delete it.
    """

    type: str
    name: str
    urn: str
    properties: Mapping[str, Any]
    protect: bool

    def get(self, *path: str) -> Any:
        """A property, or what lies in it; None where it isn't set."""
        value: Any = self.properties
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return value  # pyright: ignore[reportUnknownVariableType]

    def map(self, name: str) -> Mapping[str, Any]:
        """A property that is a map; empty where it isn't set or isn't known yet."""
        found = self.get(name)
        return {} if found == UNKNOWN else found or {}

    def list(self, *path: str) -> Sequence[Any]:
        """A property that is a list, as far as it is known yet; empty where it isn't set."""
        found = self.get(*path)
        return () if found == UNKNOWN else [item for item in found or () if item != UNKNOWN]

    @property
    def environment(self) -> str | None:
        """What its tags say it belongs to."""
        return self.get("tags", "environment")


@dataclass(frozen=True, kw_only=True)
class ResourceRule:
    """A rule that one resource alone keeps or breaks.

    Attributes:
        name: of the rule, in the pack and in findings.
        description: one sentence: what must be, and why.
        types: of the resources it is for; empty for all.
        check: what is wrong with a resource, each with what to do.
        takes_unknowns: it looks at each property by itself, so it can be asked before all of them are known; those that
            aren't are `UNKNOWN`.
    """

    name: str
    description: str
    types: frozenset[str]
    check: Callable[[Resource], Iterator[str]]
    takes_unknowns: bool = False


@dataclass(frozen=True, kw_only=True)
class StackRule:
    """A rule about resources that belong together.

    Attributes:
        name: of the rule.
        description: one sentence: what must be, and why.
        check: what is wrong in a stack, and with which resource.
    """

    name: str
    description: str
    check: Callable[[Sequence[Resource]], Iterator[tuple[Resource, str]]]


Rule = ResourceRule | StackRule


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule that a resource breaks."""

    rule: str
    resource: str
    message: str

    def __str__(self) -> str:
        return f"{self.resource}: {self.message} ({self.rule})"


def findings(rules: Sequence[Rule], resources: Sequence[Resource]) -> list[Finding]:
    """Everything that the rules say against a stack."""
    found = list[Finding]()
    for rule in rules:
        if isinstance(rule, StackRule):
            pairs = list(rule.check(resources))
        else:
            looked_at = [resource for resource in resources if not rule.types or resource.type in rule.types]
            pairs = [(resource, message) for resource in looked_at for message in rule.check(resource)]
        found += [Finding(rule=rule.name, resource=resource.name, message=message) for resource, message in pairs]
    return found


def of_type(resources: Sequence[Resource], *types: str) -> list[Resource]:
    """The resources of some types."""
    return [resource for resource in resources if resource.type in types]
