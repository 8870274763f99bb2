"""Lambda functions, who may invoke them, what becomes of their asynchronous failures, and their event sources."""

import json
import time
from typing import Any

from typing_extensions import override

from local.deploy.resources.archives import archive_bytes
from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler, changed, names, without
from local.deploy.resources.resource_errors import ResourceError, missing

UNRESERVED = -1
"""The provider's word for a function that takes its concurrency from the account's pool."""

_READY_PAUSE_SECONDS = 0.1
_READY_ATTEMPTS = 300

_CODE = names("architectures code")


class _Function(ResourceHandler):
    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        name = super()._create(clients, inputs)
        _wait_until_ready(clients, name)
        if inputs.get("reservedConcurrentExecutions", UNRESERVED) != UNRESERVED:
            _set_concurrency(clients, inputs)
        return name

    @override
    def _prepared(self, inputs: dict[str, Any]) -> dict[str, Any]:
        if "code" in inputs:
            inputs["code"] = {"zipFile": archive_bytes(inputs["code"])}
        return {"environment": {"variables": {}}, **inputs}

    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        reserved = returned.get("concurrency", {}).get("reservedConcurrentExecutions", UNRESERVED)
        variables = properties["environment"].get("variables", {})
        return {**properties, "environment": {"variables": variables}, "reservedConcurrentExecutions": reserved}

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        if changed(old, new, "code", "sourceCodeHash", "architectures"):
            architectures: Any = {"Architectures": new["architectures"]} if "architectures" in new else {}
            clients.lambda_.update_function_code(
                FunctionName=resource_id, ZipFile=archive_bytes(new["code"]), **architectures
            )
            # The next change waits for this one, or Lambda answers ResourceConflictException.
            _wait_until_ready(clients, resource_id)
        super()._update(clients, resource_id, without(old, _CODE), without(new, _CODE))
        _wait_until_ready(clients, resource_id)
        if changed(old, new, "reservedConcurrentExecutions"):
            _set_concurrency(clients, new)


def _set_concurrency(clients: Clients, inputs: Properties) -> None:
    reserved = inputs.get("reservedConcurrentExecutions", UNRESERVED)
    if reserved == UNRESERVED:
        clients.lambda_.delete_function_concurrency(FunctionName=inputs["name"])
    else:
        clients.lambda_.put_function_concurrency(FunctionName=inputs["name"], ReservedConcurrentExecutions=reserved)


def _wait_until_ready(clients: Clients, function_name: str) -> None:
    """Return when the function takes invocations and changes. boto3's waiters poll once a second, which adds up.

    Raises:
        ResourceError: it failed, or takes too long.
    """
    for _ in range(_READY_ATTEMPTS):
        configuration = clients.lambda_.get_function_configuration(FunctionName=function_name)
        states = {configuration.get("State", "Active"), configuration.get("LastUpdateStatus", "Successful")}
        if states == {"Active", "Successful"}:
            return
        if "Failed" in states:
            reason = configuration.get("LastUpdateStatusReason") or configuration.get("StateReason", "")
            raise ResourceError(f"function {function_name} failed: {reason}")
        time.sleep(_READY_PAUSE_SECONDS)
    raise ResourceError(f"function {function_name} is not ready after {_READY_ATTEMPTS * _READY_PAUSE_SECONDS:.0f} s")


class _Permission(ResourceHandler):
    """A statement of a function's resource policy."""

    @override
    def _prepared(self, inputs: dict[str, Any]) -> dict[str, Any]:
        # Without a statement id the provider makes one up; here it is the same at each deployment.
        text = f"{inputs['principal']}-{inputs.get('sourceArn', '')}"
        made_up = "".join(character if character.isalnum() else "-" for character in text)[-100:]
        return {**inputs, "statementId": inputs.get("statementId") or made_up}

    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        statements = json.loads(returned["policy"])["Statement"]
        statement = next((each for each in statements if each["Sid"] == properties["statementId"]), None)
        if statement is None:
            raise missing(self.read_operation, properties["statementId"])
        principal = statement["Principal"]
        properties |= {
            "action": statement["Action"],
            "principal": principal if isinstance(principal, str) else next(iter(principal.values())),
        }
        if source_arn := statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn"):
            properties["sourceArn"] = source_arn
        return properties


class _EventInvokeConfig(ResourceHandler):
    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        # Lambda returns a success and a failure destination, empty if not set.
        destinations = {name: value for name, value in properties.pop("destinationConfig", {}).items() if value}
        return {**properties, "destinationConfig": destinations} if destinations else properties


