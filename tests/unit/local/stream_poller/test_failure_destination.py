"""Where failure documents go, and which trouble on the way means no and which means not now."""

import json
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.session import Session
from botocore.stub import ANY, Stubber

from delivery.decisions import DiscardedBatch
from delivery.messages import SendAttempted
from delivery.records import Invocation
from delivery.settings import MappingSettings
from local.stream_poller.invocation import FailureDestination
from tests.support.stream_record_examples import WRITTEN_AT, example_record, sequence_number

DISCARD = DiscardedBatch(
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


def destination(arn: str, refusals: list[str] | None = None) -> FailureDestination:
    settings = MappingSettings(uuid="u-1", stream_arn="stream", function_arn="function", destination_arn=arn)
    codes = [] if refusals is None else refusals
    return FailureDestination(CLIENTS.__getitem__, settings, codes.append)


QUEUE = destination("arn:aws:sqs:eu-west-1:000000000000:failures")


def test_a_queue_gets_the_document() -> None:
    with Stubber(CLIENTS["sqs"]) as stub:
        expected = {"QueueUrl": "http://127.0.0.1:4566/000000000000/failures", "MessageBody": ANY}
        stub.add_response("send_message", {"MessageId": "m"}, expected)
        assert QUEUE.send("shard", DISCARD) == SendAttempted("delivered")


def test_a_topic_gets_the_document() -> None:
    arn = "arn:aws:sns:eu-west-1:000000000000:failures"
    with Stubber(CLIENTS["sns"]) as stub:
        stub.add_response("publish", {"MessageId": "m"}, {"TopicArn": arn, "Message": ANY})
        assert destination(arn).send("shard", DISCARD) == SendAttempted("delivered")


def test_a_bucket_gets_the_event_too_under_a_key_that_tells_where_and_when() -> None:
    sent: list[dict[str, Any]] = []

    class Bucket:
        def put_object(self, **request: Any) -> None:
            sent.append(request)

    settings = MappingSettings(
        uuid="u-1", stream_arn="stream", function_arn="function", destination_arn="arn:aws:s3:::failed"
    )
    FailureDestination(lambda _: Bucket(), settings, lambda _: None).send("shard-1", DISCARD)
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
def test_no_is_told_from_not_now(code: str, status: int, result: str) -> None:
    refusals: list[str] = []
    queue = destination("arn:aws:sqs:eu-west-1:000000000000:failures", refusals)
    with Stubber(CLIENTS["sqs"]) as stub:
        stub.add_client_error("send_message", code, "no", status)
        tried = queue.send("shard", DISCARD)
    assert tried.result == result
    assert tried.reason
    assert refusals == [code]


def test_a_queue_that_nobody_answers_for_is_out_of_reach() -> None:
    class Unreachable:
        meta = CLIENTS["sqs"].meta

        def send_message(self, **_: object) -> None:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:4566")

    settings = MappingSettings(
        uuid="u", stream_arn="s", function_arn="f", destination_arn="arn:aws:sqs:eu-west-1:000000000000:failures"
    )
    tried = FailureDestination(lambda _: Unreachable(), settings, lambda _: None).send("shard", DISCARD)
    assert tried.result == "unreachable"
