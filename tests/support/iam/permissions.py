"""The permissions of each function's role, and the emulator's roles without one of them."""

import json
import re
from collections.abc import Generator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any, NamedTuple, TypedDict

from local.aws_clients import Clients
from local.deploy.iam import as_written, enforceable
from tests.support.stack.recorded_stack import record

STACK = "local"

# These differ between the recorded program and the emulator.
_ACCOUNT = re.compile(r"-?\b\d{12}\b")
_STREAM_LABEL = re.compile(r"/stream/.*$")


class Permission(NamedTuple):
    """One action on one resource, allowed to one function."""

    function: str
    """Its name in the program."""
    action: str
    resource: str
    """Its ARN after the account, without the parts that differ between deployments."""

    def __str__(self) -> str:
        return f"{self.function}: {self.action} on {self.resource}"


def permissions_of(function: str, statements: list[dict[str, Any]]) -> list[Permission]:
    """Split a role's policy into single permissions."""
    return [
        Permission(function, action, _resource(arn))
        for statement in statements
        for action in statement["Action"]
        for arn in statement["Resource"]
    ]


def recorded_permissions() -> list[Permission]:
    """Return every permission of the program's functions."""
    stack = record(STACK)
    functions = [resource.name for resource in stack.of_type("aws:lambda/function:Function")]
    return [permission for name in functions for permission in permissions_of(name, stack.statements(name))]


class Roles:
    """The roles of a deployed stack.

    Args:
        clients: Clients of the root user.
        function_names: Each function's name in the account, which its role's policy has too.
    """

    def __init__(self, clients: Clients, function_names: dict[str, str]) -> None:
        self._iam = clients.iam
        self._function_names = function_names
        self._arns = {
            function: clients.lambda_.get_function_configuration(FunctionName=name).get("Role", "")
            for function, name in function_names.items()
        }

    def arn(self, function: str) -> str:
        return self._arns[function]

    def permissions(self, function: str) -> list[Permission]:
        """Return the permissions of a function's role."""
        return permissions_of(function, self._policy(function))

    @contextmanager
    def without(self, denied: AbstractSet[Permission]) -> Generator[None]:
        """Remove permissions until the block ends."""
        functions = {permission.function for permission in denied}
        before = {function: self._policy(function) for function in functions}
        try:
            for function, statements in before.items():
                granted = [one for one in _one_by_one(statements) if denied.isdisjoint(permissions_of(function, [one]))]
                self._put(function, granted)
            yield
        finally:
            for function, statements in before.items():
                self._put(function, statements)

    def _policy(self, function: str) -> list[dict[str, Any]]:
        document: Any = self._iam.get_role_policy(**self._policy_of(function))["PolicyDocument"]
        return as_written(document)["Statement"]

    def _put(self, function: str, statements: list[dict[str, Any]]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self._iam.put_role_policy(**self._policy_of(function), PolicyDocument=enforceable(document))

    def _policy_of(self, function: str) -> "_PolicyOf":
        role = self._arns[function].rpartition("/")[2]
        return {"RoleName": role, "PolicyName": self._function_names[function]}


class _PolicyOf(TypedDict):
    RoleName: str
    PolicyName: str


def _one_by_one(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return equivalent statements, each of one action on one resource."""
    return [
        {"Effect": statement["Effect"], "Action": [action], "Resource": [arn]}
        for statement in statements
        for action in statement["Action"]
        for arn in statement["Resource"]
    ]


def _resource(arn: str) -> str:
    if arn == "*":
        return arn
    return _STREAM_LABEL.sub("/stream", _ACCOUNT.sub("", arn.split(":", 5)[5]))
