"""Resource, which rules check, and Rules, whose decorators turn a check into a rule."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

CERTIFICATE = "aws:acm/certificate:Certificate"
API = "aws:apigatewayv2/api:Api"
API_DOMAIN = "aws:apigatewayv2/domainName:DomainName"
API_MAPPING = "aws:apigatewayv2/apiMapping:ApiMapping"
INTEGRATION = "aws:apigatewayv2/integration:Integration"
ROUTE = "aws:apigatewayv2/route:Route"
STAGE = "aws:apigatewayv2/stage:Stage"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
EVENT_ARCHIVE = "aws:cloudwatch/eventArchive:EventArchive"
EVENT_BUS = "aws:cloudwatch/eventBus:EventBus"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
METRIC_FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TABLE = "aws:dynamodb/table:Table"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ROLE_POLICY_ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ALIAS = "aws:lambda/alias:Alias"
EVENT_SOURCE_MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
FUNCTION = "aws:lambda/function:Function"
FUNCTION_URL = "aws:lambda/functionUrl:FunctionUrl"
PERMISSION = "aws:lambda/permission:Permission"
RECORD = "aws:route53/record:Record"
BUCKET = "aws:s3/bucket:Bucket"
BUCKET_ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
BUCKET_PUBLIC_ACCESS_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
TOPIC = "aws:sns/topic:Topic"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
QUEUE = "aws:sqs/queue:Queue"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
REDRIVE_ALLOW_POLICY = "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy"
WEB_ACL = "aws:wafv2/webAcl:WebAcl"

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""A value that a preview doesn't know yet. Source: Pulumi, sdk/go/common/resource/plugin."""


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """What the rules read of a stack's configuration, as text and unchecked.

    Attributes:
        stack: the stack's name.
        environment: the environment's: the setting `environment`, or else the stack's name.
        protected: the setting `protectedEnvironment`.
    """

    stack: str
    environment: str
    protected: bool = False

    @classmethod
    def read(cls, stack: str, config: Mapping[str, str]) -> Self:
        """Take it from a configuration: full key to text, as Pulumi passes it."""
        return cls(
            stack=stack,
            environment=config.get("userstream:environment", stack),
            protected=config.get("userstream:protectedEnvironment") == "true",
        )


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of a stack.

    Attributes:
        stack: the stack's configuration.
        type: Pulumi type token.
        name: name in the program.
        urn: Pulumi's identifier, unique in the stack.
        properties: its inputs under Pulumi's names.
        protect: whether Pulumi refuses to delete it.
    """

    stack: StackConfig
    type: str
    name: str
    urn: str
    properties: Mapping[str, Any]
    protect: bool

    def get(self, *path: str) -> Any:
        """Return a property, or a nested one; None if it isn't set."""
        value: Any = self.properties
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return value  # pyright: ignore[reportUnknownVariableType]

    def map(self, name: str) -> Mapping[str, Any]:
        """Return a property that is a map; empty if it isn't set or isn't known yet."""
        found = self.get(name)
        return {} if found == UNKNOWN else found or {}

    def list(self, *path: str) -> Sequence[Any]:
        """Return the known items of a property that is a list; empty if it isn't set."""
        found = self.get(*path)
        return () if found == UNKNOWN else [item for item in found or () if item != UNKNOWN]


ResourceCheck = Callable[[Resource], Iterator[str]]
"""Yields what is wrong with a resource, each with what to do."""

StackCheck = Callable[[Sequence[Resource]], Iterator[tuple[Resource, str]]]
"""Yields what is wrong in a stack, each with the resource that has to change."""


@dataclass(frozen=True)
class StackRule:
    """A rule about resources that belong together: its name, its one "must" sentence, its check."""

    name: str
    description: str
    check: StackCheck


@dataclass(frozen=True)
class ResourceRule:
    """A rule about one resource by itself.

    Attributes:
        name: in the policy pack and in findings.
        description: one sentence: what must be, and why.
        check: its check.
        types: type tokens of the resources it is for; empty for all.
        takes_unknowns: the check may run before all properties are known, because it reads each by
            itself; those that aren't known are `UNKNOWN`.
    """

    name: str
    description: str
    check: ResourceCheck
    types: frozenset[str]
    takes_unknowns: bool


Rule = ResourceRule | StackRule


class Rules(list[Rule]):
    """The rules of a module. Each is a decorated check, whose name and docstring become its own."""

    def for_resource(self, *types: str, takes_unknowns: bool = False) -> Callable[[ResourceCheck], ResourceCheck]:
        """Add a check of each resource of some types, or of every resource if none are named."""

        def add(check: ResourceCheck) -> ResourceCheck:
            self.append(ResourceRule(_name(check), check.__doc__ or "", check, frozenset(types), takes_unknowns))
            return check

        return add

    def for_stack(self, check: StackCheck) -> StackCheck:
        """Add a check of all resources of a stack."""
        self.append(StackRule(_name(check), check.__doc__ or "", check))
        return check


def _name(check: ResourceCheck | StackCheck) -> str:
    return check.__name__.replace("_", "-")


def of_type(resources: Sequence[Resource], *types: str) -> list[Resource]:
    """Return the resources of some types."""
    return [resource for resource in resources if resource.type in types]
