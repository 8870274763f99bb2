"""The AWS clients of the functions, made once each, at their first use.

botocore comes with Lambda's Python runtime and is imported alone: boto3 adds a resource layer that nothing here uses,
and its import is paid at each cold start. Region, credentials and, on one laptop, the endpoint come from the
environment variables that botocore reads itself.
"""

from __future__ import annotations

import json
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

from functions import keep_what_was_loaded

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

    from functions.runtime.json_log import JsonObject


# Every call here answers in milliseconds. botocore's own 60 s would let one lost packet use up a function's whole time;
# with these a service that stays silent has been asked three times after 12 s, and apiTimeoutSeconds leaves room for
# that: the caller is told 503. Standard retries wait with jitter and spend from a quota, so that they don't feed an
# overload.
# Two things that botocore does anew for every request, and that took a fifth of a warm registration (`make bench`): it
# checks the shape of what is built here from validated input, and spells out the machine in the User-Agent.
CALLS = Config(
    parameter_validation=False,
    user_agent="userstream",
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
)

_FIRST_ERROR_STATUS = 300


@cache
def dynamodb() -> DynamoDBClient:
    """Give the client of DynamoDB's tables."""
    return cast("DynamoDBClient", _json_client("dynamodb"))


@cache
def dynamodb_streams() -> DynamoDBStreamsClient:
    """Give the client of DynamoDB's streams."""
    return cast("DynamoDBStreamsClient", _json_client("dynamodbstreams"))


@cache
def s3() -> S3Client:
    """Give the client of S3."""
    return cast("S3Client", _client("s3"))


@cache
def sqs() -> SQSClient:
    """Give the client of SQS."""
    return cast("SQSClient", _json_client("sqs"))


class _KnownServices(Loader):
    """Reads botocore's descriptions of the services above, without looking first which of 400 others there are."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002  botocore's signature
        return ["dynamodb", "dynamodbstreams", "s3", "sqs"]


@cache
def _session() -> Session:
    session = Session()
    session.register_component("data_loader", _KnownServices())
    return session


def _client(service: str) -> BaseClient:
    client = _session().create_client(service, config=CALLS)
    keep_what_was_loaded()
    return client


def _json_client(service: str) -> BaseClient:
    client = _client(service)
    client.meta.events.register("before-parse", _refuse_half_an_answer)
    return client


def _refuse_half_an_answer(response_dict: JsonObject, **_: object) -> None:
    """Raise what botocore raises where XML ends too early.

    JSON that it can't read it takes for an answer that says nothing, which to a caller is a success: all written, all
    sent, no such user. And urllib3 1.26, which botocore takes as well as 2, lets an answer end before its
    Content-Length. An answer of failure says enough by its status.
    """
    if response_dict["status_code"] >= _FIRST_ERROR_STATUS:
        return
    try:
        json.loads(response_dict["body"])
    except ValueError as error:
        raise ResponseParserError("half an answer, or none in JSON") from error


# Which failures of an AWS call may pass, so that the same call is worth another attempt later.
#
# Everything else is unforeseen and propagates: the event source mapping then isolates the record by
# bisection.

TRANSIENT_CODES = frozenset(
    {
        # The service is busy, or this account asked too much of it.
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "Throttling",
        "RequestThrottled",
        "RequestLimitExceeded",
        "LimitExceededException",
        "TooManyRequestsException",
        "SlowDown",
        "KmsThrottled",
        "KMS.ThrottlingException",
        # The service failed.
        "InternalServerError",
        "InternalFailure",
        "InternalError",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ReplicatedWriteConflictException",
        "TransactionInProgressException",
        # Something around the record is wrong that an operator can put right: a policy that came late or was narrowed,
        # credentials that ran out, a clock that is wrong, a key or a table that is gone. The record itself is good.
        # Were it set aside, one missing permission would empty the stream into the dead-letter queue; held back, its
        # order stays, the iterator's age raises the alarm, and past the mapping's limits the failure queue still keeps
        # the pointer.
        "AccessDenied",
        "AccessDeniedException",
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
    }
)

TRANSIENT_EXCEPTIONS = (
    ConnectionError,  # no route, refused, no TLS, connect time-out
    HTTPClientError,  # read time-out, connection closed
    ResponseParserError,  # an answer cut off or garbled on its way
    NoCredentialsError,
    CredentialRetrievalError,
)


AWS_CALL_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
"""All that a botocore call raises by itself; catch these, ask `transient_reason`, and raise again what isn't."""


def transient_reason(error: Exception) -> str | None:
    """Say in a few words why the call may work later; None when nothing says that it may.

    Answers of 5xx count whatever their code: a proxy or a service in trouble doesn't keep to its own list.
    """
    if isinstance(error, TRANSIENT_EXCEPTIONS):
        return type(error).__name__
    if isinstance(error, ClientError):
        code = error_code(error)
        if code in TRANSIENT_CODES or http_status(error) >= 500:  # noqa: PLR2004  the server errors begin at 500
            return f"{error.operation_name}: {code}"
    return None


def error_code(error: ClientError) -> str:
    """Return the service's code, such as `ThrottlingException`."""
    return error.response.get("Error", {}).get("Code", "")


def http_status(error: ClientError) -> int:
    """Return the answer's HTTP status, 0 when there is none."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
