"""An answer that isn't whole is asked for again, and is an error if none is."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple, cast
from zlib import crc32

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.parsers import ResponseParserError

from functions.runtime import aws
from local.aws_clients import Clients
from ops.aws.services import Services
from ops.stack_outputs import StackAccess

WHOLE = b'{"Item":{"id":{"S":"1"},"name":{"S":"Alice"}}}'


class Sent(NamedTuple):
    """A body, and the one that its CRC is of."""

    body: bytes
    whole: bytes | None = None


def answer(client: Any, *answers: Sent) -> list[dict[str, Any]]:
    """Answer a client's requests in this order, the last one for ever; return what it sends."""
    requests: list[dict[str, Any]] = []

    def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        sent = answers[min(len(requests), len(answers) - 1)]
        requests.append(json.loads(cast("bytes", request.body or b"null")))

        def stream(**_: object) -> Iterator[bytes]:
            yield sent.body

        headers: Any = {} if sent.whole is None else {"x-amz-crc32": str(crc32(sent.whole))}
        raw: Any = SimpleNamespace(stream=stream)
        return AWSResponse(request.url, 200, headers, raw)

    client.meta.events.register("before-send", send)
    return requests


def no_pause(seconds: float) -> None:
    """In place of botocore's pause between two tries."""


@pytest.fixture(params=["functions", "ops", "local"])
def dynamodb(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The client of DynamoDB as each part of the project makes it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr("botocore.endpoint.time.sleep", no_pause)
    aws.botocores_dynamodb.cache_clear()
    if request.param == "functions":
        yield aws.botocores_dynamodb()
    elif request.param == "ops":
        outputs: Any = SimpleNamespace(region="eu-west-1")
        access = StackAccess(outputs=outputs, source="--stack test")
        yield Services(access, None).client("dynamodb")
    else:
        yield Clients("http://127.0.0.1:1", "eu-west-1", "test", "test").dynamodb
    aws.botocores_dynamodb.cache_clear()


@pytest.mark.parametrize("first", [WHOLE[:20], b"", WHOLE.replace(b"Alice", b"Alicf")], ids=["half", "none", "damaged"])
def test_a_call_is_repeated_with_the_same_token_until_its_answer_is_whole(dynamodb: Any, first: bytes) -> None:
    requests = answer(dynamodb, Sent(first, WHOLE), Sent(WHOLE, WHOLE))

    dynamodb.transact_write_items(TransactItems=[{"Delete": {"TableName": "T", "Key": {"id": {"S": "1"}}}}])

    assert len(requests) == 2
    assert requests[0] == requests[1]
    assert requests[0]["ClientRequestToken"]


@pytest.mark.parametrize("body", [WHOLE[:20], b"", WHOLE.replace(b"Alice", b"Alicf")], ids=["half", "none", "damaged"])
def test_an_answer_that_is_damaged_at_every_try_is_an_error(dynamodb: Any, body: bytes) -> None:
    requests = answer(dynamodb, Sent(body, WHOLE))

    with pytest.raises(ResponseParserError):
        dynamodb.get_item(TableName="T", Key={"id": {"S": "1"}})
    assert len(requests) == dynamodb.meta.config.retries["total_max_attempts"] > 1


@pytest.mark.parametrize("body", [WHOLE[:20], b"", b"<html>"])
def test_half_an_answer_without_a_checksum_is_an_error(dynamodb: Any, body: bytes) -> None:
    answer(dynamodb, Sent(body))

    with pytest.raises(ResponseParserError, match="truncated or non-JSON"):
        dynamodb.get_item(TableName="T", Key={"id": {"S": "1"}})


def test_a_whole_answer_is_returned(dynamodb: Any) -> None:
    answer(dynamodb, Sent(WHOLE, WHOLE))

    assert dynamodb.get_item(TableName="T", Key={"id": {"S": "1"}})["Item"]["name"] == {"S": "Alice"}


def test_what_has_no_output_in_its_body_may_be_answered_by_nothing() -> None:
    clients = Clients("http://127.0.0.1:1", "eu-west-1", "test", "test")
    answer(clients.sqs, Sent(b""))
    answer(clients.lambda_, Sent(b""))

    clients.sqs.delete_message(QueueUrl="http://127.0.0.1:1/1/Q", ReceiptHandle="r")
    assert clients.lambda_.delete_function(FunctionName="F").get("StatusCode") == 200


def test_half_an_answer_of_another_service_is_an_error_too() -> None:
    clients = Clients("http://127.0.0.1:1", "eu-west-1", "test", "test")
    answer(clients.lambda_, Sent(b'{"FunctionArn":'))

    with pytest.raises(ResponseParserError, match="truncated or non-JSON"):
        clients.lambda_.get_function_configuration(FunctionName="F")
