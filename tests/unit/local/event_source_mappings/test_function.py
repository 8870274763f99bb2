"""What a response of Lambda's Invoke means for a batch."""

import io
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.response import StreamingBody
from botocore.session import Session
from botocore.stub import Stubber

from delivery.decisions import FunctionFailed, FunctionReturned, NotAdmitted
from delivery.records import Invocation
from local.event_source_mappings.function import invoke_function, send_request_ids
from local.request_ids import INVOCATION_HEADER
from tests.support.aws.aws_wire import Wire

FUNCTION_ARN = "arn:aws:lambda:eu-west-1:000000000000:function:f:live"
PAYLOAD = b'{"Records":[xx,xx]}'


@pytest.fixture(scope="module")
def client() -> Any:
    return Session().create_client(
        "lambda", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


def body(text: bytes) -> StreamingBody:
    return StreamingBody(io.BytesIO(text), len(text))


def test_a_response_without_function_error_is_returned(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_response(
            "invoke",
            {
                "StatusCode": 200,
                "ExecutedVersion": "7",
                "Payload": body(b'{"batchItemFailures": []}'),
                "ResponseMetadata": {"RequestId": "r-1"},
            },
            {"FunctionName": FUNCTION_ARN, "Payload": b'{"Records":[xx,xx]}'},
        )
        outcome = invoke_function(client, FUNCTION_ARN, PAYLOAD)
    assert outcome == FunctionReturned(
        b'{"batchItemFailures": []}', Invocation(request_id="r-1", executed_version="7", status_code=200)
    )


def test_a_response_with_function_error_is_a_failure(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_response(
            "invoke",
            {
                "StatusCode": 200,
                "FunctionError": "Unhandled",
                "Payload": body(b'{"errorMessage": "told to"}'),
                "ResponseMetadata": {"RequestId": "r-2"},
            },
        )
        outcome = invoke_function(client, FUNCTION_ARN, PAYLOAD)
    assert outcome == FunctionFailed(Invocation(request_id="r-2", function_error="Unhandled"))


def test_a_retry_asks_for_the_request_id_of_its_first_invocation_and_no_other_invocation_does() -> None:
    asked: list[Any] = []
    wire = Wire("lambda", lambda _: EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), send_request_ids)

    def see(request: AWSPreparedRequest, **_: object) -> None:
        asked.append(request.headers.get(INVOCATION_HEADER))

    wire.client.meta.events.register_first("before-send", see)
    for request_id in (None, "r-1", None):
        invoke_function(wire.client, FUNCTION_ARN, b"{}", request_id)

    assert asked == [None, b"r-1", None]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("TooManyRequestsException", 429),
        ("ServiceException", 500),
        ("ResourceNotFoundException", 404),
        ("AccessDeniedException", 403),
    ],
)
def test_a_refused_invocation_is_not_admitted(client: Any, code: str, status: int) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("invoke", code, "no", status)
        outcome = invoke_function(client, FUNCTION_ARN, PAYLOAD)
    assert isinstance(outcome, NotAdmitted)
    assert code in outcome.reason


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        ConnectTimeoutError(endpoint_url="http://127.0.0.1:1"),
        ReadTimeoutError(endpoint_url="http://127.0.0.1:1"),
    ],
)
def test_an_invocation_without_an_answer_is_not_admitted(error: Exception) -> None:
    class Unreachable:
        def invoke(self, **_: object) -> object:
            raise error

    unreachable: Any = Unreachable()
    assert isinstance(invoke_function(unreachable, FUNCTION_ARN, PAYLOAD), NotAdmitted)
