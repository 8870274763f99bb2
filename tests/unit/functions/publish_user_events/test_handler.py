"""The consumer's handler, from the queue's records to EventBridge, stubbed at the wire."""

import json
from collections.abc import Iterator

import pytest

from functions.publish_user_events.handler import handler
from functions.runtime import aws as aws_clients
from functions.runtime.invocation import SettingError
from functions.runtime.json_log import JsonObject
from tests.support.aws.aws_wire import Answer, Wire, in_turn
from tests.support.records.consumer_messages import item_of, message_of, queue_record
from tests.support.records.record_strategies import stream_record

ALICE: JsonObject = {
    "userId": {"S": "u-alice"},
    "name": {"S": "Alice"},
    "email": {"S": "alice@example.com"},
    "username": {"S": "alice"},
    "version": {"N": "1"},
    "registrationDigest": {"S": "d" * 64},
}
MOVED: JsonObject = ALICE | {"email": {"S": "alice@example.org"}, "version": {"N": "2"}}
REGISTERED = stream_record("INSERT", 0, "u-alice", None, ALICE)
CHANGED = stream_record("MODIFY", 1, "u-alice", ALICE, MOVED)
DELETED = stream_record("REMOVE", 2, "u-alice", MOVED, None, by_ttl=True)
BOB = stream_record("INSERT", 3, "u-bob", None, ALICE | {"userId": {"S": "u-bob"}})
RECORDS = (REGISTERED, CHANGED, DELETED, BOB)
TABLE = "Activity-test"
ENVIRONMENT = {
    "ACTIVITY_TABLE": TABLE,
    "QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/000000000000/PublishUserEventsQueue-test.fifo",
    "MAXIMUM_RECEIVES": "5",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/000000000000/UserChangesDeadLetterQueue-test",
    "FAILED_RECORDS_BUCKET": "userstream-failed-records-test-000000000000",
    "USER_EVENTS_BUS": "UserEvents-test",
    "USER_EVENTS_SOURCE": "userstream.test",
    "USER_EVENTS_PERSONAL_DATA": "true",
}


class Context:
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:PublishUserEventsFunction-test"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def stored(request: JsonObject) -> Answer:
    """Answer BatchGetItem."""
    items = {item["changeId"]["S"]: item for item in map(item_of, RECORDS)}
    keys = [key["changeId"]["S"] for key in request["RequestItems"][TABLE]["Keys"]]
    return {"Responses": {TABLE: [items[key] for key in keys]}, "UnprocessedKeys": {}}


def taken(request: JsonObject) -> Answer:
    return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in request["Entries"]]}


class Aws:
    """The services that the consumer reaches."""

    def __init__(self) -> None:
        self.activity = Wire("dynamodb", stored)
        self.queues = Wire("sqs", in_turn({"Successful": [], "Failed": []}))
        self.bus = Wire("events", taken)

    def published(self) -> Iterator[tuple[str, JsonObject]]:
        """Yield detail-type and detail of each event."""
        for request in self.bus.requests:
            for entry in request["Entries"]:
                assert (entry["EventBusName"], entry["Source"]) == ("UserEvents-test", "userstream.test")
                yield entry["DetailType"], json.loads(entry["Detail"])

    def envelopes(self) -> list[JsonObject]:
        sent = [entry for request in self.queues.requests for entry in request["Entries"]]
        return [json.loads(entry["MessageBody"]) for entry in sent if "MessageBody" in entry]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    reached = Aws()
    monkeypatch.setattr(aws_clients, "dynamodb", lambda: reached.activity.client)
    monkeypatch.setattr(aws_clients, "sqs", lambda: reached.queues.client)
    monkeypatch.setattr(aws_clients, "events", lambda: reached.bus.client)
    return reached


