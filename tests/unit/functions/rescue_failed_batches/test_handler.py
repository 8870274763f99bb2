"""The handler: settings, messages of the failure queue in, full envelopes out; AWS stubbed."""

import json

import pytest
from botocore.exceptions import ClientError

from functions.activity.closing_item import erasure
from functions.rescue_failed_batches import handler as module
from functions.runtime import aws as aws_clients
from functions.runtime.aws import read_records_as_json
from functions.runtime.invocation import SettingError
from functions.runtime.json_log import JsonObject
from tests.support.aws.aws_wire import Failure, Wire, in_turn
from tests.support.records.consumer_messages import CONSUMER_ARN, QUEUE_ARN, queue_record, redriven
from tests.support.records.record_strategies import STREAM_ARN, stream_record
from tests.support.records.shard_in_memory import SHARD_ID, ShardInMemory

RECORD = stream_record("INSERT", 0, "u-1", None, {"userId": {"S": "u-1"}})
ERASED = stream_record("INSERT", 1, "u-erased", None, {"userId": {"S": "u-erased"}})
BODY = json.dumps(
    {
        "requestContext": {"functionArn": "arn:f", "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 3},
        "timestamp": "2026-11-24T00:10:00.123Z",
        "DDBStreamBatchInfo": {
            "shardId": SHARD_ID,
            "startSequenceNumber": RECORD["dynamodb"]["SequenceNumber"],
            "endSequenceNumber": RECORD["dynamodb"]["SequenceNumber"],
            "batchSize": 1,
            "streamArn": STREAM_ARN,
        },
    }
)
EVENT: JsonObject = {"Records": [{"messageId": "m-1", "body": BODY}, {"messageId": "m-2", "body": "hello"}]}


class Context:
    """Lambda's context, with enough time."""

    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:RescueFailedBatchesFunction-test"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def closing_items(request: JsonObject) -> JsonObject:
    """Answer a read of closing items: only `u-erased` is erased."""
    keys = request["RequestItems"]["Activity"]["Keys"]
    marker = erasure("u-erased", actor="arn", occurred_at="2026-11-24T00:00:00.000Z", expires_at=1_798_000_000)
    return {"Responses": {"Activity": [marker for key in keys if key["userId"]["S"] == "u-erased"]}}


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Wire:
    monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/000000000000/queue")
    monkeypatch.setenv("FAILED_RECORDS_BUCKET", "bucket")
    monkeypatch.setenv("USERS_TABLE", "Users-test")
    monkeypatch.setenv("ACTIVITY_TABLE", "Activity")
    streams = Wire("dynamodbstreams", ShardInMemory([RECORD, ERASED]).answer, read_records_as_json)
    queue = Wire("sqs", in_turn({"Successful": [], "Failed": []}))
    activity = Wire("dynamodb", closing_items)
    monkeypatch.setattr(aws_clients, "dynamodb", lambda: activity.client)
    monkeypatch.setattr(aws_clients, "dynamodb_streams", lambda: streams.client)
    monkeypatch.setattr(aws_clients, "sqs", lambda: queue.client)
    return queue


def test_messages_become_envelopes(queue: Wire) -> None:
    assert module.handler(EVENT, Context()) == {"batchItemFailures": []}
    rescued, unreadable = [json.loads(request["Entries"][0]["MessageBody"]) for request in queue.requests]
    assert (rescued["kind"], rescued["record"]) == ("exhausted", RECORD)
    assert (unreadable["kind"], unreadable["document"]) == ("lost", "hello")
    assert queue.requests[0]["Entries"][0]["MessageAttributes"]["kind"]["StringValue"] == "exhausted"


def test_a_message_of_a_consumers_failure_queue_becomes_an_envelope_beside_a_pointer(
    queue: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    redriven_message = redriven(queue_record(RECORD, receives=5))
    assert module.handler({"Records": [*EVENT["Records"], redriven_message]}, Context()) == {"batchItemFailures": []}

    *_, envelope = [json.loads(request["Entries"][0]["MessageBody"]) for request in queue.requests]
    assert envelope["failureId"] == f"welcome-new-users.{RECORD['eventID']}"
    assert (envelope["kind"], envelope["attempts"], envelope["record"]) == ("exhausted", 5, redriven_message)
    assert (envelope["sourceFunction"], envelope["eventSourceArn"]) == (CONSUMER_ARN, QUEUE_ARN)
    assert envelope["reason"].startswith("the function never reported what became of it: it crashed")
    assert envelope["firstFailedAt"] == "2026-11-24T00:00:00.000Z"
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["level"], line["message"], line["consumer"]) == ("ERROR", "MESSAGE RESCUED:", "welcome-new-users")


def test_nothing_of_an_erased_user_is_rescued(queue: Wire, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(BODY)
    document["DDBStreamBatchInfo"]["batchSize"] = 2
    document["DDBStreamBatchInfo"]["endSequenceNumber"] = ERASED["dynamodb"]["SequenceNumber"]
    messages = [{"messageId": "m-1", "body": json.dumps(document)}, redriven(queue_record(ERASED))]
    assert module.handler({"Records": messages}, Context()) == {"batchItemFailures": []}

    sent = [json.loads(entry["MessageBody"])["userId"] for request in queue.requests for entry in request["Entries"]]
    assert sent == ["u-1"]
    rescued, left_out = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (rescued["records"], rescued["ofErasedUsers"]) == (1, 1)
    assert (left_out["message"], left_out["userId"]) == ("RECORD OF AN ERASED USER:", "u-erased")


def test_a_message_that_could_not_be_sent_stays_in_its_failure_queue(queue: Wire) -> None:
    queue.answer = in_turn(Failure("InternalError", 500))
    message = redriven(queue_record(RECORD))
    failures = [{"itemIdentifier": message["messageId"]}]
    assert module.handler({"Records": [message]}, Context()) == {"batchItemFailures": failures}


def test_messages_that_could_not_be_rescued_stay(queue: Wire) -> None:
    queue.answer = in_turn(Failure("InternalError", 500))
    failures = [{"itemIdentifier": "m-1"}, {"itemIdentifier": "m-2"}]
    assert module.handler(EVENT, Context()) == {"batchItemFailures": failures}


def test_an_unforeseen_failure_keeps_only_its_own_message(queue: Wire, capsys: pytest.CaptureFixture[str]) -> None:
    queue.answer = in_turn(Failure("InvalidMessageContents"), {"Successful": [], "Failed": []})
    assert module.handler(EVENT, Context()) == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    failed, *_ = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (failed["level"], failed["message"], failed["messageId"]) == ("ERROR", "RESCUE FAILED:", "m-1")
    assert "InvalidMessageContents" in failed["traceback"]


def test_an_unforeseen_failure_of_all_messages_is_raised(queue: Wire) -> None:
    queue.answer = in_turn(Failure("InvalidMessageContents"))
    with pytest.raises(ClientError, match="InvalidMessageContents"):
        module.handler(EVENT, Context())


@pytest.mark.usefixtures("queue")
@pytest.mark.parametrize("name", ["DEAD_LETTER_QUEUE_URL", "FAILED_RECORDS_BUCKET", "USERS_TABLE", "ACTIVITY_TABLE"])
def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(SettingError, match=f"{name} isn't set"):
        module.handler(EVENT, Context())
