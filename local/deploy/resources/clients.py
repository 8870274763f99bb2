"""The AWS clients that resource handlers use."""

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.session import Session

if TYPE_CHECKING:
    from types_boto3_apigatewayv2 import ApiGatewayV2Client
    from types_boto3_cloudfront import CloudFrontClient
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient
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


class Clients:
    """One client per service, made when it is first used, for one account and region.

    Attributes:
        endpoint_url: where the services are, for example `http://127.0.0.1:4566`.
        region: AWS region of every client.
    """

    apigatewayv2: "ApiGatewayV2Client"
    cloudfront: "CloudFrontClient"
    cloudwatch: "CloudWatchClient"
    dynamodb: "DynamoDBClient"
    dynamodbstreams: "DynamoDBStreamsClient"
    iam: "IAMClient"
    lambda_: "LambdaClient"
    logs: "CloudWatchLogsClient"
    s3: "S3Client"
    sns: "SNSClient"
    sqs: "SQSClient"
    sts: "STSClient"

    def __init__(self, endpoint_url: str, region: str, access_key_id: str, secret_access_key: str) -> None:
        self.endpoint_url = endpoint_url
        self.region = region
        self._access_key_id = access_key_id
        self._secret_access_key = secret_access_key
        self._session = Session()
        # A session is not safe to use from several threads, the clients it makes are.
        # Source: boto3 guide, "Session reference", multithreading.
        self._session_lock = threading.Lock()

    @cached_property
    def identity(self) -> "GetCallerIdentityResponseTypeDef":
        """Whose credentials these are."""
        return self.sts.get_caller_identity()

    @property
    def account_id(self) -> str:
        """The number of the account."""
        return self.identity["Account"]

    def of_service(self, service: str) -> Any:
        """Return the client of a service by botocore's name for it."""
        return getattr(self, "lambda_" if service == "lambda" else service)

    if not TYPE_CHECKING:  # A type checker knows the attributes above, and no others.

        def __getattr__(self, name: str) -> Any:
            if name not in Clients.__annotations__:
                raise AttributeError(f"Clients has no client of {name!r}: add it to its annotations")
            with self._session_lock:
                if name not in vars(self):
                    vars(self)[name] = self._session.create_client(
                        name.removesuffix("_"),
                        region_name=self.region,
                        endpoint_url=self.endpoint_url,
                        aws_access_key_id=self._access_key_id,
                        aws_secret_access_key=self._secret_access_key,
                        config=_CONFIG,
                    )
            return vars(self)[name]
