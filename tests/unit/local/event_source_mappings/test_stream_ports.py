"""Where failure documents go, and which errors refuse them and which allow another attempt."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.session import Session
from botocore.stub import ANY, Stubber

from delivery.decisions import DiscardedBatch
from delivery.messages import SendAttempted
from delivery.records import Invocation
from delivery.settings import MappingSettings
from local.event_source_mappings.stream_ports import send_failure_document
from tests.support.delivery.stream_record_examples import WRITTEN_AT, example_record, sequence_number

DISCARDED = DiscardedBatch(
    records=(example_record(1)._replace(body=b'{"eventID":"1"}'),),
    condition="RetryAttemptsExhausted",
    invocations=2,
    last_invocation=Invocation(request_id="r", function_error="Unhandled"),
    at=WRITTEN_AT,
)


def client(service: str) -> Any:
    return Session().create_client(
        service,
        region_name="eu-west-1",
        endpoint_url="http://127.0.0.1:4566",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


CLIENTS: dict[str, Any] = {service: client(service) for service in ("sqs", "sns", "s3")}


QUEUE = "arn:aws:sqs:eu-west-1:000000000000:failures"


def send(destination_arn: str, client: Callable[[str], Any] = CLIENTS.__getitem__) -> SendAttempted:
    settings = MappingSettings(
        uuid="u-1", stream_arn="stream", function_arn="function", destination_arn=destination_arn
    )
    return send_failure_document(client, settings, "shard-1", DISCARDED)


def test_a_queue_gets_the_document() -> None:
    with Stubber(CLIENTS["sqs"]) as stub:
        expected = {"QueueUrl": "http://127.0.0.1:4566/000000000000/failures", "MessageBody": ANY}
        stub.add_response("send_message", {"MessageId": "m"}, expected)
        assert send(QUEUE) == SendAttempted("delivered")


def test_a_topic_gets_the_document() -> None:
    arn = "arn:aws:sns:eu-west-1:000000000000:failures"
    with Stubber(CLIENTS["sns"]) as stub:
        stub.add_response("publish", {"MessageId": "m"}, {"TopicArn": arn, "Message": ANY})
        assert send(arn) == SendAttempted("delivered")


def test_a_bucket_also_gets_the_event_under_a_key_with_shard_and_time() -> None:
    sent: list[dict[str, Any]] = []

    class Bucket:
        def put_object(self, **request: Any) -> None:
            sent.append(request)

    send("arn:aws:s3:::failed", lambda _: Bucket())
    (request,) = sent
    assert request["Bucket"] == "failed"
    assert request["Key"].startswith("aws/lambda/u-1/shard-1/2019/11/14/2019-11-14T00.03.19-")
    assert request["ContentType"] == "application/octet-stream"
    document = json.loads(request["Body"])
    assert document["DDBStreamBatchInfo"]["startSequenceNumber"] == sequence_number(1)
    assert json.loads(document["payload"]) == {"Records": [{"eventID": "1"}]}


@pytest.mark.parametrize(
    ("code", "status", "result"),
    [
        ("AccessDenied", 403, "refused"),
        ("AWS.SimpleQueueService.NonExistentQueue", 400, "refused"),
        ("MissingParameter", 400, "refused"),
        ("RequestThrottled", 403, "unreachable"),
        ("InternalError", 500, "unreachable"),
        ("ServiceUnavailable", 503, "unreachable"),
        ("ExpiredToken", 403, "unreachable"),
        ("InvalidClientTokenId", 403, "unreachable"),
    ],
)
def test_a_refused_document_differs_from_one_that_can_be_sent_later(code: str, status: int, result: str) -> None:
    with Stubber(CLIENTS["sqs"]) as stub:
        stub.add_client_error("send_message", code, "no", status)
        tried = send(QUEUE)
    assert tried.result == result
    assert tried.reason


def test_a_queue_that_does_not_answer_is_unreachable() -> None:
    class Unreachable:
        meta = CLIENTS["sqs"].meta

        def send_message(self, **_: object) -> None:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:4566")

    assert send(QUEUE, lambda _: Unreachable()).result == "unreachable"
