"""Example resources and the resources that they depend on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.aws_clients import Clients
from local.deploy.handler import Properties
from local.deploy.registry import handler_for

ROLE = "aws:iam/role:Role"
FUNCTION = "aws:lambda/function:Function"
ALIAS = "aws:lambda/alias:Alias"
API = "aws:apigatewayv2/api:Api"
INTEGRATION = "aws:apigatewayv2/integration:Integration"
QUEUE = "aws:sqs/queue:Queue"
TOPIC = "aws:sns/topic:Topic"
BUCKET = "aws:s3/bucket:Bucket"
TABLE = "aws:dynamodb/table:Table"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
EVENT_BUS = "aws:cloudwatch/eventBus:EventBus"
EVENT_RULE = "aws:cloudwatch/eventRule:EventRule"
CERTIFICATE = "aws:acm/certificate:Certificate"
DOMAIN_NAME = "aws:apigatewayv2/domainName:DomainName"
STAGE = "aws:apigatewayv2/stage:Stage"
WEB_ACL = "aws:wafv2/webAcl:WebAcl"
OAC = "aws:cloudfront/originAccessControl:OriginAccessControl"

TAGS = {"project": "userstream", "environment": "test"}


@dataclass(frozen=True)
class Example:
    """Inputs of a resource, and those of a change in place; `None` removes one."""

    inputs: Properties
    change: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def changed(self) -> Properties:
        both = {**self.inputs, **self.change}
        return {name: value for name, value in both.items() if value is not None}


class Dependencies:
    """The resources that examples depend on, created when first needed."""

    def __init__(self, clients: Clients, examples: "Examples") -> None:
        self._clients = clients
        self._examples = examples
        self._made: dict[str, Properties] = {}
        self._zone: str | None = None

    def get(self, pulumi_type: str) -> Properties:
        """Return the properties and the id of a resource of a type, not the one under test."""
        if pulumi_type not in self._made:
            inputs = dict(self._examples[pulumi_type](self).inputs)
            for name in ("name", "bucket"):
                if name in inputs:
                    inputs[name] = f"around-{inputs[name]}"
            if pulumi_type == DOMAIN_NAME:
                inputs["domainName"] = f"around.{inputs['domainName']}"
            resource_id, properties = handler_for(pulumi_type).create(self._clients, inputs)
            self._made[pulumi_type] = {**properties, "id": resource_id}
        return self._made[pulumi_type]

    def hosted_zone_id(self) -> str:
        """Return the id of a hosted zone of example.com, which no program of ours creates."""
        if self._zone is None:
            created = self._clients.route53.create_hosted_zone(Name="example.com", CallerReference="examples")
            self._zone = str(created["HostedZone"]["Id"]).rpartition("/")[2]
        return self._zone


Examples = Mapping[str, Callable[[Dependencies], Example]]
"""By Pulumi type."""
