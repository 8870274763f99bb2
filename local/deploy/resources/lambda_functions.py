"""Lambda functions, who may invoke them, and what becomes of their asynchronous failures."""

import json
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from local.deploy.resources.archives import archive_bytes
from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceError, ResourceHandler, changed, missing
from local.deploy.resources.values import lower_keys, present, tag_changes, upper_keys

_CONFIGURATION = {
    "description": "Description",
    "ephemeralStorage": "EphemeralStorage",
    "handler": "Handler",
    "memorySize": "MemorySize",
    "role": "Role",
    "runtime": "Runtime",
    "timeout": "Timeout",
    "tracingConfig": "TracingConfig",
}
"""Inputs that are one parameter each, in CreateFunction and in UpdateFunctionConfiguration."""

_DEFAULTS: Mapping[str, Any] = {
    "Description": "",
    "EphemeralStorage": {"Size": 512},
    "MemorySize": 128,
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
}
"""What a parameter goes back to when its input is taken away. Source: Lambda API reference, CreateFunction."""

_READY_PAUSE_SECONDS = 0.1
_READY_LOOKS = 300

UNRESERVED = -1
"""The provider's word for a function that takes its concurrency from the account's pool."""


class Function(ResourceHandler):
    """A function from a zip."""

    pulumi_type: ClassVar[str] = "aws:lambda/function:Function"
    supported: ClassVar[frozenset[str]] = frozenset(
        {
            *_CONFIGURATION,
            "architectures",
            "code",
            "environment",
            "loggingConfig",
            "name",
            "packageType",
            "reservedConcurrentExecutions",
            "sourceCodeHash",
            "tags",
        }
    )
    required: ClassVar[frozenset[str]] = frozenset({"code", "handler", "name", "role", "runtime"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"name", "packageType"})
    write_only: ClassVar[frozenset[str]] = frozenset({"code", "loggingConfig", "packageType"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        clients.lambda_.create_function(
            FunctionName=inputs["name"],
            Code={"ZipFile": archive_bytes(inputs["code"])},
            Tags=inputs.get("tags", {}),
            **_configuration(inputs),
            **present(Architectures=inputs.get("architectures")),
        )
        _wait_until_ready(clients, inputs["name"])
        if inputs.get("reservedConcurrentExecutions", UNRESERVED) != UNRESERVED:
            self._reserve(clients, inputs)
        return inputs["name"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        function = clients.lambda_.get_function(FunctionName=resource_id)
        configuration: dict[str, Any] = dict(function["Configuration"])
        arn = configuration["FunctionArn"]
        properties: dict[str, Any] = {
            name: lower_keys(configuration[parameter])
            for name, parameter in _CONFIGURATION.items()
            if parameter in configuration
        }
        return properties | {
            "name": resource_id,
            "arn": arn,
            "invokeArn": f"arn:aws:apigateway:{clients.region}:lambda:path/2015-03-31/functions/{arn}/invocations",
            "qualifiedArn": f"{arn}:{configuration['Version']}",
            "architectures": configuration.get("Architectures", ["x86_64"]),
            "environment": {"variables": configuration.get("Environment", {}).get("Variables", {})},
            "lastModified": configuration["LastModified"],
            "reservedConcurrentExecutions": function.get("Concurrency", {}).get(
                "ReservedConcurrentExecutions", UNRESERVED
            ),
            "sourceCodeHash": configuration["CodeSha256"],
            "codeSha256": configuration["CodeSha256"],
            "sourceCodeSize": configuration["CodeSize"],
            "tags": function.get("Tags", {}),
            "version": configuration["Version"],
        }

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        if changed(old, new, "code", "sourceCodeHash", "architectures"):
            clients.lambda_.update_function_code(
                FunctionName=resource_id,
                ZipFile=archive_bytes(new["code"]),
                **present(Architectures=new.get("architectures")),
            )
            # The next change waits for this one, or Lambda answers ResourceConflictException.
            _wait_until_ready(clients, resource_id)
        if changed(old, new, *_CONFIGURATION, "environment", "loggingConfig"):
            clients.lambda_.update_function_configuration(
                FunctionName=resource_id, **{**_DEFAULTS, **_configuration(new)}
            )
            _wait_until_ready(clients, resource_id)
        if changed(old, new, "reservedConcurrentExecutions"):
            if new.get("reservedConcurrentExecutions", UNRESERVED) == UNRESERVED:
                clients.lambda_.delete_function_concurrency(FunctionName=resource_id)
            else:
                self._reserve(clients, new)
        removed, added = tag_changes(old, new)
        if removed:
            clients.lambda_.untag_resource(Resource=old["arn"], TagKeys=removed)
        if added:
            clients.lambda_.tag_resource(Resource=old["arn"], Tags=added)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.lambda_.delete_function(FunctionName=resource_id)

    def _reserve(self, clients: Clients, inputs: Properties) -> None:
        clients.lambda_.put_function_concurrency(
            FunctionName=inputs["name"],
            ReservedConcurrentExecutions=inputs["reservedConcurrentExecutions"],
        )


def _wait_until_ready(clients: Clients, function_name: str) -> None:
    """Return when the function takes invocations and changes. boto3's waiters look once a second, which adds up.

    Raises:
        ResourceError: it failed, or takes too long.
    """
    for _ in range(_READY_LOOKS):
        configuration = clients.lambda_.get_function_configuration(FunctionName=function_name)
        states = {configuration.get("State", "Active"), configuration.get("LastUpdateStatus", "Successful")}
        if states == {"Active", "Successful"}:
            return
        if "Failed" in states:
            reason = configuration.get("LastUpdateStatusReason") or configuration.get("StateReason", "")
            raise ResourceError(f"function {function_name} failed: {reason}")
        time.sleep(_READY_PAUSE_SECONDS)
    raise ResourceError(f"function {function_name} is not ready after {_READY_LOOKS * _READY_PAUSE_SECONDS:.0f} s")


def _configuration(inputs: Properties) -> dict[str, Any]:
    """Parameters of CreateFunction and UpdateFunctionConfiguration alike."""
    parameters: dict[str, Any] = {
        parameter: upper_keys(inputs[name]) for name, parameter in _CONFIGURATION.items() if name in inputs
    }
    parameters["Environment"] = {"Variables": inputs.get("environment", {}).get("variables", {})}
    if "loggingConfig" in inputs:
        parameters["LoggingConfig"] = upper_keys(inputs["loggingConfig"])
    return parameters


class Permission(ResourceHandler):
    """A statement of a function's resource policy."""

    pulumi_type: ClassVar[str] = "aws:lambda/permission:Permission"
    supported: ClassVar[frozenset[str]] = frozenset(
        {
            "action",
            "function",
            "principal",
            "sourceAccount",
            "sourceArn",
            "statementId",
        }
    )
    required: ClassVar[frozenset[str]] = frozenset({"action", "function", "principal"})
    replace_on: ClassVar[frozenset[str]] = supported
    write_only: ClassVar[frozenset[str]] = frozenset({"sourceAccount"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        # Without one, the provider makes one up; here it is the same at each deployment.
        statement_id = inputs.get("statementId") or _statement_id(inputs)
        clients.lambda_.add_permission(
            FunctionName=inputs["function"],
            StatementId=statement_id,
            Action=inputs["action"],
            Principal=inputs["principal"],
            **present(SourceArn=inputs.get("sourceArn"), SourceAccount=inputs.get("sourceAccount")),
        )
        return statement_id

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        policy = json.loads(clients.lambda_.get_policy(FunctionName=state["function"])["Policy"])
        statement = next((item for item in policy["Statement"] if item["Sid"] == resource_id), None)
        if statement is None:
            raise missing("GetPolicy", resource_id)
        principal = statement["Principal"]
        properties = {
            "function": state["function"],
            "statementId": resource_id,
            "action": statement["Action"],
            "principal": principal if isinstance(principal, str) else next(iter(principal.values())),
        }
        if source_arn := statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn"):
            properties["sourceArn"] = source_arn
        return properties

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.lambda_.remove_permission(FunctionName=state["function"], StatementId=resource_id)


def _statement_id(inputs: Properties) -> str:
    text = f"{inputs['principal']}-{inputs.get('sourceArn', '')}"
    return "".join(character if character.isalnum() else "-" for character in text)[-100:]


class FunctionEventInvokeConfig(ResourceHandler):
    """How often an asynchronous invocation is retried, and where it goes when given up."""

    pulumi_type: ClassVar[str] = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
    supported: ClassVar[frozenset[str]] = frozenset(
        {
            "destinationConfig",
            "functionName",
            "maximumEventAgeInSeconds",
            "maximumRetryAttempts",
        }
    )
    required: ClassVar[frozenset[str]] = frozenset({"functionName"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"functionName"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        clients.lambda_.put_function_event_invoke_config(
            FunctionName=inputs["functionName"],
            **present(
                MaximumRetryAttempts=inputs.get("maximumRetryAttempts"),
                MaximumEventAgeInSeconds=inputs.get("maximumEventAgeInSeconds"),
                DestinationConfig=upper_keys(inputs.get("destinationConfig")),
            ),
        )
        return inputs["functionName"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        config: dict[str, Any] = dict(clients.lambda_.get_function_event_invoke_config(FunctionName=resource_id))
        destinations = {name: value for name, value in config.get("DestinationConfig", {}).items() if value}
        return {
            "functionName": resource_id,
            **present(
                maximumRetryAttempts=config.get("MaximumRetryAttempts"),
                maximumEventAgeInSeconds=config.get("MaximumEventAgeInSeconds"),
                destinationConfig=lower_keys(destinations) or None,
            ),
        }

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._create(clients, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.lambda_.delete_function_event_invoke_config(FunctionName=resource_id)
