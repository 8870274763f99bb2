"""Lambda's event source mappings, for streams and queues."""

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler, changed
from local.deploy.resources.values import lower_keys, tag_changes, upper_keys

_PARAMETERS = {
    "batchSize": "BatchSize",
    "bisectBatchOnFunctionError": "BisectBatchOnFunctionError",
    "filterCriteria": "FilterCriteria",
    "functionName": "FunctionName",
    "functionResponseTypes": "FunctionResponseTypes",
    "maximumBatchingWindowInSeconds": "MaximumBatchingWindowInSeconds",
    "maximumRecordAgeInSeconds": "MaximumRecordAgeInSeconds",
    "maximumRetryAttempts": "MaximumRetryAttempts",
    "metricsConfig": "MetricsConfig",
    "parallelizationFactor": "ParallelizationFactor",
    "scalingConfig": "ScalingConfig",
}
"""Inputs that are one parameter each, when a mapping is made and when it is changed."""

_DEFAULTS: Mapping[str, Any] = {
    "BisectBatchOnFunctionError": False,
    "FilterCriteria": {},
    "FunctionResponseTypes": [],
    "MaximumBatchingWindowInSeconds": 0,
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
    "ScalingConfig": {},
}
"""What a parameter goes back to when its input is taken away. Source: Lambda API reference,
UpdateEventSourceMapping."""


class EventSourceMapping(ResourceHandler):
    """A mapping from a stream or a queue to a function.

    A stream's mapping is switched off in the emulator, whatever `enabled` says, and what `enabled` says is kept here:
    the emulator's own delivery ignores retries, bisecting and partial batches, so the local stack delivers streams by
    its own poller (local/stream_poller/). Queues are delivered by the emulator.
    """

    pulumi_type: ClassVar[str] = "aws:lambda/eventSourceMapping:EventSourceMapping"
    supported: ClassVar[frozenset[str]] = frozenset(
        {
            *_PARAMETERS,
            "destinationConfig",
            "enabled",
            "eventSourceArn",
            "startingPosition",
            "tags",
        }
    )
    required: ClassVar[frozenset[str]] = frozenset({"eventSourceArn", "functionName"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"eventSourceArn", "startingPosition"})
    # The emulator forgets `metricsConfig`.
    write_only: ClassVar[frozenset[str]] = frozenset({"enabled", "functionName", "metricsConfig", "startingPosition"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        parameters = _parameters(inputs)
        if "startingPosition" in inputs:
            parameters["StartingPosition"] = inputs["startingPosition"]
        mapping = clients.lambda_.create_event_source_mapping(
            EventSourceArn=inputs["eventSourceArn"], Tags=inputs.get("tags", {}), **parameters
        )
        return mapping["UUID"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        mapping: dict[str, Any] = dict(clients.lambda_.get_event_source_mapping(UUID=resource_id))
        arn = f"arn:aws:lambda:{clients.region}:{clients.account_id}:event-source-mapping:{resource_id}"
        properties: dict[str, Any] = {
            name: lower_keys(mapping[parameter])
            for name, parameter in _PARAMETERS.items()
            if mapping.get(parameter) is not None and name != "functionName"
        }
        properties |= {
            "uuid": resource_id,
            "arn": arn,
            "eventSourceArn": mapping["EventSourceArn"],
            "functionArn": mapping["FunctionArn"],
            "lastModified": str(mapping["LastModified"]),
            "state": mapping["State"],
            "tags": clients.lambda_.list_tags(Resource=arn).get("Tags", {}),
        }
        if mapping["FunctionArn"].rpartition(":")[2] != state["functionName"].rpartition(":")[2]:
            properties["functionName"] = mapping["FunctionArn"]
        if not _is_stream(mapping["EventSourceArn"]):
            properties["enabled"] = mapping["State"] in {"Enabled", "Enabling", "Creating"}
        if destination := mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"):
            properties["destinationConfig"] = {"onFailure": {"destinationArn": destination}}
        return properties

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        if changed(old, new, *_PARAMETERS, "destinationConfig", "enabled"):
            clients.lambda_.update_event_source_mapping(UUID=resource_id, **_taken_away(old, new), **_parameters(new))
        removed, added = tag_changes(old, new)
        if removed:
            clients.lambda_.untag_resource(Resource=old["arn"], TagKeys=removed)
        if added:
            clients.lambda_.tag_resource(Resource=old["arn"], Tags=added)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.lambda_.delete_event_source_mapping(UUID=resource_id)


def _parameters(inputs: Properties) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        parameter: upper_keys(inputs[name]) for name, parameter in _PARAMETERS.items() if name in inputs
    }
    parameters["Enabled"] = inputs.get("enabled", True) and not _is_stream(inputs["eventSourceArn"])
    if "destinationConfig" in inputs:
        destination = inputs["destinationConfig"]["onFailure"]["destinationArn"]
        parameters["DestinationConfig"] = {"OnFailure": {"Destination": destination}}
    return parameters


def _taken_away(old: Properties, new: Properties) -> dict[str, Any]:
    """The defaults of what was set and no longer is; to a parameter that isn't sent Lambda does nothing."""
    parameters = {
        parameter: _DEFAULTS[parameter]
        for name, parameter in _PARAMETERS.items()
        if parameter in _DEFAULTS and name in old and name not in new and old[name] != _DEFAULTS[parameter]
    }
    if "destinationConfig" in old and "destinationConfig" not in new:
        parameters["DestinationConfig"] = {"OnFailure": {}}
    return parameters


def _is_stream(event_source_arn: str) -> bool:
    return ":dynamodb:" in event_source_arn
