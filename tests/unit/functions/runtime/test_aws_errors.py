"""Every error that a service's model names for our calls is decided on, and so is every trouble of the network."""

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
]

# Not worth the same call again. They would be mistakes of this code, so they propagate.
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
}
# Answered by reading on from another place (functions/rescue_failed_batches/shard_reader.py).
READ_ON = {"ExpiredIteratorException", "TrimmedDataAccessException"}


def _client_error(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Call")  # pyright: ignore[reportArgumentType]  the rest of the metadata plays no part


@pytest.mark.parametrize(("service", "operation"), OUR_CALLS)
def test_every_error_that_a_model_names_is_decided_on(service: str, operation: str) -> None:
    model = Session().get_service_model(service).operation_model(operation)
    named = {shape.name for shape in model.error_shapes}
    assert named <= TRANSIENT_CODES | MISTAKES | READ_ON


def test_nothing_is_both() -> None:
    assert not TRANSIENT_CODES & (MISTAKES | READ_ON)


# What each service calls a request whose time it doesn't believe.
@pytest.mark.parametrize("code", ["InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed"])
def test_a_clock_that_is_wrong_is_nothing_of_the_record(code: str) -> None:
    assert transient_reason(_client_error(code, 403)) == f"Call: {code}"


@pytest.mark.parametrize("code", sorted(TRANSIENT_CODES))
def test_a_named_code_may_pass(code: str) -> None:
    assert transient_reason(_client_error(code)) == f"Call: {code}"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_any_answer_of_a_failing_server_may_pass(status: int) -> None:
    assert transient_reason(_client_error("SomethingNew", status)) == "Call: SomethingNew"


@pytest.mark.parametrize("code", ["ValidationException", "SomethingNew", ""])
def test_another_refusal_may_not(code: str) -> None:
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
        ResponseParserError("half an answer"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_trouble_on_the_way_may_pass(error: Exception) -> None:
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
def test_a_mistake_of_ours_may_not(error: Exception) -> None:
    assert transient_reason(error) is None
