"""HTTP APIs of Amazon API Gateway.

An API's address is a path of the emulator's: `<emulator>/_aws/execute-api/<id>`. AWS's own form, a host per API, needs
a name that not every resolver knows (`*.localhost`); the path works for browsers, curl, Python and SigV4 alike.
"""

from typing import Any

from typing_extensions import override

from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler, names, without

_ENDPOINT = "{clients.endpoint_url}/_aws/execute-api"
_ARN = "arn:aws:apigateway:{clients.region}::/apis"
_EXECUTION_ARN = "arn:aws:execute-api:{clients.region}:{clients.account_id}"

# The emulator keeps the tags of CreateApi and CreateStage where GetTags and TagResource don't see them, so they are set
# by a call of their own.
_TAGS: Any = {"tag_operations": ("GetTags", "TagResource", "UntagResource"), "tags_on_create": False}


class _Api(ResourceHandler):
    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        if "corsConfiguration" in old and "corsConfiguration" not in new:
            # UpdateApi can't remove it.
            clients.apigatewayv2.delete_cors_configuration(ApiId=resource_id)
            old = without(old, {"corsConfiguration"})
        super()._update(clients, resource_id, old, new)


class _Stage(ResourceHandler):
    @override
    def _prepared(self, inputs: dict[str, Any]) -> dict[str, Any]:
        if "routeSettings" in inputs:
            settings = {each["routeKey"]: without(each, {"routeKey"}) for each in inputs["routeSettings"]}
            return {**inputs, "routeSettings": settings}
        return inputs

    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        settings = [{"routeKey": route, **each} for route, each in properties["routeSettings"].items()]
        # AWS's own form has no name for the default stage either.
        url = properties["invokeUrl"].removesuffix("$default")
        return {**properties, "routeSettings": settings, "invokeUrl": url}


# What an update sends for an input that isn't set any more. Source: API Gateway V2 API reference, UpdateApi,
# UpdateIntegration, UpdateRoute, UpdateStage.
HANDLERS = (
    _Api(
        pulumi_type="aws:apigatewayv2/api:Api",
        client="apigatewayv2",
        required=names("name protocolType"),
        optional=names("corsConfiguration description disableExecuteApiEndpoint tags version"),
        replace_on=names("protocolType"),
        create_operation="CreateApi",
        read_operation="GetApi",
        update_operation="UpdateApi",
        delete_operation="DeleteApi",
        id="{apiId}",
        identity={"ApiId": "{id}", "ResourceArn": f"{_ARN}/{{id}}"},
        taken_away={"description": "", "disableExecuteApiEndpoint": False, "version": ""},
        outputs={
            "apiEndpoint": f"{_ENDPOINT}/{{id}}",
            "arn": f"{_ARN}/{{id}}",
            "executionArn": f"{_EXECUTION_ARN}:{{id}}",
        },
        **_TAGS,
    ),
    ResourceHandler(
        pulumi_type="aws:apigatewayv2/integration:Integration",
        client="apigatewayv2",
        required=names("apiId integrationType integrationUri"),
        optional=names("connectionType description integrationMethod payloadFormatVersion timeoutMilliseconds"),
        replace_on=names("apiId integrationType"),
        create_operation="CreateIntegration",
        read_operation="GetIntegration",
        update_operation="UpdateIntegration",
        delete_operation="DeleteIntegration",
        id="{integrationId}",
        identity={"ApiId": "{apiId}", "IntegrationId": "{id}"},
        renamed={"TimeoutInMillis": "timeoutMilliseconds"},
        taken_away={"description": "", "timeoutMilliseconds": 30_000},
        outputs={"apiId": "{apiId}"},
    ),
    ResourceHandler(
        pulumi_type="aws:apigatewayv2/route:Route",
        client="apigatewayv2",
        required=names("apiId routeKey"),
        optional=names("authorizationType operationName target"),
        replace_on=names("apiId"),
        create_operation="CreateRoute",
        read_operation="GetRoute",
        update_operation="UpdateRoute",
        delete_operation="DeleteRoute",
        id="{routeId}",
        identity={"ApiId": "{apiId}", "RouteId": "{id}"},
        taken_away={"authorizationType": "NONE", "operationName": ""},
        outputs={"apiId": "{apiId}"},
    ),
    _Stage(
        pulumi_type="aws:apigatewayv2/stage:Stage",
        client="apigatewayv2",
        required=names("apiId name"),
        optional=names(
            "accessLogSettings autoDeploy defaultRouteSettings description routeSettings stageVariables tags"
        ),
        replace_on=names("apiId name"),
        create_operation="CreateStage",
        read_operation="GetStage",
        update_operation="UpdateStage",
        delete_operation="DeleteStage",
        id="{name}",
        identity={"ApiId": "{apiId}", "StageName": "{name}", "ResourceArn": f"{_ARN}/{{apiId}}/stages/{{id}}"},
        renamed={"StageName": "name"},
        # A route's settings that nobody asks for any more would go before the stage's own.
        taken_away={"description": "", "routeSettings": [], "stageVariables": {}},
        absent={"routeSettings": {}, "stageVariables": {}},
        outputs={
            "apiId": "{apiId}",
            "arn": f"{_ARN}/{{apiId}}/stages/{{id}}",
            "executionArn": f"{_EXECUTION_ARN}:{{apiId}}/{{id}}",
            "invokeUrl": f"{_ENDPOINT}/{{apiId}}/{{id}}",
        },
        **_TAGS,
    ),
)