class _EventSourceMapping(ResourceHandler):
    """A mapping from a stream or a queue to a function.

    A stream's mapping is disabled in the emulator, whatever `enabled` says, and `enabled` is kept here: the emulator's
    own delivery ignores retries, bisecting and partial batches, so the local stack delivers streams by its own poller
    (local/stream_poller/). Queues are delivered by the emulator.
    """

    @override
    def _prepared(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return {**inputs, "enabled": inputs.get("enabled", True) and not _is_stream(inputs["eventSourceArn"])}

    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        on_failure = properties.pop("destinationConfig", {}).get("onFailure")
        if on_failure:
            properties["destinationConfig"] = {"onFailure": on_failure}
        function_arn: str = returned["functionArn"]
        # The program may have given the function's name.
        if function_arn.rpartition(":")[2] != state["functionName"].rpartition(":")[2]:
            properties["functionName"] = function_arn
        if not _is_stream(returned["eventSourceArn"]):
            properties["enabled"] = returned["state"] in {"Enabled", "Enabling", "Creating"}
        return properties

    @override
    def _taken_away(self, old: Properties, new: Properties) -> Properties:
        # Streams and queues refuse each other's parameters, so only what was set is sent.
        return {name: value for name, value in super()._taken_away(old, new).items() if old.get(name, value) != value}


def _is_stream(event_source_arn: str) -> bool:
    return ":dynamodb:" in event_source_arn


HANDLERS = (
    _Function(
        pulumi_type="aws:lambda/function:Function",
        client="lambda_",
        required=names("code handler name role runtime"),
        optional=names(
            "architectures description environment ephemeralStorage loggingConfig memorySize packageType "
            "reservedConcurrentExecutions sourceCodeHash tags timeout tracingConfig"
        ),
        replace_on=names("name packageType"),
        write_only=names("code loggingConfig packageType"),
        by_hand=names("packageType reservedConcurrentExecutions sourceCodeHash"),
        create_operation="CreateFunction",
        read_operation="GetFunction",
        update_operation="UpdateFunctionConfiguration",
        delete_operation="DeleteFunction",
        id="{name}",
        identity={"FunctionName": "{name}", "Resource": "{arn}"},
        result="configuration",
        renamed={"FunctionName": "name"},
        # Source: Lambda API reference, CreateFunction.
        taken_away={
            "description": "",
            "ephemeralStorage": {"size": 512},
            "memorySize": 128,
            "timeout": 3,
            "tracingConfig": {"mode": "PassThrough"},
        },
        absent={"architectures": ["x86_64"], "environment": {}, "tags": {}},
        outputs={
            "arn": "{functionArn}",
            "codeSha256": "{codeSha256}",
            "invokeArn": (
                "arn:aws:apigateway:{clients.region}:lambda:path/2015-03-31/functions/{functionArn}/invocations"
            ),
            "lastModified": "{lastModified}",
            "qualifiedArn": "{functionArn}:{version}",
            "sourceCodeHash": "{codeSha256}",
            "sourceCodeSize": "{codeSize}",
            "version": "{version}",
        },
        tag_operations=("", "TagResource", "UntagResource"),
    ),
    _EventInvokeConfig(
        pulumi_type="aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        client="lambda_",
        required=names("functionName"),
        optional=names("destinationConfig maximumEventAgeInSeconds maximumRetryAttempts"),
        replace_on=names("functionName"),
        create_operation="PutFunctionEventInvokeConfig",
        read_operation="GetFunctionEventInvokeConfig",
        delete_operation="DeleteFunctionEventInvokeConfig",
        id="{functionName}",
        identity={"FunctionName": "{functionName}"},
    ),
    _Permission(
        pulumi_type="aws:lambda/permission:Permission",
        client="lambda_",
        required=names("action function principal"),
        optional=names("sourceAccount sourceArn statementId"),
        replace_on=names("action function principal sourceAccount sourceArn statementId"),
        write_only=names("sourceAccount"),
        create_operation="AddPermission",
        read_operation="GetPolicy",
        delete_operation="RemovePermission",
        id="{statementId}",
        identity={"FunctionName": "{function}", "StatementId": "{statementId}"},
        renamed={"FunctionName": "function"},
        outputs={"function": "{function}"},
    ),
    _EventSourceMapping(
        pulumi_type="aws:lambda/eventSourceMapping:EventSourceMapping",
        client="lambda_",
        required=names("eventSourceArn functionName"),
        optional=names(
            "batchSize bisectBatchOnFunctionError destinationConfig enabled filterCriteria functionResponseTypes "
            "maximumBatchingWindowInSeconds maximumRecordAgeInSeconds maximumRetryAttempts metricsConfig "
            "parallelizationFactor scalingConfig startingPosition tags"
        ),
        replace_on=names("eventSourceArn startingPosition"),
        # The emulator forgets `metricsConfig`.
        write_only=names("enabled functionName metricsConfig startingPosition"),
        create_operation="CreateEventSourceMapping",
        read_operation="GetEventSourceMapping",
        update_operation="UpdateEventSourceMapping",
        delete_operation="DeleteEventSourceMapping",
        id="{uuid}",
        identity={"UUID": "{id}", "Resource": "{arn}"},
        renamed={"Destination": "destinationArn"},
        # Source: Lambda API reference, UpdateEventSourceMapping.
        taken_away={
            "bisectBatchOnFunctionError": False,
            "destinationConfig": {"onFailure": {}},
            "filterCriteria": {},
            "functionResponseTypes": [],
            "maximumBatchingWindowInSeconds": 0,
            "maximumRecordAgeInSeconds": -1,
            "maximumRetryAttempts": -1,
            "parallelizationFactor": 1,
            "scalingConfig": {},
        },
        outputs={
            "arn": "arn:aws:lambda:{clients.region}:{clients.account_id}:event-source-mapping:{id}",
            "functionArn": "{functionArn}",
            "lastModified": "{lastModified}",
            "state": "{state}",
            "uuid": "{id}",
        },
        tag_operations=("ListTags", "TagResource", "UntagResource"),
    ),
)
