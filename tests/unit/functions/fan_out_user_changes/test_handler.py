"""The handler: settings from the environment, Activity's stream to the topic, AWS at the wire."""

import json
from dataclasses import dataclass, field

import pytest

from functions.fan_out_user_changes import handler as module
from functions.runtime import aws as aws_clients
from functions.runtime.invocation import Clock, SettingError
from functions.runtime.json_log import JsonObject
from tests.support.aws.aws_wire import Failure, Wire, in_turn
from tests.support.aws.topic_in_memory import EntryFailure, TopicInMemory
from tests.support.records.consumer_messages import activity_record
from tests.support.records.record_strategies import stream_record

FUNCTION_ARN = "arn:aws:lambda:eu-west-1:000000000000:function:FanOutUserChangesFunction-test"
EVE: JsonObject = {"userId": {"S": "u-eve"}, "email": {"S": "toto@example.com"}, "version": {"N": "1"}}
RENAMED: JsonObject = EVE | {"email": {"S": "kichwa@example.com"}, "version": {"N": "2"}}
ADDED = activity_record(stream_record("INSERT", 0, "u-eve", None, EVE))
UPDATED = activity_record(stream_record("MODIFY", 1, "u-eve", EVE, RENAMED))
ENVIRONMENT = {
    "USER_CHANGES_TOPIC_ARN": "arn:aws:sns:eu-west-1:000000000000:UserChanges-test.fifo",
    "ACTIVITY_TABLE": "Activity-test",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/000000000000/UserChangesDeadLetterQueue-test",
    "FAILED_RECORDS_BUCKET": "userstream-failed-records-test-000000000000",
}


class Context:
    """Lambda's context, with enough time."""

    invoked_function_arn = FUNCTION_ARN

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@dataclass
class Aws:
    """The services that the function calls."""

    topic: TopicInMemory = field(default_factory=TopicInMemory)
    activity: Wire = field(default_factory=lambda: Wire("dynamodb", in_turn({"Responses": {}})))
    queue: Wire = field(default_factory=lambda: Wire("sqs", in_turn({"Successful": [], "Failed": []})))


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    reached = Aws()
    monkeypatch.setattr(aws_clients, "sns", lambda: reached.topic.client)
    monkeypatch.setattr(aws_clients, "dynamodb", lambda: reached.activity.client)
    monkeypatch.setattr(aws_clients, "sqs", lambda: reached.queue.client)
    return reached


def _lines(capsys: pytest.CaptureFixture[str]) -> list[JsonObject]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def _from(record: JsonObject) -> JsonObject:
    return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}


def test_every_new_item_is_published_and_logged_without_a_value(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    assert module.handler({"Records": [ADDED, UPDATED]}, Context()) == {"batchItemFailures": []}

    assert [entry.body["kind"] for entry in aws.topic.published] == ["ADDED", "UPDATED"]
    item = ADDED["dynamodb"]["NewImage"]
    assert _lines(capsys)[0] == {
        "level": "INFO",
        "message": "CHANGE PUBLISHED:",
        "userId": "u-eve",
        "changeId": item["changeId"]["S"],
        "eventId": item["eventId"]["S"],
        "kind": "ADDED",
        "origin": "change",
    }
    assert "toto" not in json.dumps(aws.topic.published)


def test_an_item_that_is_written_again_or_expires_is_no_change(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    rewritten, expired = ({**ADDED, "eventName": name} for name in ("MODIFY", "REMOVE"))
    assert module.handler({"Records": [rewritten, expired]}, Context()) == {"batchItemFailures": []}
    assert (aws.topic.calls, aws.queue.requests, _lines(capsys)) == ([], [], [])


def test_an_item_of_another_form_is_dead_lettered_and_the_rest_goes_on(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = json.loads(json.dumps(ADDED))
    del foreign["dynamodb"]["NewImage"]["eventId"]
    assert module.handler({"Records": [foreign, UPDATED]}, Context()) == {"batchItemFailures": []}

    (sent,) = aws.queue.requests[0]["Entries"]
    envelope = json.loads(sent["MessageBody"])
    assert envelope["failureId"] == f"fan-out-user-changes.{foreign['eventID']}"
    assert (envelope["kind"], envelope["reason"]) == ("permanent", "the record has no eventId")
    assert (envelope["record"], envelope["sourceFunction"]) == (foreign, FUNCTION_ARN)
    assert [line["message"] for line in _lines(capsys)] == ["RECORD SET ASIDE:", "CHANGE PUBLISHED:"]


@pytest.mark.parametrize("replay", [False, True])
def test_a_record_of_another_table_is_not_published(aws: Aws, *, replay: bool) -> None:
    other: JsonObject = {**ADDED, "eventSourceARN": ADDED["eventSourceARN"].replace("000000000000", "999999999999")}
    outcome = module.handler({"Records": [other, UPDATED], **({"replay": True} if replay else {})}, Context())

    reason = "eventSourceARN is no stream of the function's own table"
    assert [entry.body["kind"] for entry in aws.topic.published] == ["UPDATED"]
    assert outcome.get("refused") == ({other["dynamodb"]["SequenceNumber"]: reason} if replay else None)
    assert len(aws.queue.requests) == (0 if replay else 1)


def test_a_busy_topic_makes_the_record_come_again(
    aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(_clock: Clock, _seconds: float) -> None: ...

    monkeypatch.setattr(Clock, "sleep", sleep)
    aws.topic.refuse = lambda entry: EntryFailure("Throttled") if entry.body["kind"] == "UPDATED" else None
    assert module.handler({"Records": [ADDED, UPDATED]}, Context()) == _from(UPDATED)
    published, stopped = _lines(capsys)
    assert published["message"] == "CHANGE PUBLISHED:"
    assert (stopped["message"], stopped["reason"]) == ("BATCH STOPPED:", "PublishBatch: Throttled")


def test_an_unreachable_dead_letter_queue_stops_the_batch_at_the_bad_record(aws: Aws) -> None:
    aws.queue.answer = in_turn(Failure("AccessDenied", 403))
    foreign = {**UPDATED, "eventName": "TRUNCATE"}
    assert module.handler({"Records": [ADDED, foreign]}, Context()) == _from(foreign)


def test_a_replay_dead_letters_nothing_and_says_what_is_refused(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    foreign: JsonObject = {**ADDED, "eventName": "TRUNCATE"}
    outcome = module.handler({"Records": [foreign, UPDATED], "replay": True}, Context())
    reason = "eventName 'TRUNCATE' is not INSERT, MODIFY, REMOVE"
    assert outcome == {"batchItemFailures": [], "refused": {foreign["dynamodb"]["SequenceNumber"]: reason}}
    assert aws.queue.requests == []
    assert [line["message"] for line in _lines(capsys)] == ["RECORD REFUSED:", "CHANGE PUBLISHED:"]


@pytest.mark.parametrize("name", ENVIRONMENT)
@pytest.mark.usefixtures("aws")
def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")
    with pytest.raises(SettingError, match=f"{name} isn't set"):
        module.handler({"Records": []}, Context())
