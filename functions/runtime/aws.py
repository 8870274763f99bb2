"""AWS as the functions use it: one client per service, and which errors of a call may pass.

botocore comes with Lambda's Python runtime and is used alone: boto3 would add a resource layer that
nothing here uses, paid for at each cold start. Region, credentials and, on a laptop, the endpoint
come from the environment variables that botocore reads itself.
"""

from __future__ import annotations

import json
from base64 import b64encode
from functools import cache
from typing import TYPE_CHECKING, cast

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  botocore's name for it
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
)
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError
from botocore.session import Session

from functions.runtime.garbage_collection import freeze_loaded_objects
from functions.runtime.intact_answers import refuse_damaged_answers

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_s3 import S3Client
    from types_boto3_sesv2 import SESV2Client
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient

    from functions.runtime.json_log import JsonObject

# Every call here answers in milliseconds. With botocore's own 60 s, one lost packet could use up a
# function's whole time. With these a silent service has been asked three times after 12 s, and
# apiTimeoutSeconds leaves room for that, so the caller gets 503. Standard retries wait with jitter
# and spend from a quota, so they don't feed an overload.
# Parameter validation (of what is built here from validated input) and the long User-Agent were a
# fifth of a warm registration (`make bench`).
CLIENT_CONFIG = Config(
    parameter_validation=False,
    user_agent="userstream",
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
)


@cache
def dynamodb() -> DynamoDBClient:
    """Return the client of DynamoDB's tables."""
    client = cast("DynamoDBClient", _client("dynamodb"))
    write_batches_as_json(client)
    return client


@cache
def dynamodb_streams() -> DynamoDBStreamsClient:
    """Return the client of DynamoDB's streams."""
    client = cast("DynamoDBStreamsClient", _client("dynamodbstreams"))
    read_records_as_json(client)
    return client


@cache
def events() -> EventBridgeClient:
    """Return the client of EventBridge."""
    return cast("EventBridgeClient", _client("events"))


@cache
def s3() -> S3Client:
    """Return the client of S3."""
    return cast("S3Client", _client("s3"))


@cache
def ses() -> SESV2Client:
    """Return the client of SES."""
    return cast("SESV2Client", _client("sesv2"))


@cache
def sns() -> SNSClient:
    """Return the client of SNS."""
    return cast("SNSClient", _client("sns"))


@cache
def sqs() -> SQSClient:
    """Return the client of SQS."""
    return cast("SQSClient", _client("sqs"))


