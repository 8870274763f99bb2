"""Which handler supports which Pulumi type."""

from collections.abc import Mapping

from local.deploy.resources import (
    api_gateway,
    cloudfront,
    cloudwatch,
    dynamodb,
    iam,
    lambda_functions,
    s3,
    sns,
    sqs,
)
from local.deploy.resources.handler import ResourceHandler
from local.deploy.resources.resource_errors import UnsupportedTypeError

_MODULES = (api_gateway, cloudfront, cloudwatch, dynamodb, iam, lambda_functions, s3, sns, sqs)

HANDLERS: Mapping[str, ResourceHandler] = {
    handler.pulumi_type: handler for module in _MODULES for handler in module.HANDLERS
}
"""Every handler, by its Pulumi type."""


def handler_for(pulumi_type: str) -> ResourceHandler:
    """Return the handler that supports a Pulumi type.

    Raises:
        UnsupportedTypeError: none does.
    """
    handler = HANDLERS.get(pulumi_type)
    if handler is None:
        raise UnsupportedTypeError(
            f"the local stack has no resource of type {pulumi_type}. Write a handler for it in "
            "local/deploy/resources/ and add it to registry.py, or leave the resource out by a setting of "
            "Pulumi.local.yaml"
        )
    return handler
