"""The resource types and the functions of the AWS provider that the local stack supports."""

from collections.abc import Mapping
from typing import Any

from local.aws_clients import Clients
from local.deploy import (
    api_gateway,
    cloudfront,
    cloudwatch,
    domains,
    dynamodb,
    events,
    iam,
    lambda_functions,
    s3,
    sns,
    sqs,
    wafv2,
)
from local.deploy.handler import ResourceHandler
from local.deploy.values import ResourceError, fill

_MODULES = (
    api_gateway,
    cloudfront,
    cloudwatch,
    domains,
    dynamodb,
    events,
    iam,
    lambda_functions,
    s3,
    sns,
    sqs,
    wafv2,
)

HANDLERS: Mapping[str, ResourceHandler] = {
    handler.pulumi_type: handler for module in _MODULES for handler in module.HANDLERS
}
"""Every handler, by its Pulumi type."""


class UnsupportedTypeError(ResourceError):
    """The local stack has no resource or function of this Pulumi type."""


def handler_for(pulumi_type: str) -> ResourceHandler:
    """Return the handler of a Pulumi type; raise UnsupportedTypeError if there is none."""
    handler = HANDLERS.get(pulumi_type)
    if handler is None:
        raise UnsupportedTypeError(
            f"the local stack has no resource of type {pulumi_type}. Write a handler for it in "
            "local/deploy/ and add it to registry.py, or leave the resource out by a setting of "
            "Pulumi.local.yaml"
        )
    return handler


_FUNCTIONS = {
    "aws:index/getCallerIdentity:getCallerIdentity": {
        "id": "{clients.account_id}",
        "accountId": "{clients.account_id}",
        "arn": "{clients.identity[Arn]}",
        "userId": "{clients.identity[UserId]}",
    },
    "aws:index/getPartition:getPartition": {
        "id": "aws",
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    },
    "aws:index/getRegion:getRegion": {
        "id": "{clients.region}",
        "name": "{clients.region}",
        "region": "{clients.region}",
        "description": "{clients.region}",
        "endpoint": "ec2.{clients.region}.amazonaws.com",
    },
}
"""From a function's token to its result, as templates."""


def invoke(clients: Clients, token: str) -> dict[str, Any]:
    """Return the result of a function by its token; raise UnsupportedTypeError if it is unknown."""
    if token not in _FUNCTIONS:
        raise UnsupportedTypeError(
            f"the local stack can't answer {token}. Write it in local/deploy/registry.py, or do without it"
        )
    return {name: fill(template, {"clients": clients}) for name, template in _FUNCTIONS[token].items()}
