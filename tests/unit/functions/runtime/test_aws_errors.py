"""Every error in a service's model of our calls, and every network error, is classified."""

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from botocore.session import Session

from functions.runtime.aws import TRANSIENT_CODES, transient_reason

OUR_CALLS = [
    ("dynamodb", "BatchWriteItem"),
    ("sqs", "SendMessageBatch"),
    ("s3", "PutObject"),
    ("dynamodbstreams", "GetShardIterator"),
    ("dynamodbstreams", "GetRecords"),
    ("dynamodb", "BatchGetItem"),
    ("sns", "PublishBatch"),
]

# Repeating the call is no use. They would be bugs, so they propagate.
MISTAKES = {
    "ItemCollectionSizeLimitExceededException",  # Activity has no local secondary index
    "TooManyEntriesInBatchRequest",
    "EmptyBatchRequest",
    "BatchEntryIdsNotDistinct",
    "BatchRequestTooLong",
    "InvalidBatchEntryId",
    "UnsupportedOperation",
    "InvalidSecurity",
    "InvalidAddress",
    "InvalidRequest",
    "InvalidWriteOffset",
    "TooManyParts",
    "EncryptionTypeMismatch",
    "InvalidParameter",
    "ParameterValueInvalid",
    "ValidationException",
    "EndpointDisabled",  # of a push notification's endpoint, like the next
    "PlatformApplicationDisabled",
}
# Handled by reading on from another position (functions/rescue_failed_batches/shard_reader.py).
READ_ON = {"ExpiredIteratorException", "TrimmedDataAccessException"}


def _client_error(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Call")  # pyright: ignore[reportArgumentType]  the rest of the metadata plays no part


@pytest.mark.parametrize(("service", "operation"), OUR_CALLS)
def test_every_error_in_a_service_model_is_classified(service: str, operation: str) -> None:
    model = Session().get_service_model(service).operation_model(operation)
    by_code = service == "sns"  # its protocol, query, answers with the code and not the shape's name
    named = {shape.metadata["error"]["code"] if by_code else shape.name for shape in model.error_shapes}
    assert named <= TRANSIENT_CODES | MISTAKES | READ_ON


def test_no_error_code_is_in_two_classes() -> None:
    assert not TRANSIENT_CODES & (MISTAKES | READ_ON)


# How each service calls a request whose time is wrong.
@pytest.mark.parametrize("code", ["InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed"])
def test_a_wrong_clock_is_transient(code: str) -> None:
    assert transient_reason(_client_error(code, 403)) == f"Call: {code}"


@pytest.mark.parametrize("code", sorted(TRANSIENT_CODES))
def test_a_listed_code_is_transient(code: str) -> None:
    assert transient_reason(_client_error(code)) == f"Call: {code}"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_any_5xx_answer_is_transient(status: int) -> None:
    assert transient_reason(_client_error("SomethingNew", status)) == "Call: SomethingNew"


@pytest.mark.parametrize("code", ["ValidationException", "SomethingNew", ""])
def test_an_unlisted_client_error_is_not_transient(code: str) -> None:
    assert transient_reason(_client_error(code)) is None


@pytest.mark.parametrize(
    "error",
    [
        botocore.exceptions.EndpointConnectionError(endpoint_url="u"),
        botocore.exceptions.ConnectTimeoutError(endpoint_url="u"),
        botocore.exceptions.ReadTimeoutError(endpoint_url="u"),
        botocore.exceptions.ConnectionClosedError(endpoint_url="u"),
        botocore.exceptions.SSLError(endpoint_url="u", error=OSError("e")),
        botocore.exceptions.ProxyConnectionError(proxy_url="u"),
        botocore.exceptions.ResponseStreamingError(error=OSError("e")),
        botocore.exceptions.NoCredentialsError(),
        botocore.exceptions.CredentialRetrievalError(provider="p", error_msg="e"),
        ResponseParserError("truncated"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_network_failure_is_transient(error: Exception) -> None:
    assert transient_reason(error) == type(error).__name__


@pytest.mark.parametrize(
    "error",
    [
        botocore.exceptions.ParamValidationError(report="r"),
        botocore.exceptions.UnknownServiceError(service_name="s", known_service_names="k"),
        ValueError("ours"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_programming_error_is_not_transient(error: Exception) -> None:
    assert transient_reason(error) is None
