"""The HTTP API and the two functions behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra import naming
from infra.components.domains import ApiDomain, ApiDomainArgs, api_domain
from infra.components.email_confirmation import RegistrationMailQueue
from infra.components.lambda_function import LambdaFunction, LambdaFunctionArgs
from infra.components.statement import allow
from infra.components.users_store import UsersStore
from infra.environment import Environment
from infra.packaging import FunctionPackage

PUBLIC_ROUTES = ["POST /register"]
CONFIRMATION_ROUTES = ["POST /register/confirmation"]
"""Public too, with neutral answers."""
SIGNED_ROUTES = [
    "GET /users",
    "GET /users/{userId}",
    "PATCH /users/{userId}",
    "DELETE /users/{userId}",
    "GET /users/{userId}/activity",
]
"""Routes whose callers sign with AWS credentials that allow execute-api:Invoke on the route."""

ACCESS_LOG_FIELDS = {
    # None tells about whom, or from where: no address, no path (it has the user's id), no query.
    "requestId": "$context.requestId",
    # Lambda's own, which the lines have that Lambda writes of an invocation that crashed.
    "functionRequestId": "$context.awsEndpointRequestId",
    "requestTime": "$context.requestTime",
    "routeKey": "$context.routeKey",
    # "-" on routes without a signature.
    "callerArn": "$context.identity.userArn",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "responseLatency": "$context.responseLatency",
    "integrationLatency": "$context.integrationLatency",
    "integrationStatus": "$context.integrationStatus",
    "integrationError": "$context.integrationErrorMessage",
    "error": "$context.error.message",
}
"""Source: API Gateway developer guide, "Customize HTTP API access logs"."""

THROTTLED_METRIC = "ThrottledRequests"
THROTTLED_PATTERN = '{ $.status = "429" }'
"""API Gateway's own metrics don't tell a 429 from another 4xx; its access log does. Source: API
Gateway developer guide, "Monitor CloudWatch metrics for HTTP APIs"; CloudWatch Logs user guide,
"Filter pattern syntax for metric filters"."""

REGISTRATIONS_ASKED_METRIC = "RegistrationRequests"
REGISTRATIONS_FAILED_METRIC = "RegistrationServerErrors"
ACCESS_LOG_METRICS = {
    "throttled-requests": (THROTTLED_METRIC, THROTTLED_PATTERN),
    # API Gateway's own metrics of one route are charged for every route.
    "registration-requests": (REGISTRATIONS_ASKED_METRIC, '{ $.routeKey = "POST /register" }'),
    # Those too that never reached the function.
    "registration-server-errors": (
        REGISTRATIONS_FAILED_METRIC,
        '{ ($.routeKey = "POST /register") && ($.status = 5*) }',
    ),
}
"""What the stack counts in the access log: a filter's name here, its metric, its pattern."""

CORS_ALLOWED_HEADERS = [
    "content-type",
    "idempotency-key",
    "if-match",
    "traceparent",
    # What a browser with AWS credentials sends to sign a request (Signature Version 4).
    "authorization",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
]
CORS_EXPOSED_HEADERS = ["apigw-requestid", "etag", "location", "retry-after"]
CORS_MAX_AGE_SECONDS = 3600
"""How long a browser caches a preflight response: a change reaches every browser within an hour."""


@dataclass(frozen=True, kw_only=True)
class UserApiArgs:
    """What the API needs.

    Attributes:
        environment: where the API is.
        store: the tables its functions use.
        packages: each function's zip, by the function's folder.
        website_url: origin of the stack's own page, if that calls the API across origins.
        mail_queue: the queue of registrations that a mail is due about; None with explicit answers.
    """

    environment: Environment
    store: UsersStore
    packages: Mapping[str, FunctionPackage]
    website_url: pulumi.Output[str] | None
    mail_queue: RegistrationMailQueue | None


