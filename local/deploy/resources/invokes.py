"""What a Pulumi program may ask of the AWS provider besides making resources."""

from collections.abc import Callable, Mapping
from typing import Any

from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties
from local.deploy.resources.resource_errors import UnsupportedTypeError


def call(clients: Clients, token: str, arguments: Properties) -> Properties:
    """Answer one of the provider's functions.

    Args:
        clients: of the account and region that are asked about.
        token: the Pulumi function, for example `aws:index/getRegion:getRegion`.
        arguments: of the call.

    Returns:
        The function's result under Pulumi's names.

    Raises:
        UnsupportedTypeError: the local stack doesn't know the function.
    """
    answer = _ANSWERS.get(token)
    if answer is None:
        raise UnsupportedTypeError(
            f"the local stack can't answer {token}. Write it in local/deploy/resources/invokes.py, or do without it"
        )
    return answer(clients, arguments)


def _caller_identity(clients: Clients, _arguments: Properties) -> Properties:
    identity = clients.sts.get_caller_identity()
    return {
        "id": identity["Account"],
        "accountId": identity["Account"],
        "arn": identity["Arn"],
        "userId": identity["UserId"],
    }


def _region(clients: Clients, _arguments: Properties) -> Properties:
    return {
        "id": clients.region,
        "name": clients.region,
        "region": clients.region,
        "description": clients.region,
        "endpoint": f"ec2.{clients.region}.amazonaws.com",
    }


def _partition(_clients: Clients, _arguments: Properties) -> Properties:
    return {"id": "aws", "partition": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}


_ANSWERS: Mapping[str, Callable[[Clients, Properties], Mapping[str, Any]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getRegion:getRegion": _region,
}
