"""The clients that every function shares."""

import json
import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ClientError, UnknownServiceError
from botocore.parsers import ResponseParserError

from functions.runtime import aws as aws_clients
from functions.runtime import botocore_clients
from functions.runtime.aws import http_status, transient_reason
from functions.runtime.dynamodb_client import DynamoDB
from tests.support.stack.own_settings import own_config


@pytest.fixture(autouse=True)
def somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def forget() -> Any:
    """Discard clients that were made for another environment."""
    makers: list[Any] = [
        aws_clients.dynamodb,
        aws_clients.botocores_dynamodb,
        aws_clients.dynamodb_streams,
        aws_clients.s3,
        aws_clients.sqs,
        botocore_clients._session,  # pyright: ignore[reportPrivateUsage]
    ]
    for maker in makers:
        maker.cache_clear()
    yield
    for maker in makers:
        maker.cache_clear()


@pytest.mark.parametrize(
    ("maker", "service"),
    [
        (aws_clients.botocores_dynamodb, "dynamodb"),
        (aws_clients.dynamodb_streams, "streams.dynamodb"),
        (aws_clients.s3, "s3"),
        (aws_clients.sqs, "sqs"),
    ],
)
def test_each_client_is_made_once_with_short_timeouts(maker: Callable[[], Any], service: str) -> None:
    client = maker()
    assert maker() is client
    assert client.meta.service_model.endpoint_prefix == service
    assert client.meta.region_name == "eu-west-1"
    config = client.meta.config
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}
    attempts = config.retries["total_max_attempts"]
    # Between two attempts: up to 1 s, then up to 2 (botocore.retries.standard.ExponentialBackoff).
    longest_silence = attempts * config.read_timeout + sum(2**wait for wait in range(attempts - 1))
    assert longest_silence == 12


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_an_api_functions_timeout_exceeds_the_clients_longest_wait(stack: str) -> None:
    assert int(own_config(stack)["userstream:apiTimeoutSeconds"]) > 12


def test_an_unknown_service_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownServiceError, match=r"dynamodb, dynamodbstreams, .*, sqs"):
        botocore_clients.make_client("ec2")


HALF_AN_ANSWER = (b'{"Failed":[{"Id":"0",', b"<html>welcome to this network</html>", b"")


@pytest.mark.parametrize("body", HALF_AN_ANSWER)
@pytest.mark.parametrize(
    "call",
    [
        lambda: aws_clients.botocores_dynamodb().get_item(TableName="T", Key={"id": {"S": "1"}}),
        lambda: aws_clients.botocores_dynamodb().batch_write_item(RequestItems={"T": [{"DeleteRequest": {"Key": {}}}]}),
        lambda: aws_clients.botocores_dynamodb().transact_write_items(TransactItems=[]),
        lambda: aws_clients.dynamodb_streams().get_records(ShardIterator="1"),
        lambda: aws_clients.sqs().send_message_batch(QueueUrl="https://sqs/1/q", Entries=[]),
    ],
    ids=["GetItem", "BatchWriteItem", "TransactWriteItems", "GetRecords", "SendMessageBatch"],
)
def test_a_truncated_answer_is_an_error(call: Callable[[], object], body: bytes) -> None:
    for client in (aws_clients.botocores_dynamodb(), aws_clients.dynamodb_streams(), aws_clients.sqs()):
        answer_with(client, 200, body)
    with pytest.raises(ResponseParserError, match="truncated or non-JSON response body") as caught:
        call()
    assert transient_reason(caught.value) == "ResponseParserError"


HALF_OF_XML = (b"<PublishBatchResponse><PublishBatchResult><Successful><member><Id>0</Id>", b"welcome", b"")


@pytest.mark.parametrize("body", HALF_OF_XML)
def test_a_truncated_answer_of_sns_is_an_error(body: bytes) -> None:
    answer_with(aws_clients.sns(), 200, body)
    with pytest.raises(ResponseParserError) as caught:
        aws_clients.sns().publish_batch(TopicArn="arn:aws:sns:eu-west-1:1:T.fifo", PublishBatchRequestEntries=[])
    assert transient_reason(caught.value) == "ResponseParserError"


def test_an_error_answer_without_json_keeps_its_status() -> None:
    answer_with(aws_clients.botocores_dynamodb(), 413, b"<html>too large</html>")
    with pytest.raises(ClientError) as caught:
        aws_clients.botocores_dynamodb().get_item(TableName="T", Key={"id": {"S": "1"}})
    assert http_status(caught.value) == 413


def test_s3_may_answer_without_a_body() -> None:
    answer_with(aws_clients.s3(), 200, b"")
    aws_clients.s3().put_object(Bucket="bucket", Key="key", Body=b"{}")


def test_the_first_try_is_our_own_where_the_environment_is_lambdas(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name for name in os.environ if name.startswith("AWS_") or "CA_BUNDLE" in name or "_proxy" in name.lower()
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/nowhere")
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "eu-west-1")
    assert isinstance(aws_clients.dynamodb(), DynamoDB)
    assert aws_clients.dynamodb() is aws_clients.dynamodb()


def test_all_tries_are_botocores_where_it_isnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    client = aws_clients.dynamodb()
    assert client is aws_clients.botocores_dynamodb()
    assert client.meta.endpoint_url == "https://dynamodb-fips.eu-west-1.amazonaws.com"


# botocore's serializer refuses a type that its model lacks, and its parser drops it.
OF_NO_MODEL = {"photo": {"B": "AA=="}, "colour": {"X": "red"}}


def test_batches_are_sent_without_botocores_serializer() -> None:
    sent = answer_with(aws_clients.botocores_dynamodb(), 200, b"{}")
    puts: Any = [{"PutRequest": {"Item": OF_NO_MODEL}}]
    aws_clients.botocores_dynamodb().batch_write_item(RequestItems={"T": puts})
    assert [json.loads(body) for body in sent] == [{"RequestItems": {"T": puts}}]


def test_records_are_returned_without_botocores_parser() -> None:
    record = {"dynamodb": {"ApproximateCreationDateTime": 1_795_478_400, "NewImage": OF_NO_MODEL}}
    answer_with(aws_clients.dynamodb_streams(), 200, json.dumps({"Records": [record]}).encode())
    assert aws_clients.dynamodb_streams().get_records(ShardIterator="1")["Records"] == [record]


def answer_with(client: Any, status: int, body: bytes) -> list[bytes]:
    """Answer each request of a client with this status and body; return the requests' bodies."""
    sent: list[bytes] = []

    def stream(**_: object) -> Iterator[bytes]:
        yield body

    def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        raw: Any = SimpleNamespace(stream=stream)
        no_headers: Any = {}
        sent.append(cast("bytes", request.body))
        return AWSResponse(request.url, status, no_headers, raw)

    client.meta.events.register("before-send", send)
    return sent
