"""Lambda functions, who may invoke them, their asynchronous failures, and their event sources."""

import json
from typing import Any

from typing_extensions import override

from delivery.settings import UnsupportedMappingError, read_settings
from local.aws_clients import Clients
from local.deploy.handler import Draft, Properties, ResourceHandler, changed, missing, without
from local.deploy.service_model import to_parameters
from local.deploy.values import ResourceError, archive_bytes, names
from local.live_version import NotReadyError, wait_until_ready

_DISABLED = frozenset({"Disabled", "Disabling"})
"""States of a mapping. Source: Lambda API reference, EventSourceMappingConfiguration."""

_UNRESERVED = -1
"""The provider's word for a function that takes its concurrency from the account's pool."""


_PUBLISHED = names("architectures code description environment handler memorySize publish role runtime timeout")
"""The inputs whose change publishes a version, besides `sourceCodeHash` and `tracingConfig`."""


class _Function(ResourceHandler):
    """A function. It takes the next change only when it is ready after the last one.

    With `publish` each change of its code or configuration is a version. Lambda publishes none if
    nothing changed since the last one (Lambda API reference, "PublishVersion").
    """

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        concurrency = "reservedConcurrentExecutions"
        name = super()._create(clients, without(inputs, {concurrency}))
        _wait_until_ready(clients, name)
        if inputs.get(concurrency, _UNRESERVED) != _UNRESERVED:
            self._set(clients, name, concurrency, inputs)
        self._publish(clients, name, inputs)
        return name

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        # Archives of the same files differ as objects, and an update of the code ends invocations.
        told_by = "sourceCodeHash" if "sourceCodeHash" in new else "code"
        if changed(old, new, told_by, "architectures"):
            architectures = {"architectures": new["architectures"]} if "architectures" in new else {}
            code = {"zipFile": archive_bytes(new["code"]), **architectures}
            self.send(clients, "UpdateFunctionCode", {"name": resource_id}, code)
            _wait_until_ready(clients, resource_id)
        done = names("architectures code")
        super()._update(clients, resource_id, without(old, done), without(new, done))
        _wait_until_ready(clients, resource_id)
        self._publish(clients, resource_id, new)

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        properties = dict(super()._read(clients, resource_id, state))
        if state.get("publish"):
            pages = clients.lambda_.get_paginator("list_versions_by_function").paginate(FunctionName=resource_id)
            *_, last = (version for page in pages for version in page["Versions"])
            properties["version"] = last.get("Version", "")
            properties["qualifiedArn"] = f"{properties['arn']}:{properties['version']}"
        return properties

    def _publish(self, clients: Clients, name: str, inputs: Properties) -> None:
        if inputs.get("publish"):
            clients.lambda_.publish_version(FunctionName=name)


def _wait_until_ready(clients: Clients, function_name: str) -> None:
    try:
        wait_until_ready(clients.lambda_, function_name)
    except NotReadyError as error:
        raise ResourceError(str(error)) from error


def _function_to_service(inputs: Draft) -> Draft:
    code = {"code": {"zipFile": archive_bytes(inputs["code"])}} if "code" in inputs else {}
    return {"environment": {"variables": {}}, **inputs, **code}


def _function_from_service(properties: Draft, returned: Properties, _state: Properties) -> Draft:
    return {
        **properties,
        "environment": {"variables": properties["environment"].get("variables", {})},
        **returned.get("concurrency", {}),
    }


def _permission_to_service(inputs: Draft) -> Draft:
    # Without a statement id the provider makes one up; here it is the same at each deployment.
    text = f"{inputs.get('qualifier', '')}-{inputs['principal']}-{inputs.get('sourceArn', '')}"
    made_up = "".join(character if character.isalnum() else "-" for character in text).strip("-")[-100:]
    return {**inputs, "statementId": inputs.get("statementId") or made_up}


def _permission_from_service(properties: Draft, returned: Properties, state: Properties) -> Draft:
    """Return the properties of one statement of the policy of a function or of its alias."""
    # `pulumi import` names both as function:qualifier.
    function, _, qualifier = properties["function"].partition(":")
    qualifier = qualifier or state.get("qualifier")
    statements = json.loads(returned["policy"])["Statement"]
    statement = next((each for each in statements if each["Sid"] == properties["statementId"]), None)
    if statement is None:
        raise missing("GetPolicy", properties["statementId"])
    principal = statement["Principal"]
    source_arn = statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn")
    return {
        **properties,
        "function": function,
        **({"qualifier": qualifier} if qualifier else {}),
        "action": statement["Action"],
        "principal": principal if isinstance(principal, str) else next(iter(principal.values())),
        **({"sourceArn": source_arn} if source_arn else {}),
    }


def _alias_from_service(properties: Draft, returned: Properties, _state: Properties) -> Draft:
    weights = returned.get("routingConfig", {}).get("additionalVersionWeights")
    return {
        **without(properties, {"routingConfig"}),
        **({"routingConfig": {"additionalVersionWeights": weights}} if weights else {}),
    }


def _with_destination(properties: Draft) -> Draft:
    """Return the properties without the destinations that Lambda returns empty, as not set."""
    set_ones = {name: value for name, value in properties.get("destinationConfig", {}).items() if value}
    return {**without(properties, {"destinationConfig"}), **({"destinationConfig": set_ones} if set_ones else {})}


