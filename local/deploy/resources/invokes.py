"""The AWS provider's functions: what a program asks besides creating resources."""

from typing import Any

from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties
from local.deploy.resources.resource_errors import UnsupportedTypeError
from local.deploy.resources.values import fill

_RESULTS = {
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
"""From a function's token to its result under Pulumi's names, as templates."""


def call(clients: Clients, token: str, _arguments: Properties) -> dict[str, Any]:
    """Return the result of one of the provider's functions.

    Args:
        clients: of the account and region that are asked about.
        token: the Pulumi function, for example `aws:index/getRegion:getRegion`.

    Raises:
        UnsupportedTypeError: the local stack doesn't know the function.
    """
    if token not in _RESULTS:
        raise UnsupportedTypeError(
            f"the local stack can't answer {token}. Write it in local/deploy/resources/invokes.py, or do without it"
        )
    return {name: fill(template, {"clients": clients}) for name, template in _RESULTS[token].items()}
