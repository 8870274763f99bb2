"""API Gateway's HTTP APIs."""

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler, changed
from local.deploy.resources.values import lower_keys, tag_changes, upper_keys

_DEFAULT_STAGE = "$default"

_API_DEFAULTS = {"description": "", "disableExecuteApiEndpoint": False, "version": ""}
"""What an API goes back to when an input is taken away. Source: API Gateway V2 API reference, UpdateApi."""

_INTEGRATION_DEFAULTS: Mapping[str, Any] = {"Description": "", "TimeoutInMillis": 30_000}
"""The same of an integration."""

_ROUTE_DEFAULTS: Mapping[str, Any] = {"AuthorizationType": "NONE", "OperationName": ""}
"""The same of a route."""

_STAGE_DEFAULTS: Mapping[str, Any] = {"Description": "", "RouteSettings": {}, "StageVariables": {}}
"""The same of a stage. A route's settings that nobody asks for any more would go before the stage's own."""


class Api(ResourceHandler):
    """An HTTP API.

    Its address is a path of the emulator's: `<emulator>/_aws/execute-api/<id>`. AWS's own form, a host per API, needs a
    name that not every resolver knows (`*.localhost`); the path works for browsers, curl, Python and SigV4 alike.
    """

    pulumi_type: ClassVar[str] = "aws:apigatewayv2/api:Api"
    supported: ClassVar[frozenset[str]] = frozenset(
        {
            "corsConfiguration",
            "description",
            "disableExecuteApiEndpoint",
            "name",
            "protocolType",
            "tags",
            "version",
        }
    )
    required: ClassVar[frozenset[str]] = frozenset({"name", "protocolType"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"protocolType"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        api_id = clients.apigatewayv2.create_api(**upper_keys(_without_tags(inputs)))["ApiId"]
        # Not with the call above: the emulator keeps those tags where GetTags and TagResource don't see them.
        _change_tags(clients, _arn(clients, api_id), {}, inputs)
        return api_id

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        api: dict[str, Any] = dict(clients.apigatewayv2.get_api(ApiId=resource_id))
        return _known(api, self.supported) | {
            "apiEndpoint": f"{clients.endpoint_url}/_aws/execute-api/{resource_id}",
            "arn": _arn(clients, resource_id),
            "executionArn": f"arn:aws:execute-api:{clients.region}:{clients.account_id}:{resource_id}",
            "tags": _tags(clients, _arn(clients, resource_id)),
        }

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        if changed(old, new, "description", "disableExecuteApiEndpoint", "name", "version"):
            # Not the protocol, which can't change, nor CORS, which has its own two ways below.
            parameters = {key: value for key, value in _without_tags(new).items() if key != "protocolType"}
            parameters.pop("corsConfiguration", None)
            clients.apigatewayv2.update_api(ApiId=resource_id, **upper_keys({**_API_DEFAULTS, **parameters}))
        if changed(old, new, "corsConfiguration"):
            if "corsConfiguration" in new:
                clients.apigatewayv2.update_api(
                    ApiId=resource_id, CorsConfiguration=upper_keys(new["corsConfiguration"])
                )
            else:
                clients.apigatewayv2.delete_cors_configuration(ApiId=resource_id)
        _change_tags(clients, _arn(clients, resource_id), old, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.apigatewayv2.delete_api(ApiId=resource_id)


class Integration(ResourceHandler):
    """What a route of an API calls."""

    pulumi_type: ClassVar[str] = "aws:apigatewayv2/integration:Integration"
    supported: ClassVar[frozenset[str]] = frozenset(
        {
            "apiId",
            "connectionType",
            "description",
            "integrationMethod",
            "integrationType",
            "integrationUri",
            "payloadFormatVersion",
            "timeoutMilliseconds",
        }
    )
    required: ClassVar[frozenset[str]] = frozenset({"apiId", "integrationType", "integrationUri"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"apiId", "integrationType"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        return clients.apigatewayv2.create_integration(**_integration_parameters(inputs))["IntegrationId"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        integration: dict[str, Any] = dict(
            clients.apigatewayv2.get_integration(ApiId=state["apiId"], IntegrationId=resource_id)
        )
        properties = _known(integration, self.supported)
        if "TimeoutInMillis" in integration:
            properties["timeoutMilliseconds"] = integration["TimeoutInMillis"]
        return properties | {"apiId": state["apiId"]}

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        clients.apigatewayv2.update_integration(
            IntegrationId=resource_id, **{**_INTEGRATION_DEFAULTS, **_integration_parameters(new)}
        )

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.apigatewayv2.delete_integration(ApiId=state["apiId"], IntegrationId=resource_id)


def _integration_parameters(inputs: Properties) -> dict[str, Any]:
    parameters = upper_keys(inputs)
    if "TimeoutMilliseconds" in parameters:
        parameters["TimeoutInMillis"] = parameters.pop("TimeoutMilliseconds")
    return parameters


class Route(ResourceHandler):
    """A method and path of an API."""

    pulumi_type: ClassVar[str] = "aws:apigatewayv2/route:Route"
    supported: ClassVar[frozenset[str]] = frozenset(
        {
            "apiId",
            "authorizationType",
            "operationName",
            "routeKey",
            "target",
        }
    )
    required: ClassVar[frozenset[str]] = frozenset({"apiId", "routeKey"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"apiId"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        return clients.apigatewayv2.create_route(**upper_keys(inputs))["RouteId"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        route: dict[str, Any] = dict(clients.apigatewayv2.get_route(ApiId=state["apiId"], RouteId=resource_id))
        return _known(route, self.supported) | {"apiId": state["apiId"]}

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        clients.apigatewayv2.update_route(RouteId=resource_id, **{**_ROUTE_DEFAULTS, **upper_keys(new)})

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.apigatewayv2.delete_route(ApiId=state["apiId"], RouteId=resource_id)


class Stage(ResourceHandler):
    """A stage of an API: throttling and access log."""

    pulumi_type: ClassVar[str] = "aws:apigatewayv2/stage:Stage"
    supported: ClassVar[frozenset[str]] = frozenset(
        {
            "accessLogSettings",
            "apiId",
            "autoDeploy",
            "defaultRouteSettings",
            "description",
            "name",
            "routeSettings",
            "stageVariables",
            "tags",
        }
    )
    required: ClassVar[frozenset[str]] = frozenset({"apiId", "name"})
    replace_on: ClassVar[frozenset[str]] = frozenset({"apiId", "name"})

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        clients.apigatewayv2.create_stage(**_stage_parameters(inputs))
        _change_tags(clients, _stage_arn(clients, inputs["apiId"], inputs["name"]), {}, inputs)
        return inputs["name"]

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        api_id = state["apiId"]
        stage: dict[str, Any] = dict(clients.apigatewayv2.get_stage(ApiId=api_id, StageName=resource_id))
        endpoint = f"{clients.endpoint_url}/_aws/execute-api/{api_id}"
        properties = _known(stage, self.supported - {"stageVariables", "routeSettings"})
        return properties | {
            "apiId": api_id,
            "name": resource_id,
            "arn": _stage_arn(clients, api_id, resource_id),
            "executionArn": f"arn:aws:execute-api:{clients.region}:{clients.account_id}:{api_id}/{resource_id}",
            "invokeUrl": f"{endpoint}/" if resource_id == _DEFAULT_STAGE else f"{endpoint}/{resource_id}",
            "stageVariables": stage.get("StageVariables", {}),
            "routeSettings": [
                {"routeKey": route, **lower_keys(settings)}
                for route, settings in stage.get("RouteSettings", {}).items()
            ],
            "tags": _tags(clients, _stage_arn(clients, api_id, resource_id)),
        }

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        clients.apigatewayv2.update_stage(**{**_STAGE_DEFAULTS, **_stage_parameters(new)})
        _change_tags(clients, _stage_arn(clients, new["apiId"], resource_id), old, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        clients.apigatewayv2.delete_stage(ApiId=state["apiId"], StageName=resource_id)


def _stage_parameters(inputs: Properties) -> dict[str, Any]:
    as_they_are = {"name", "routeSettings", "stageVariables", "tags"}
    parameters = upper_keys({key: value for key, value in inputs.items() if key not in as_they_are})
    parameters["StageName"] = inputs["name"]
    if "stageVariables" in inputs:
        parameters["StageVariables"] = inputs["stageVariables"]
    if "routeSettings" in inputs:
        parameters["RouteSettings"] = {
            setting["routeKey"]: upper_keys({key: value for key, value in setting.items() if key != "routeKey"})
            for setting in inputs["routeSettings"]
        }
    return parameters


def _known(answer: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """What the service says, under the provider's names, as far as they are inputs; tags are asked for apart."""
    properties = lower_keys({key: value for key, value in answer.items() if key != "Tags"})
    return {name: value for name, value in properties.items() if name in names}


def _without_tags(inputs: Properties) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if key != "tags"}


def _arn(clients: Clients, api_id: str) -> str:
    return f"arn:aws:apigateway:{clients.region}::/apis/{api_id}"


def _stage_arn(clients: Clients, api_id: str, stage: str) -> str:
    return f"{_arn(clients, api_id)}/stages/{stage}"


def _tags(clients: Clients, arn: str) -> dict[str, str]:
    return clients.apigatewayv2.get_tags(ResourceArn=arn).get("Tags", {})


def _change_tags(clients: Clients, arn: str, old: Properties, new: Properties) -> None:
    removed, added = tag_changes(old, new)
    if removed:
        clients.apigatewayv2.untag_resource(ResourceArn=arn, TagKeys=removed)
    if added:
        clients.apigatewayv2.tag_resource(ResourceArn=arn, Tags=added)
