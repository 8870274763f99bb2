"""The HTTP API and the two functions behind it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra import naming
from infra.components.lambda_function import LambdaFunction, LambdaFunctionArgs
from infra.components.policy import Statement
from infra.components.users_store import UsersStore
from infra.environment import Environment
from infra.packaging.zip import FunctionPackage

ACCESS_LOG_FIELDS = {
    # Nothing here tells who called or whom the call was about: no address, no path (it holds the user's id), no query.
    "requestId": "$context.requestId",
    "requestTime": "$context.requestTime",
    "routeKey": "$context.routeKey",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "responseLatency": "$context.responseLatency",
    "integrationLatency": "$context.integrationLatency",
    "integrationStatus": "$context.integrationStatus",
    "integrationError": "$context.integrationErrorMessage",
    "error": "$context.error.message",
}
"""Source: API Gateway developer guide, "Customize HTTP API access logs"."""

CORS_ALLOWED_HEADERS = [
    "content-type",
    "idempotency-key",
    "if-match",
    # What a browser with AWS credentials sends to sign a request (Signature Version 4).
    "authorization",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
]
CORS_EXPOSED_HEADERS = ["etag", "location", "retry-after"]
CORS_MAX_AGE_SECONDS = 3600
"""How long a browser may remember the answer to its preflight request: an hour after a change everybody has it."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """One route of the API.

    Attributes:
        method: HTTP method.
        path: with the path parameters in braces.
        signed: whether the caller has to sign with AWS credentials that allow execute-api:Invoke on the route.
    """

    method: str
    path: str
    signed: bool

    @property
    def key(self) -> str:
        """What API Gateway calls the route, for example `POST /register`."""
        return f"{self.method} {self.path}"


REGISTER_ROUTES = [Route(method="POST", path="/register", signed=False)]
MANAGE_ROUTES = [
    Route(method="GET", path="/users/{userId}", signed=True),
    Route(method="PATCH", path="/users/{userId}", signed=True),
    Route(method="DELETE", path="/users/{userId}", signed=True),
    Route(method="GET", path="/users/{userId}/activity", signed=True),
]


@dataclass(frozen=True, kw_only=True)
class UserApiArgs:
    """What the API needs.

    Attributes:
        environment: where the API is.
        store: the tables its functions work on.
        register_user_package: zip of register_user.
        manage_users_package: zip of manage_users.
        memory_mb: memory of each function.
        timeout_seconds: of each function.
        reserved_concurrency: of each function, or None.
        throttle_rate_per_second: requests per second over all routes before the answer is 429.
        throttle_burst: requests that may arrive at once.
        cors_allowed_origins: whose pages may call the API; with none, no page may.
    """

    environment: Environment
    store: UsersStore
    register_user_package: FunctionPackage
    manage_users_package: FunctionPackage
    memory_mb: pulumi.Input[int]
    timeout_seconds: int
    reserved_concurrency: pulumi.Input[int] | None
    throttle_rate_per_second: pulumi.Input[float]
    throttle_burst: pulumi.Input[int]
    cors_allowed_origins: Sequence[pulumi.Input[str]]


class UserApi(pulumi.ComponentResource):
    """`POST /register` for everybody, `/users/{userId}` for callers with AWS credentials.

    Attributes:
        url: base URL, without a trailing slash.
    """

    register_user: LambdaFunction
    manage_users: LambdaFunction
    api: aws.apigatewayv2.Api
    access_log: aws.cloudwatch.LogGroup
    stage: aws.apigatewayv2.Stage
    url: pulumi.Output[str]

    def __init__(self, name: str, args: UserApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:UserApi", name, None, opts)
        self._args = args

        self._create_register_user()
        self._create_manage_users()
        self._create_api()
        self._create_routes("register-user", self.register_user, REGISTER_ROUTES)
        self._create_routes("manage-users", self.manage_users, MANAGE_ROUTES)
        self._create_stage()
        self.url = self.api.api_endpoint
        self.register_outputs(
            {
                "apiUrl": self.url,
                "apiId": self.api.id,
                "registerUserFunctionName": self.register_user.function.name,
                "manageUsersFunctionName": self.manage_users.function.name,
            }
        )

    def _create_register_user(self) -> None:
        args = self._args
        users, user_keys = args.store.users, args.store.user_keys
        self.register_user = LambdaFunction(
            "register-user",
            LambdaFunctionArgs(
                environment=args.environment,
                base_name="RegisterUserFunction",
                description="Stores a new user, if nobody has the e-mail address or the user name",
                package=args.register_user_package,
                memory_mb=args.memory_mb,
                timeout_seconds=args.timeout_seconds,
                reserved_concurrency=args.reserved_concurrency,
                variables={"USERS_TABLE": users.name, "USER_KEYS_TABLE": user_keys.name},
                statements=[
                    # A transaction is authorised by the actions of its items.
                    Statement(
                        sid="StoreUserAndKeys",
                        actions=["dynamodb:PutItem"],
                        resources=[users.arn, user_keys.arn],
                    ),
                ],
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_manage_users(self) -> None:
        args = self._args
        users, user_keys, activity = args.store.users, args.store.user_keys, args.store.activity
        self.manage_users = LambdaFunction(
            "manage-users",
            LambdaFunctionArgs(
                environment=args.environment,
                base_name="ManageUsersFunction",
                description="Reads, changes and deletes a user, and pages through the user's history",
                package=args.manage_users_package,
                memory_mb=args.memory_mb,
                timeout_seconds=args.timeout_seconds,
                reserved_concurrency=args.reserved_concurrency,
                variables={
                    "USERS_TABLE": users.name,
                    "USER_KEYS_TABLE": user_keys.name,
                    "ACTIVITY_TABLE": activity.name,
                },
                statements=[
                    Statement(
                        sid="ReadAndChangeUsers",
                        actions=["dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
                        resources=[users.arn],
                    ),
                    Statement(
                        sid="MoveUserKeys",
                        actions=["dynamodb:PutItem", "dynamodb:DeleteItem"],
                        resources=[user_keys.arn],
                    ),
                    Statement(sid="ReadActivity", actions=["dynamodb:Query"], resources=[activity.arn]),
                ],
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_api(self) -> None:
        args = self._args
        self.api = aws.apigatewayv2.Api(
            "api",
            name=args.environment.physical_name(naming.PROJECT),
            description=f"Users of {args.environment.name}",
            protocol_type="HTTP",
            cors_configuration=_cors(args.cors_allowed_origins),
            tags=args.environment.tags,
            # Its id is part of the address that clients know.
            opts=pulumi.ResourceOptions(parent=self, protect=args.environment.protect),
        )

    def _create_routes(self, name: str, function: LambdaFunction, routes: Sequence[Route]) -> None:
        integration = aws.apigatewayv2.Integration(
            name,
            api_id=self.api.id,
            integration_type="AWS_PROXY",
            integration_uri=function.function.arn,
            integration_method="POST",
            payload_format_version="2.0",
            opts=pulumi.ResourceOptions(parent=self),
        )
        for route in routes:
            self._create_route(route, function, integration)

    def _create_route(self, route: Route, function: LambdaFunction, integration: aws.apigatewayv2.Integration) -> None:
        child_name = route.key.lower().replace(" /", "-").replace("/", "-").replace("{userid}", "user")
        aws.apigatewayv2.Route(
            child_name,
            api_id=self.api.id,
            route_key=route.key,
            authorization_type="AWS_IAM" if route.signed else "NONE",
            target=pulumi.Output.concat("integrations/", integration.id),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.lambda_.Permission(
            child_name,
            action="lambda:InvokeFunction",
            function=function.function.name,
            principal="apigateway.amazonaws.com",
            source_arn=pulumi.Output.concat(self.api.execution_arn, f"/*/{route.method}{route.path}"),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_stage(self) -> None:
        args = self._args
        self.access_log = aws.cloudwatch.LogGroup(
            "access-log",
            name=naming.api_log_group_name(args.environment.name),
            retention_in_days=args.environment.log_retention_days,
            tags=args.environment.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.stage = aws.apigatewayv2.Stage(
            "default",
            api_id=self.api.id,
            # The one stage that adds nothing to the path.
            name="$default",
            auto_deploy=True,
            default_route_settings=aws.apigatewayv2.StageDefaultRouteSettingsArgs(
                throttling_rate_limit=args.throttle_rate_per_second,
                throttling_burst_limit=args.throttle_burst,
            ),
            access_log_settings=aws.apigatewayv2.StageAccessLogSettingsArgs(
                destination_arn=self.access_log.arn,
                format=pulumi.Output.json_dumps(ACCESS_LOG_FIELDS),
            ),
            tags=args.environment.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )


def _cors(origins: Sequence[pulumi.Input[str]]) -> aws.apigatewayv2.ApiCorsConfigurationArgs | None:
    """What pages of other origins may do; None, no CORS at all, where no origin is allowed."""
    if not origins:
        return None
    return aws.apigatewayv2.ApiCorsConfigurationArgs(
        allow_origins=origins,
        allow_methods=["DELETE", "GET", "PATCH", "POST"],
        allow_headers=CORS_ALLOWED_HEADERS,
        expose_headers=CORS_EXPOSED_HEADERS,
        allow_credentials=False,
        max_age=CORS_MAX_AGE_SECONDS,
    )
