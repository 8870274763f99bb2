import json

from contract.openapi import openapi_document
from tests.support.stack.own_settings import own_config
from tests.support.stack.recorded_stack import record, record_neutral

API = "aws:apigatewayv2/api:Api"
EXECUTION = "arn:aws:execute-api:eu-west-1:123456789012:api-id"

FUNCTIONS = {"register-user": "RegisterUserFunction-dev", "manage-users": "ManageUsersFunction-dev"}
SHIPPED = {
    "POST /register",
    "GET /users",
    "GET /users/{userId}",
    "PATCH /users/{userId}",
    "DELETE /users/{userId}",
    "GET /users/{userId}/activity",
}


def function_of(route_key: str) -> str:
    return "register-user" if route_key == "POST /register" else "manage-users"


def test_registration_is_public_and_every_other_route_is_signed() -> None:
    routes = {
        route.inputs["routeKey"]: (route.inputs["authorizationType"], route.inputs["target"])
        for route in record("dev").of_type("aws:apigatewayv2/route:Route")
    }

    assert routes.keys() >= SHIPPED
    for key, (who, target) in routes.items():
        assert who == ("NONE" if key == "POST /register" else "AWS_IAM"), key
        assert target == f"integrations/{function_of(key)}-id", key


def test_the_contract_has_every_route_and_no_other() -> None:
    documented = {
        f"{method.upper()} {path}": "AWS_IAM" if operation["security"] else "NONE"
        for path, operations in openapi_document()["paths"].items()
        for method, operation in operations.items()
        if method != "parameters"
    }
    routes = record_neutral("dev").of_type("aws:apigatewayv2/route:Route")

    assert documented == {route.inputs["routeKey"]: route.inputs["authorizationType"] for route in routes}


def test_api_gateway_may_invoke_a_function_only_for_its_own_routes() -> None:
    permissions = {
        (permission.inputs["function"], permission.inputs["sourceArn"])
        for permission in record("dev").of_type("aws:lambda/permission:Permission")
    }

    routes = {route.inputs["routeKey"] for route in record("dev").of_type("aws:apigatewayv2/route:Route")}
    assert permissions == {(FUNCTIONS[function_of(key)], f"{EXECUTION}/*/{key.replace(' ', '')}") for key in routes}
    for permission in record("dev").of_type("aws:lambda/permission:Permission"):
        assert permission.inputs["action"] == "lambda:InvokeFunction"
        assert permission.inputs["qualifier"] == "live"
        assert permission.inputs["principal"] == "apigateway.amazonaws.com"


def test_requests_reach_the_functions_in_payload_format_2() -> None:
    for integration in record("dev").of_type("aws:apigatewayv2/integration:Integration"):
        assert integration.inputs["integrationType"] == "AWS_PROXY"
        assert integration.inputs["payloadFormatVersion"] == "2.0"


def test_an_integration_points_to_an_alias_only_when_the_alias_may_be_invoked() -> None:
    stack = record("dev")
    for integration in stack.of_type("aws:apigatewayv2/integration:Integration"):
        function = integration.inputs["integrationUri"].rpartition(":function:")[2].removesuffix(":live")
        permissions = {
            each.urn
            for each in stack.of_type("aws:lambda/permission:Permission")
            if each.inputs["function"] == function
        }
        assert permissions
        assert permissions <= integration.options.depends_on


def test_the_one_stage_throttles_and_logs() -> None:
    stack = record("dev")
    (stage,) = stack.of_type("aws:apigatewayv2/stage:Stage")

    assert stage.inputs["name"] == "$default"
    assert stage.inputs["autoDeploy"] is True
    assert stage.inputs["defaultRouteSettings"] == {"throttlingRateLimit": 20, "throttlingBurstLimit": 40}
    log_group = stack.only("aws:cloudwatch/logGroup:LogGroup", "access-log")
    assert log_group.inputs["name"] == "/aws/vendedlogs/apigateway/userstream-dev"
    assert log_group.options.ignore_changes == {"name"}, "a stack from before keeps its group"
    assert log_group.inputs["retentionInDays"] == 14
    assert stage.inputs["accessLogSettings"]["destinationArn"].endswith(f":log-group:{log_group.inputs['name']}")


def test_registration_has_a_throttle_of_its_own_if_it_is_set() -> None:
    config = own_config("dev") | {
        "userstream:registerThrottleRatePerSecond": "5",
        "userstream:registerThrottleBurst": "9",
    }
    (stage,) = record("dev", config=config).of_type("aws:apigatewayv2/stage:Stage")
    (unset,) = record("dev").of_type("aws:apigatewayv2/stage:Stage")

    assert stage.inputs["routeSettings"] == [
        {"routeKey": "POST /register", "throttlingRateLimit": 5, "throttlingBurstLimit": 9}
    ]
    assert stage.inputs["defaultRouteSettings"] == unset.inputs["defaultRouteSettings"]
    assert "routeSettings" not in unset.inputs


def test_the_access_log_has_no_personal_data() -> None:
    (stage,) = record("prod").of_type("aws:apigatewayv2/stage:Stage")
    fields = json.loads(stage.inputs["accessLogSettings"]["format"])

    # A path has a user's id, a query can have anything, and the others identify the client.
    personal = ("identity", "path", "query", "domainName", "authorizer", "sourceIp", "userAgent")
    assert [name for name, value in fields.items() if any(word in value for word in personal)] == ["callerArn"]
    assert fields["callerArn"] == "$context.identity.userArn"  # of the signed routes; users sign nothing
    assert {"requestId", "functionRequestId", "routeKey", "status", "responseLatency"} <= set(fields)


def test_pages_of_the_named_origins_may_call_the_api() -> None:
    cors = record("dev").only(API, "api").inputs["corsConfiguration"]

    assert cors == {
        "allowOrigins": ["http://localhost:5173"],
        "allowMethods": ["DELETE", "GET", "PATCH", "POST"],
        "allowHeaders": [
            "content-type",
            "idempotency-key",
            "if-match",
            "traceparent",
            "authorization",
            "x-amz-content-sha256",
            "x-amz-date",
            "x-amz-security-token",
        ],
        "exposeHeaders": ["apigw-requestid", "etag", "location", "retry-after"],
        "allowCredentials": False,
        "maxAge": 3600,
    }


def test_the_site_s_own_origin_is_allowed_without_a_setting() -> None:
    cors = record("prod").only(API, "api").inputs["corsConfiguration"]

    assert cors["allowOrigins"] == ["https://website.cloudfront.net"]


def test_without_origins_and_site_no_page_may_call_the_api() -> None:
    config = own_config("dev") | {"userstream:corsAllowedOrigins": "[]"}

    assert "corsConfiguration" not in record("dev", config=config).only(API, "api").inputs


def test_the_api_s_address_is_protected_in_prod() -> None:
    assert record("prod").only(API, "api").options.protect


def test_reserved_concurrency_applies_to_each_function_if_it_is_set() -> None:
    config = own_config("dev") | {
        "userstream:apiReservedConcurrency": "7",
        "userstream:streamReservedConcurrency": "3",
    }
    functions = record("dev", config=config).of_type("aws:lambda/function:Function")

    reserved = {function.name: function.inputs.get("reservedConcurrentExecutions") for function in functions}
    assert (reserved["register-user"], reserved["manage-users"]) == (7, 7)
    assert (reserved["log-user-changes"], reserved["fan-out-user-changes"]) == (3, 3)
    assert reserved["rescue-failed-batches"] is None
    unset = record("dev").of_type("aws:lambda/function:Function")
    assert not [function for function in unset if "reservedConcurrentExecutions" in function.inputs]
