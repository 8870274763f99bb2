"""AWS clients of the emulator: with the rights of its root user, or with a function's role."""

import threading
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.session import Session

from functions.runtime.intact_answers import refuse_damaged_answers
from local.root_keys import RootKeys

if TYPE_CHECKING:
    from types_boto3_apigatewayv2 import ApiGatewayV2Client
    from types_boto3_cloudfront import CloudFrontClient
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_iam import IAMClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_s3 import S3Client
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient
    from types_boto3_sts import STSClient
    from types_boto3_sts.type_defs import GetCallerIdentityResponseTypeDef

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    retries={"mode": "standard", "total_max_attempts": 3},
    # The emulator is reached by its address: a bucket's name can't be part of the host.
    s3={"addressing_style": "path"},
)

ONE_ATTEMPT = _CONFIG.merge(
    Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 1})
)
"""For the stream's delivery, which itself repeats and counts what fails, and logs it."""

STALE_CREDENTIALS = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)
"""Error codes of a service that doesn't know the credentials any more."""


class Clients:
    """One client per service, made when it is first used, for one account and region."""

    acm: Any
    apigatewayv2: "ApiGatewayV2Client"
    cloudfront: "CloudFrontClient"
    cloudwatch: "CloudWatchClient"
    dynamodb: "DynamoDBClient"
    dynamodbstreams: "DynamoDBStreamsClient"
    events: "EventBridgeClient"
    iam: "IAMClient"
    lambda_: "LambdaClient"
    logs: "CloudWatchLogsClient"
    route53: Any
    s3: "S3Client"
    sns: "SNSClient"
    sqs: "SQSClient"
    sts: "STSClient"
    wafv2: Any

    def __init__(self, endpoint_url: str, region: str, access_key_id: str, secret_access_key: str) -> None:
        self.endpoint_url = endpoint_url
        self.region = region
        self.keys = RootKeys(access_key_id, secret_access_key)
        self._session = Session()
        # A session is not safe to use from several threads, the clients it makes are.
        # Source: boto3 guide, "Session reference", multithreading.
        # Reentrant, because `__getattr__` calls `create`.
        self._session_lock = threading.RLock()

    @cached_property
    def identity(self) -> "GetCallerIdentityResponseTypeDef":
        """Whose credentials these are."""
        return self.sts.get_caller_identity()

    @property
    def account_id(self) -> str:
        """The number of the account."""
        return self.identity["Account"]

    def in_region(self, region: str) -> "Clients":
        """Return clients of the same account in a region: these, if it is theirs."""
        if region == self.region:
            return self
        return Clients(self.endpoint_url, region, *self.keys)

    def of_service(self, service: str) -> Any:
        """Return the client of a service by botocore's name for it."""
        return getattr(self, "lambda_" if service == "lambda" else service)

    def create(self, service: str, config: Config = _CONFIG) -> Any:
        """Create another client of a service, with a configuration of its own."""
        with self._session_lock:
            client = self._session.create_client(
                service,
                region_name=self.region,
                endpoint_url=self.endpoint_url,
                aws_access_key_id=self.keys.access_key_id,
                aws_secret_access_key=self.keys.secret_access_key,
                config=config,
            )
        refuse_damaged_answers(client)
        return client

    if not TYPE_CHECKING:  # A type checker knows the attributes above, and no others.

        def __getattr__(self, name: str) -> Any:
            if name not in Clients.__annotations__:
                raise AttributeError(f"Clients has no client of {name!r}: add it to its annotations")
            with self._session_lock:
                if name not in vars(self):
                    vars(self)[name] = self.create(name.removesuffix("_"))
            return vars(self)[name]


class RoleSession:
    """Creates clients with a role's credentials: what the role may not do fails here as on AWS.

    The credentials are refreshed before they expire. When a service doesn't know them, because the
    emulator was restarted, the next call of `client` creates new clients.
    """

    def __init__(self, sts: "STSClient", role_arn: str, region: str, endpoint_url: str) -> None:
        self._sts = sts
        self._role_arn = role_arn
        self._region = region
        self._endpoint_url = endpoint_url
        self._clients: dict[str, Any] = {}
        self._creating = threading.Lock()

    def client(self, service: str) -> Any:
        """Return the client of a service; raise ClientError if the role can't be assumed."""
        with self._creating:
            if service not in self._clients:
                session = Session()
                credentials = RefreshableCredentials.create_from_metadata(self._assume(), self._assume, "assume-role")
                session.register_component("credential_provider", SimpleNamespace(load_credentials=lambda: credentials))
                client = session.create_client(
                    service, region_name=self._region, endpoint_url=self._endpoint_url, config=ONE_ATTEMPT
                )
                refuse_damaged_answers(client)
                client.meta.events.register("after-call", self._forget_stale_clients)
                self._clients[service] = client
            return self._clients[service]

    def _forget_stale_clients(self, parsed: dict[str, Any], **_: object) -> None:
        if parsed.get("Error", {}).get("Code") in STALE_CREDENTIALS:
            with self._creating:
                self._clients.clear()

    def _assume(self) -> dict[str, str]:
        answer = self._sts.assume_role(RoleArn=self._role_arn, RoleSessionName="event-source-mapping")
        credentials = answer["Credentials"]
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": credentials["Expiration"].isoformat(),
        }
