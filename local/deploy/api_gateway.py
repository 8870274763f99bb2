"""HTTP APIs of Amazon API Gateway.

An API's address is a path of the emulator: `<emulator>/_aws/execute-api/<id>`. AWS's own form, a
host per API, needs a name that not every resolver knows (`*.localhost`); the path works for
browsers, curl, Python and SigV4 alike.
"""

from local.deploy.handler import Draft, Properties, ResourceHandler, without
from local.deploy.values import names

_ENDPOINT = "{clients.endpoint_url}/_aws/execute-api"
_ARN = "arn:aws:apigateway:{clients.region}::/apis"
_EXECUTION_ARN = "arn:aws:execute-api:{clients.region}:{clients.account_id}"


def _stage_to_service(inputs: Draft) -> Draft:
    if "routeSettings" not in inputs:
        return inputs
    settings = {each["routeKey"]: without(each, {"routeKey"}) for each in inputs["routeSettings"]}
    return {**inputs, "routeSettings": settings}


def _stage_from_service(properties: Draft, _returned: Properties, _state: Properties) -> Draft:
    settings = [{"routeKey": route, **each} for route, each in properties["routeSettings"].items()]
    # The default stage has no name in its address.
    return {**properties, "routeSettings": settings, "invokeUrl": properties["invokeUrl"].removesuffix("$default")}


def _domain_to_service(inputs: Draft) -> Draft:
    return {
        **without(inputs, {"domainNameConfiguration"}),
        "domainNameConfigurations": [inputs["domainNameConfiguration"]],
    }


_CONFIGURATION = names("certificateArn endpointType securityPolicy hostedZoneId")


def _domain_from_service(properties: Draft, returned: Properties, _state: Properties) -> Draft:
    (live,) = returned["domainNameConfigurations"]
    configuration = {name: value for name, value in live.items() if name in _CONFIGURATION}
    return {
        **properties,
        "domainNameConfiguration": {**configuration, "targetDomainName": live["apiGatewayDomainName"]},
    }


# Source of the defaults: API Gateway V2 API reference, UpdateApi, UpdateIntegration, UpdateRoute
# and UpdateStage.
HANDLERS = (
    ResourceHandler(
        pulumi_type="aws:apigatewayv2/api:Api",
        operations="CreateApi GetApi UpdateApi DeleteApi",
        required=names("name protocolType"),
        optional=names("corsConfiguration description disableExecuteApiEndpoint tags version"),
        immutable=names("protocolType"),
        separate={"corsConfiguration": ("UpdateApi", "DeleteCorsConfiguration")},
        id="{apiId}",
        defaults={"description": "", "disableExecuteApiEndpoint": False, "version": ""},
        outputs={
            "apiEndpoint": f"{_ENDPOINT}/{{id}}",
            "arn": f"{_ARN}/{{id}}",
            "executionArn": f"{_EXECUTION_ARN}:{{id}}",
        },
        tag_operations=("GetTags", "TagResource", "UntagResource"),
        # The emulator keeps those of CreateApi and CreateStage where GetTags doesn't see them.
        tags_on_create=False,
    ),
    ResourceHandler(
        pulumi_type="aws:apigatewayv2/integration:Integration",
        operations="CreateIntegration GetIntegration UpdateIntegration DeleteIntegration",
        required=names("apiId integrationType integrationUri"),
        optional=names("connectionType description integrationMethod payloadFormatVersion timeoutMilliseconds"),
        immutable=names("apiId integrationType"),
        id="{integrationId}",
        import_id="{apiId}/{id}",
        renamed={"TimeoutInMillis": "timeoutMilliseconds"},
        defaults={"connectionType": "INTERNET", "description": "", "timeoutMilliseconds": 30_000},
        outputs={"apiId": "{apiId}"},
    ),
    ResourceHandler(
        pulumi_type="aws:apigatewayv2/route:Route",
        operations="CreateRoute GetRoute UpdateRoute DeleteRoute",
        required=names("apiId routeKey"),
        optional=names("authorizationType operationName target"),
        immutable=names("apiId"),
        id="{routeId}",
        import_id="{apiId}/{id}",
        defaults={"authorizationType": "NONE", "operationName": ""},
        outputs={"apiId": "{apiId}"},
    ),
    ResourceHandler(
        pulumi_type="aws:apigatewayv2/stage:Stage",
        operations="CreateStage GetStage UpdateStage DeleteStage",
        required=names("apiId name"),
        optional=names(
            "accessLogSettings autoDeploy defaultRouteSettings description routeSettings stageVariables tags"
        ),
        immutable=names("apiId"),
        id="{name}",
        import_id="{apiId}/{id}",
        renamed={"StageName": "name"},
        # The settings of a route would go before the stage's own.
        defaults={"description": "", "routeSettings": [], "stageVariables": {}},
        absent={"routeSettings": {}, "stageVariables": {}},
        outputs={
            "apiId": "{apiId}",
            "arn": f"{_ARN}/{{apiId}}/stages/{{id}}",
            "executionArn": f"{_EXECUTION_ARN}:{{apiId}}/{{id}}",
            "invokeUrl": f"{_ENDPOINT}/{{apiId}}/{{id}}",
        },
        to_service=_stage_to_service,
        from_service=_stage_from_service,
        tag_operations=("GetTags", "TagResource", "UntagResource"),
        tags_on_create=False,
    ),
    ResourceHandler(
        pulumi_type="aws:apigatewayv2/domainName:DomainName",
        operations="CreateDomainName GetDomainName UpdateDomainName DeleteDomainName",
        required=names("domainName domainNameConfiguration"),
        optional=names("tags"),
        computed_within={"domainNameConfiguration": names("hostedZoneId targetDomainName")},
        id="{domainName}",
        outputs={"arn": "arn:aws:apigateway:{clients.region}::/domainnames/{id}"},
        to_service=_domain_to_service,
        from_service=_domain_from_service,
        tag_operations=("GetTags", "TagResource", "UntagResource"),
    ),
    ResourceHandler(
        pulumi_type="aws:apigatewayv2/apiMapping:ApiMapping",
        operations="CreateApiMapping GetApiMapping UpdateApiMapping DeleteApiMapping",
        required=names("apiId domainName stage"),
        optional=names("apiMappingKey"),
        immutable=names("domainName"),
        id="{apiMappingId}",
        import_id="{id}/{domainName}",
        defaults={"apiMappingKey": ""},
        outputs={"domainName": "{domainName}"},
    ),
)