class _Mapping(ResourceHandler):
    """An event source mapping. The emulator keeps it, and local/event_source_mappings/ delivers it.

    One that can't be delivered is refused before anything is created.
    """

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        self._refuse_unsupported(clients, inputs)
        return super()._create(clients, inputs)

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._refuse_unsupported(clients, new)
        super()._update(clients, resource_id, old, new)

    def _refuse_unsupported(self, clients: Clients, inputs: Properties) -> None:
        shape: Any = self._model(clients, self.operation.create).input_shape
        mapping = to_parameters(shape, inputs, self.renamed)
        try:
            read_settings({**mapping, "UUID": "", "FunctionArn": inputs["functionName"]})
        except UnsupportedMappingError as error:
            raise ResourceError(str(error)) from None


def _mapping_from_service(properties: Draft, returned: Properties, state: Properties) -> Draft:
    properties = {**_with_destination(properties), "enabled": returned["state"] not in _DISABLED}
    function_arn: str = returned["functionArn"]
    # The program may have given the function's name.
    if function_arn.rpartition(":")[2] != state.get("functionName", "").rpartition(":")[2]:
        properties["functionName"] = function_arn
    return properties


HANDLERS = (
    _Function(
        pulumi_type="aws:lambda/function:Function",
        operations="CreateFunction GetFunction UpdateFunctionConfiguration DeleteFunction",
        required=names("code handler name role runtime"),
        optional=names(
            "architectures description environment ephemeralStorage loggingConfig memorySize packageType "
            "publish reservedConcurrentExecutions sourceCodeHash tags timeout tracingConfig"
        ),
        immutable=names("packageType"),
        write_only=names("code loggingConfig packageType publish"),
        recomputed=dict.fromkeys(_PUBLISHED | {"sourceCodeHash", "tracingConfig"}, names("qualifiedArn version")),
        unsent=names("packageType publish sourceCodeHash"),
        separate={"reservedConcurrentExecutions": ("PutFunctionConcurrency", "DeleteFunctionConcurrency")},
        id="{name}",
        result="configuration",
        renamed={"FunctionName": "name"},
        # Source: Lambda API reference, CreateFunction.
        defaults={
            "description": "",
            "ephemeralStorage": {"size": 512},
            "memorySize": 128,
            "timeout": 3,
            "tracingConfig": {"mode": "PassThrough"},
        },
        absent={
            "architectures": ["x86_64"],
            "environment": {},
            "reservedConcurrentExecutions": _UNRESERVED,
            "tags": {},
        },
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
        to_service=_function_to_service,
        from_service=_function_from_service,
        tag_operations=("", "TagResource", "UntagResource"),
    ),
    ResourceHandler(
        pulumi_type="aws:lambda/alias:Alias",
        operations="CreateAlias GetAlias UpdateAlias DeleteAlias",
        required=names("functionName functionVersion name"),
        optional=names("description routingConfig"),
        id="{functionName}/{name}",
        renamed={"AliasArn": "arn"},
        # Source: Lambda API reference, UpdateAlias.
        defaults={"description": "", "routingConfig": {}},
        outputs={
            "arn": "{arn}",
            "invokeArn": "arn:aws:apigateway:{clients.region}:lambda:path/2015-03-31/functions/{arn}/invocations",
        },
        from_service=_alias_from_service,
        tag_operations=("", "", ""),
    ),
    ResourceHandler(
        pulumi_type="aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        operations="PutFunctionEventInvokeConfig GetFunctionEventInvokeConfig DeleteFunctionEventInvokeConfig",
        required=names("functionName"),
        optional=names("destinationConfig maximumEventAgeInSeconds maximumRetryAttempts"),
        id="{functionName}",
        from_service=lambda properties, _returned, _state: _with_destination(properties),
    ),
    ResourceHandler(
        pulumi_type="aws:lambda/permission:Permission",
        operations="AddPermission GetPolicy - RemovePermission",
        required=names("action function principal"),
        optional=names("qualifier sourceAccount sourceArn statementId"),
        immutable=names("action function principal qualifier sourceAccount sourceArn"),
        write_only=names("sourceAccount"),
        id="{statementId}",
        import_id="{function}/{id}",
        renamed={"FunctionName": "function"},
        outputs={"function": "{function}"},
        to_service=_permission_to_service,
        from_service=_permission_from_service,
    ),
    _Mapping(
        pulumi_type="aws:lambda/eventSourceMapping:EventSourceMapping",
        operations="CreateEventSourceMapping GetEventSourceMapping UpdateEventSourceMapping DeleteEventSourceMapping",
        required=names("functionName"),
        # Those of sources and settings that `_Mapping` refuses are known, so that it says why.
        optional=names(
            "amazonManagedKafkaEventSourceConfig documentDbEventSourceConfig eventSourceArn kmsKeyArn "
            "provisionedPollerConfig queues selfManagedEventSource selfManagedKafkaEventSourceConfig "
            "sourceAccessConfigurations topics tumblingWindowInSeconds "
            "batchSize bisectBatchOnFunctionError destinationConfig enabled filterCriteria functionResponseTypes "
            "maximumBatchingWindowInSeconds maximumRecordAgeInSeconds maximumRetryAttempts metricsConfig "
            "parallelizationFactor scalingConfig startingPosition tags"
        ),
        immutable=names("eventSourceArn startingPosition"),
        # The emulator forgets `metricsConfig`.
        write_only=names("functionName metricsConfig startingPosition"),
        id="{uuid}",
        renamed={"Destination": "destinationArn"},
        # Source: Lambda API reference, UpdateEventSourceMapping.
        defaults={
            "bisectBatchOnFunctionError": False,
            "destinationConfig": {"onFailure": {}},
            "enabled": True,
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
        from_service=_mapping_from_service,
        tag_operations=("ListTags", "TagResource", "UntagResource"),
    ),
)