class _KnownServices(Loader):
    """Reads botocore's models of the services above, without listing 400 others first."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002  botocore's signature
        return ["dynamodb", "dynamodbstreams", "events", "s3", "sesv2", "sns", "sqs"]


@cache
def _session() -> Session:
    session = Session()
    session.register_component("data_loader", _KnownServices())
    return session


def _client(service: str) -> BaseClient:
    client = _session().create_client(service, config=CLIENT_CONFIG)
    freeze_loaded_objects()
    refuse_damaged_answers(client)
    return client


_FIRST_ERROR_STATUS = 300


def write_batches_as_json(client: DynamoDBClient) -> None:
    """Let `json` write this client's BatchWriteItem bodies; a second registration has no effect.

    botocore's serializer checks and copies each typed value by its service model, some 100 µs per
    change and most of a batch's time (docs/performance.md). The wire form is the same JSON, with
    binary in base64; a test compares the bodies. So botocore serializes a placeholder of the same
    tables, which decide the endpoint, and the body replaces it before the request is signed.
    """
    events = client.meta.events
    operation = "dynamodb.BatchWriteItem"
    events.register_last(f"before-parameter-build.{operation}", _encode_batch, unique_id="batch-as-json-encode")
    events.register(f"before-call.{operation}", _replace_body, unique_id="batch-as-json-replace")


_BATCH_BODY = "userstream_batch_body"


def _encode_batch(params: JsonObject, context: JsonObject, **_: object) -> None:
    context[_BATCH_BODY] = _BATCH_ENCODER.encode(params).encode("ascii")
    params["RequestItems"] = {table: [{"DeleteRequest": {"Key": {}}}] for table in params["RequestItems"]}


def _replace_body(params: JsonObject, context: JsonObject, **_: object) -> None:
    params["body"] = context[_BATCH_BODY]


def _base64_text(content: bytes) -> str:
    return b64encode(content).decode("ascii")


_BATCH_ENCODER = json.JSONEncoder(default=_base64_text, separators=(",", ":"))


def read_records_as_json(client: DynamoDBStreamsClient) -> None:
    """Let this client return GetRecords' records unparsed; a second registration has no effect.

    botocore's parser walks each typed value by its service model, some 40 µs per record and most of
    a page's time (docs/decisions/0017-records-as-they-came.md). The wire's form is an event's but
    for the times, which `functions.stream_records.streams_api.lambda_record` converts. The rest of
    the answer and every error stay botocore's.
    """
    client.meta.events.register(
        "before-parse.dynamodb-streams.GetRecords", _take_records, unique_id="records-as-json-take"
    )


def _take_records(response_dict: JsonObject, customized_response_dict: JsonObject, **_: object) -> None:
    if response_dict["status_code"] >= _FIRST_ERROR_STATUS:
        return
    try:
        answer = json.loads(response_dict["body"])
    except ValueError:
        return  # refused after the retries
    customized_response_dict["Records"] = answer.pop("Records", [])
    response_dict["body"] = json.dumps(answer).encode("ascii")


AWS_CALL_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
"""Everything that a botocore call raises by itself."""

UNANSWERED = (
    ConnectionError,  # no route, refused, no TLS, connect timeout
    HTTPClientError,  # read timeout, connection closed
    ResponseParserError,  # an answer cut off or garbled on its way
)

# The service is busy: the same request may work a second later. The API answers 503 to these.
# (Amazon DynamoDB Developer Guide, "Error handling with DynamoDB"; API Reference,
# TransactWriteItems.)
BUSY_CODES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionInProgressException",
    }
)

# A stream's record waits for more than a caller would: other services' throttling, failures, and
# what an operator can put right (a policy that came late or was narrowed, expired credentials, a
# wrong clock, a missing key or table). The record itself is good. If these were permanent, one
# missing permission would empty the stream into the dead-letter queue. As transient ones they keep
# the order, the iterator's age raises the alarm, and past the mapping's limits the failure queue
# still keeps the pointer.
TRANSIENT_CODES = BUSY_CODES | {
    # The service is busy, or this account asked too much of it.
    "Throttling",
    "RequestThrottled",
    "Throttled",
    "LimitExceededException",
    "TooManyRequestsException",
    "SlowDown",
    "KmsThrottled",
    "KMS.ThrottlingException",
    "KMSThrottling",
    # The service failed.
    "InternalServerError",
    "InternalFailure",
    "InternalError",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ReplicatedWriteConflictException",
    # An operator can put it right.
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "NotAuthorized",
    "OptInRequired",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
    "ResourceNotFoundException",
    "NoSuchBucket",
    "NotFound",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
    "KmsAccessDenied",
    "KmsDisabled",
    "KmsInvalidKeyUsage",
    "KmsInvalidState",
    "KmsNotFound",
    "KmsOptInRequired",
    "KMS.AccessDeniedException",
    "KMS.DisabledException",
    "KMS.InvalidKeyUsageException",
    "KMS.InvalidStateException",
    "KMS.NotFoundException",
    "KMS.OptInRequired",
    "KMSAccessDenied",
    "KMSDisabled",
    "KMSInvalidState",
    "KMSNotFound",
    "KMSOptInRequired",
}

FIRST_SERVER_ERROR = 500
"""Answers of 5xx are transient whatever their code: a proxy or a failing service uses its own."""


def transient_reason(error: Exception) -> str | None:
    """Return in a few words why the call may work later; None if nothing says that it may.

    Raise what has no reason again: the event source mapping isolates its record by bisection.
    """
    if isinstance(error, (*UNANSWERED, NoCredentialsError, CredentialRetrievalError)):
        return type(error).__name__
    if isinstance(error, ClientError):
        code = error_code(error)
        if code in TRANSIENT_CODES or http_status(error) >= FIRST_SERVER_ERROR:
            return f"{error.operation_name}: {code}"
    return None


def call_reason(error: Exception) -> str:
    """Return in a few words why a call failed; an error's own text may quote personal data."""
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {error_code(error)}"
    return type(error).__name__


def error_code(error: ClientError) -> str:
    """Return the service's code, such as `ThrottlingException`."""
    return error.response.get("Error", {}).get("Code", "")


def http_status(error: ClientError) -> int:
    """Return the answer's HTTP status, 0 if there is none."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