def test_a_user_s_life_is_published_in_three_events(aws: Aws) -> None:
    answer = handler({"Records": [queue_record(each) for each in RECORDS[:3]]}, Context())

    assert answer == {"batchItemFailures": []}
    change_ids = [message_of(record).change_id for record in RECORDS]
    same = {"schemaVersion": 1, "userId": "u-alice", "actor": "caller"}
    everything = {"name": "Alice", "email": "alice@example.com", "username": "alice"}
    assert list(aws.published()) == [
        (
            "UserRegistered",
            {
                **same,
                "eventId": f"{0:032x}",
                "version": 1,
                "changeId": change_ids[0],
                "occurredAt": "2026-11-24T00:00:00.000Z",
                "changedFields": ["email", "name", "username"],
                "values": everything,
                "valuesOmitted": False,
            },
        ),
        (
            "UserChanged",
            {
                **same,
                "eventId": f"{1:032x}",
                "version": 2,
                "changeId": change_ids[1],
                "occurredAt": "2026-11-24T00:00:01.000Z",
                "changedFields": ["email"],
                "values": {"email": "alice@example.org"},
                "valuesOmitted": False,
            },
        ),
        (
            "UserDeleted",
            {
                **same,
                "actor": "ttl",
                "eventId": f"{2:032x}",
                "version": 2,
                "changeId": change_ids[2],
                "occurredAt": "2026-11-24T00:00:02.000Z",
                "changedFields": ["email", "name", "username"],
            },
        ),
    ]


def test_changes_of_different_users_are_put_in_one_call(aws: Aws) -> None:
    handler({"Records": [queue_record(REGISTERED), queue_record(BOB)]}, Context())

    assert [len(request["Entries"]) for request in aws.bus.requests] == [2]


def test_personal_values_stay_here_if_the_stack_says_so(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER_EVENTS_PERSONAL_DATA", "false")

    handler({"Records": [queue_record(CHANGED)]}, Context())

    ((_, detail),) = aws.published()
    assert detail["changedFields"] == ["email"]
    assert "example.org" not in json.dumps(aws.bus.requests)


def test_an_entry_that_eventbridge_cannot_take_now_comes_again_and_its_user_s_next_waits(aws: Aws) -> None:
    throttled = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}, {"EventId": "e"}]}
    aws.bus.answer = in_turn(throttled, taken)
    records = [queue_record(each) for each in (REGISTERED, BOB, CHANGED)]

    answer = handler({"Records": records}, Context())

    failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
    assert failed == {records[0]["messageId"], records[2]["messageId"]}
    assert len(list(aws.published())) == 2
    assert aws.envelopes() == []


def test_an_event_that_eventbridge_refuses_is_dead_lettered_with_its_code(aws: Aws) -> None:
    aws.bus.answer = in_turn({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "MalformedDetail"}]}, taken)

    answer = handler({"Records": [queue_record(REGISTERED)]}, Context())

    (envelope,) = aws.envelopes()
    assert answer == {"batchItemFailures": []}
    assert (envelope["kind"], envelope["reason"]) == ("permanent", "its event is refused: PutEvents: MalformedDetail")


def test_an_event_too_large_even_without_values_is_dead_lettered_and_the_others_go_on(aws: Aws) -> None:
    names = {f"{number:05}" + "x" * 995: {"BOOL": True} for number in range(260)}
    large = stream_record("INSERT", 4, "u-imported", None, {"userId": {"S": "u-imported"}, **names})
    aws.activity.answer = lambda _: {"Responses": {TABLE: [item_of(large), item_of(BOB)]}, "UnprocessedKeys": {}}

    answer = handler({"Records": [queue_record(large), queue_record(BOB)]}, Context())

    (envelope,) = aws.envelopes()
    assert answer == {"batchItemFailures": []}
    assert "even without values" in envelope["reason"]
    assert [detail["userId"] for _, detail in aws.published()] == ["u-bob"]


@pytest.mark.parametrize("name", ["USER_EVENTS_BUS", "USER_EVENTS_SOURCE", "USER_EVENTS_PERSONAL_DATA"])
def test_a_missing_variable_is_named(aws: Aws, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(SettingError, match=name):
        handler({"Records": [queue_record(REGISTERED)]}, Context())

    assert aws.bus.requests == []
