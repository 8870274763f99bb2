import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    TokenRetrievalError,
)

from ops.errors import (
    CannotReachError,
    CredentialsError,
    DeniedError,
    NotFoundError,
    OpsError,
    denied_action,
    translate,
    translate_aws_errors,
)


def answered(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "ReceiveMessage")


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (answered("ExpiredTokenException"), CredentialsError),
        (answered("InvalidClientTokenId"), CredentialsError),
        (answered("UnrecognizedClientException"), CredentialsError),
        (answered("AccessDeniedException"), DeniedError),
        (answered("AWS.SimpleQueueService.NonExistentQueue"), NotFoundError),
        (answered("ResourceNotFoundException"), NotFoundError),
        (answered("KmsInvalidState"), OpsError),
        (NoCredentialsError(), CredentialsError),
        (ProfileNotFound(profile="x"), CredentialsError),
        (TokenRetrievalError(provider="sso", error_msg="expired"), CredentialsError),
        (EndpointConnectionError(endpoint_url="https://x"), CannotReachError),
        (ConnectTimeoutError(endpoint_url="https://x"), CannotReachError),
        (ReadTimeoutError(endpoint_url="https://x"), CannotReachError),
        (BotoCoreError(), OpsError),
    ],
)
def test_each_botocore_error_becomes_an_error_that_names_the_resource(
    raised: ClientError | BotoCoreError, expected: type[OpsError]
) -> None:
    with pytest.raises(OpsError) as refusal, translate_aws_errors("the queue Q"):
        raise raised

    assert type(refusal.value) is expected
    assert refusal.value.next_step or type(raised) is BotoCoreError
    if isinstance(raised, ClientError) and expected in (DeniedError, NotFoundError, OpsError):
        assert "the queue Q" in refusal.value.message


@pytest.mark.parametrize(
    ("message", "action"),
    [
        (
            "User: x is not authorized to perform: sqs:receivemessage on resource: y because no policy allows it",
            "sqs:receivemessage",
        ),
        ("User: x is not authorized to perform: dynamodb:BatchGetItem on resource: y", "dynamodb:BatchGetItem"),
        ("Access to the resource is denied.", "ReceiveMessage"),
    ],
)
def test_a_denied_action_is_named(message: str, action: str) -> None:
    error = translate(answered("AccessDenied", message), "the queue Q")

    assert error.message.startswith(f"Denied: {action} on the queue Q")
    assert action in (error.next_step or "")


@pytest.mark.parametrize("message", ["not authorized to perform: sqs:DeleteMessageBatch on x", ""])
def test_a_denied_sqs_batch_names_the_action_that_iam_knows(message: str) -> None:
    error = ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, "DeleteMessageBatch")

    assert denied_action(error).endswith("DeleteMessage")
