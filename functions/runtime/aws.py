"""AWS as the functions use it: one client per service, and which errors of a call may pass.

botocore's clients (functions/runtime/botocore_clients.py) are loaded by the first call that needs
one.
"""

from __future__ import annotations

import json
import os
import sys
from functools import cache
from typing import TYPE_CHECKING, cast

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  botocore's name for it
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
)

from functions.runtime.dynamodb_client import dynamodb_client
from functions.runtime.garbage_collection import freeze_loaded_objects
from functions.runtime.plain_environment import plain_target
from functions.runtime.request_body import request_body

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


@cache
def dynamodb() -> DynamoDBClient:
    """Return the client of DynamoDB's tables."""
    target = plain_target("dynamodb", os.environ)
    if target is None:
        return botocores_dynamodb()
    client = dynamodb_client(target, botocores_dynamodb)
    freeze_loaded_objects()
    return client


@cache
def botocores_dynamodb() -> DynamoDBClient:
    """Return botocore's client of DynamoDB's tables."""
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


def _client(service: str) -> BaseClient:
    from functions.runtime.botocore_clients import make_client  # noqa: PLC0415  most of a cold start

    return make_client(service)


_FIRST_ERROR_STATUS = 300


def write_batches_as_json(client: DynamoDBClient) -> None:
    """Let `json` write this client's BatchWriteItem bodies; a second registration has no effect.

    botocore's serializer checks and copies each typed value by its service model, some 100 µs per
    change and most of a batch's time (docs/performance.md). The bytes are the same, with binary in
    base64, as a test shows. So botocore serializes a placeholder of the same
    tables, which decide the endpoint, and the body replaces it before the request is signed.
    """
    events = client.meta.events
    operation = "dynamodb.BatchWriteItem"
    events.register_last(f"before-parameter-build.{operation}", _encode_batch, unique_id="batch-as-json-encode")
    events.register(f"before-call.{operation}", _replace_body, unique_id="batch-as-json-replace")


_BATCH_BODY = "userstream_batch_body"


def _encode_batch(params: JsonObject, context: JsonObject, **_: object) -> None:
    context[_BATCH_BODY] = request_body("BatchWriteItem", params)
    params["RequestItems"] = {table: [{"DeleteRequest": {"Key": {}}}] for table in params["RequestItems"]}


def _replace_body(params: JsonObject, context: JsonObject, **_: object) -> None:
    params["body"] = context[_BATCH_BODY]


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


def aws_call_errors() -> tuple[type[Exception], ...]:
    """Return everything that a call raises by itself, for an `except`."""
    return (BotoCoreError, ClientError, *_parser_errors())


def unanswered_errors() -> tuple[type[Exception], ...]:
    """Return what a call without an answer raises, for an `except`."""
    return (
        ConnectionError,  # no route, refused, no TLS, connect timeout
        HTTPClientError,  # read timeout, connection closed
        *_parser_errors(),  # an answer cut off or garbled on its way
    )


def _parser_errors() -> tuple[type[Exception], ...]:
    # Nothing can have raised it before its module is loaded, which takes long.
    parsers = sys.modules.get("botocore.parsers")
    return () if parsers is None else (parsers.ResponseParserError,)


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
    if isinstance(error, (*unanswered_errors(), NoCredentialsError, CredentialRetrievalError)):
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
