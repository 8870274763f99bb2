"""The AWS clients that resource kinds use, made when first needed."""

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

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    retries={"mode": "standard", "total_max_attempts": 3},
    # The emulator is reached by its address: a bucket's name can't be part of the host.
    s3={"addressing_style": "path"},
)


class Clients:
    """One client per service, for one account and region at one address.

    Attributes:
        endpoint_url: where the services are, for example `http://127.0.0.1:4566`.
        region: AWS region of every client.
    """

    def __init__(self, endpoint_url: str, region: str, access_key_id: str, secret_access_key: str) -> None:
        self.endpoint_url = endpoint_url
        self.region = region
        self._access_key_id = access_key_id
        self._secret_access_key = secret_access_key
        self._session = Session()
        # A session is not safe to use from several threads, the clients it makes are.
        # Source: boto3 guide, "Session reference", multithreading.
        self._making = threading.Lock()

    @cached_property
    def account_id(self) -> str:
        """The number of the account."""
        return self.sts.get_caller_identity()["Account"]

    @cached_property
    def apigatewayv2(self) -> "ApiGatewayV2Client":
        """Amazon API Gateway, HTTP APIs."""
        return self._client("apigatewayv2")

    @cached_property
    def cloudfront(self) -> "CloudFrontClient":
        """Amazon CloudFront."""
        return self._client("cloudfront")

    @cached_property
    def cloudwatch(self) -> "CloudWatchClient":
        """Amazon CloudWatch: metrics, alarms, dashboards."""
        return self._client("cloudwatch")

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """Amazon DynamoDB."""
        return self._client("dynamodb")

    @cached_property
    def dynamodbstreams(self) -> "DynamoDBStreamsClient":
        """Amazon DynamoDB Streams."""
        return self._client("dynamodbstreams")

    @cached_property
    def iam(self) -> "IAMClient":
        """AWS Identity and Access Management."""
        return self._client("iam")

    @cached_property
    def lambda_(self) -> "LambdaClient":
        """AWS Lambda."""
        return self._client("lambda")

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """Amazon CloudWatch Logs."""
        return self._client("logs")

    @cached_property
    def s3(self) -> "S3Client":
        """Amazon S3."""
        return self._client("s3")

    @cached_property
    def sns(self) -> "SNSClient":
        """Amazon SNS."""
        return self._client("sns")

    @cached_property
    def sqs(self) -> "SQSClient":
        """Amazon SQS."""
        return self._client("sqs")

    @cached_property
    def sts(self) -> "STSClient":
        """AWS Security Token Service."""
        return self._client("sts")

    def _client(self, service: str) -> Any:
        with self._making:
            return self._session.create_client(
                service,
                region_name=self.region,
                endpoint_url=self.endpoint_url,
                aws_access_key_id=self._access_key_id,
                aws_secret_access_key=self._secret_access_key,
                config=_CONFIG,
            )