class UserApi(pulumi.ComponentResource):
    """`POST /register` for everybody, `/users` for callers with AWS credentials.

    Attributes:
        register_user: the function behind `POST /register`.
        manage_users: the function behind the signed routes.
        confirm_registration: the function behind `POST /register/confirmation`; None with explicit
            answers.
        api: the API itself.
        url: base URL, without a trailing slash.
        domain_target: DNS name that the domain's record points to; None without a domain.
        metric_namespace: CloudWatch namespace of what the stack counts itself.
    """

    def __init__(self, name: str, args: UserApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:UserApi", name, None, opts)
        self._args = args
        self.register_user = self._create_register_user()
        self.manage_users = self._create_manage_users()
        self.confirm_registration = self._create_confirm_registration() if args.mail_queue else None
        self._domain = self._create_domain()
        self.api = self._create_api()
        self._create_routes("register-user", self.register_user, PUBLIC_ROUTES, authorization_type="NONE")
        if self.confirm_registration is not None:
            self._create_routes(
                "confirm-registration", self.confirm_registration, CONFIRMATION_ROUTES, authorization_type="NONE"
            )
        self._create_routes("manage-users", self.manage_users, SIGNED_ROUTES, authorization_type="AWS_IAM")
        access_log = self._create_access_log()
        self._create_stage(access_log)
        self.metric_namespace = args.environment.physical_name(naming.PROJECT)
        for filter_name, (metric, pattern) in ACCESS_LOG_METRICS.items():
            self._count_requests(access_log, filter_name, metric, pattern)
        self.url = self._serve_domain(self._domain) if self._domain else self.api.api_endpoint
        self.domain_target = self._domain.target if self._domain else None
        self.register_outputs(
            {
                "apiUrl": self.url,
                "apiId": self.api.id,
                "registerUserFunctionName": self.register_user.function.name,
                "manageUsersFunctionName": self.manage_users.function.name,
            }
        )

    def _create_register_user(self) -> LambdaFunction:
        settings, store, mail_queue = self._args.environment.settings, self._args.store, self._args.mail_queue
        # A transaction is authorised by the actions of its items.
        variables: dict[str, pulumi.Input[str]] = {
            "USERS_TABLE": store.users.name,
            "USER_KEYS_TABLE": store.user_keys.name,
        }
        statements = [allow("StoreUserAndKeys", ["dynamodb:PutItem"], [store.users.arn, store.user_keys.arn])]
        if mail_queue is not None:
            variables = {
                "USER_KEYS_TABLE": store.user_keys.name,
                "REGISTRATION_MAILS_QUEUE": mail_queue.queue.url,
            }
            statements = [
                allow("KeepRegistration", ["dynamodb:PutItem"], [store.user_keys.arn]),
                allow("AskForMail", ["sqs:SendMessage"], [mail_queue.queue.arn]),
            ]
        return LambdaFunction(
            "register-user",
            LambdaFunctionArgs(
                environment=self._args.environment,
                base_name="RegisterUserFunction",
                description="Stores a new user, if nobody has the e-mail address or the user name",
                package=self._args.packages["register_user"],
                memory_mb=settings.api_memory_mb,
                timeout_seconds=settings.api_timeout_seconds,
                reserved_concurrency=settings.api_reserved_concurrency,
                variables=variables,
                statements=statements,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_confirm_registration(self) -> LambdaFunction:
        settings, store = self._args.environment.settings, self._args.store
        return LambdaFunction(
            "confirm-registration",
            LambdaFunctionArgs(
                environment=self._args.environment,
                base_name="ConfirmRegistrationFunction",
                description="Stores a new user, once the link that was sent to the e-mail address is followed",
                package=self._args.packages["confirm_registration"],
                memory_mb=settings.api_memory_mb,
                timeout_seconds=settings.api_timeout_seconds,
                reserved_concurrency=settings.api_reserved_concurrency,
                variables={"USERS_TABLE": store.users.name, "USER_KEYS_TABLE": store.user_keys.name},
                statements=[
                    allow("StoreUserAndKeys", ["dynamodb:PutItem"], [store.users.arn, store.user_keys.arn]),
                    allow("TakeRegistration", ["dynamodb:GetItem", "dynamodb:DeleteItem"], [store.user_keys.arn]),
                ],
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_manage_users(self) -> LambdaFunction:
        settings, store = self._args.environment.settings, self._args.store
        return LambdaFunction(
            "manage-users",
            LambdaFunctionArgs(
                environment=self._args.environment,
                base_name="ManageUsersFunction",
                description="Finds, reads, changes and deletes a user; pages through users and histories",
                package=self._args.packages["manage_users"],
                memory_mb=settings.api_memory_mb,
                timeout_seconds=settings.api_timeout_seconds,
                reserved_concurrency=settings.api_reserved_concurrency,
                variables={
                    "USERS_TABLE": store.users.name,
                    "USER_KEYS_TABLE": store.user_keys.name,
                    "ACTIVITY_TABLE": store.activity.name,
                    "ACTIVITY_RETENTION_DAYS": str(settings.activity_retention_days),
                },
                statements=[
                    allow(
                        "ReadAndChangeUsers",
                        ["dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
                        [store.users.arn],
                    ),
                    allow("MoveUserKeys", ["dynamodb:PutItem", "dynamodb:DeleteItem"], [store.user_keys.arn]),
                    allow("FindUsers", ["dynamodb:GetItem"], [store.user_keys.arn]),
                    allow("ListUsers", ["dynamodb:Scan"], [store.users.arn]),
                    allow("ReadActivityAndNoteDeletions", ["dynamodb:Query", "dynamodb:PutItem"], [store.activity.arn]),
                ],
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_api(self) -> aws.apigatewayv2.Api:
        environment, website_url = self._args.environment, self._args.website_url
        origins = [*environment.settings.cors_allowed_origins, *([website_url] if website_url else [])]
        cors = aws.apigatewayv2.ApiCorsConfigurationArgs(
            allow_origins=origins,
            allow_methods=["DELETE", "GET", "PATCH", "POST"],
            allow_headers=CORS_ALLOWED_HEADERS,
            expose_headers=CORS_EXPOSED_HEADERS,
            allow_credentials=False,
            max_age=CORS_MAX_AGE_SECONDS,
        )
        return aws.apigatewayv2.Api(
            "api",
            name=environment.physical_name(naming.PROJECT),
            description=f"Users of {environment.name}",
            protocol_type="HTTP",
            cors_configuration=cors if origins else None,
            disable_execute_api_endpoint=True if self._domain else None,
            tags=environment.tags,
            # Its id is part of the address that clients know. Its own address is switched off only
            # when the domain's certificate is valid, which takes minutes.
            opts=pulumi.ResourceOptions(
                parent=self, protect=environment.protect, depends_on=[self._domain.domain_name] if self._domain else []
            ),
        )

    def _create_domain(self) -> ApiDomain | None:
        environment = self._args.environment
        domain = api_domain(environment.settings)
        if domain is None:
            return None
        args = ApiDomainArgs(environment=environment, domain=domain)
        return ApiDomain("api-domain", args, pulumi.ResourceOptions(parent=self))

    def _serve_domain(self, domain: ApiDomain) -> pulumi.Output[str]:
        """Map the domain to the stage, and return its URL."""
        mapping = aws.apigatewayv2.ApiMapping(
            "api",
            api_id=self.api.id,
            domain_name=domain.domain_name.domain_name,
            stage=self.stage.id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return pulumi.Output.concat("https://", mapping.domain_name)

    def _create_routes(
        self, name: str, function: LambdaFunction, route_keys: Sequence[str], *, authorization_type: str
    ) -> None:
        child_names = {
            key: key.lower().replace(" /", "-").replace("/", "-").replace("{userid}", "user") for key in route_keys
        }
        permissions = [
            aws.lambda_.Permission(
                child_name,
                action="lambda:InvokeFunction",
                function=function.function.name,
                qualifier=function.alias.name,
                principal="apigateway.amazonaws.com",
                source_arn=pulumi.Output.concat(self.api.execution_arn, f"/*/{route_key.replace(' ', '')}"),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for route_key, child_name in child_names.items()
        ]
        integration = aws.apigatewayv2.Integration(
            name,
            api_id=self.api.id,
            integration_type="AWS_PROXY",
            integration_uri=function.alias.arn,
            integration_method="POST",
            payload_format_version="2.0",
            # Permission before use: a stack from before the alias answers while it is updated.
            opts=pulumi.ResourceOptions(parent=self, depends_on=permissions),
        )
        for route_key, child_name in child_names.items():
            aws.apigatewayv2.Route(
                child_name,
                api_id=self.api.id,
                route_key=route_key,
                authorization_type=authorization_type,
                target=pulumi.Output.concat("integrations/", integration.id),
                opts=pulumi.ResourceOptions(parent=self),
            )

    def _create_access_log(self) -> aws.cloudwatch.LogGroup:
        """Create the log group of the stage.

        A stack from before its name began with `/aws/vendedlogs/` keeps the group that it has until
        somebody renames that in the state (docs/adopting.md). Then a protected stack creates a new
        one and lets the old one go without deleting it.
        """
        environment = self._args.environment
        return aws.cloudwatch.LogGroup(
            "access-log",
            name=naming.access_log_groups(environment.name)[0],
            retention_in_days=environment.settings.log_retention_days,
            tags=environment.tags,
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["name"], retain_on_delete=environment.protect),
        )

    def _count_requests(self, access_log: aws.cloudwatch.LogGroup, name: str, metric: str, pattern: str) -> None:
        aws.cloudwatch.LogMetricFilter(
            name,
            name=self._args.environment.physical_name(metric),
            log_group_name=access_log.name,
            pattern=pattern,
            metric_transformation={
                "namespace": self.metric_namespace,
                "name": metric,
                "value": "1",
                # For a minute with requests of which none was of this kind.
                "default_value": "0",
            },
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_stage(self, access_log: aws.cloudwatch.LogGroup) -> None:
        environment = self._args.environment
        settings = environment.settings
        self.stage = aws.apigatewayv2.Stage(
            "default",
            api_id=self.api.id,
            # The one stage whose name isn't part of the path.
            name="$default",
            auto_deploy=True,
            default_route_settings={
                "throttling_rate_limit": settings.throttle_rate_per_second,
                "throttling_burst_limit": settings.throttle_burst,
            },
            route_settings=self._route_settings(),
            access_log_settings={
                "destination_arn": access_log.arn,
                "format": pulumi.Output.json_dumps(ACCESS_LOG_FIELDS),
            },
            tags=environment.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _route_settings(self) -> list[aws.apigatewayv2.StageRouteSettingArgsDict] | None:
        """Return the throttle of each public route, if they have one.

        A route's throttle replaces the stage's default for it. Source: API Gateway developer
        guide, "Throttle requests to your HTTP APIs", route-level throttling. Whether the other
        routes share the default isn't documented, so a route may have only less than the stage.
        """
        settings = self._args.environment.settings
        if settings.register_throttle_rate_per_second is None:
            return None
        routes = [*PUBLIC_ROUTES, *(CONFIRMATION_ROUTES if settings.answers_neutrally else [])]
        return [
            {
                "route_key": route_key,
                "throttling_rate_limit": settings.register_throttle_rate_per_second,
                "throttling_burst_limit": settings.register_throttle_burst,
            }
            for route_key in routes
        ]
