"""A consumer's handler: settings from the environment, real stores, AWS stubbed at the wire."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from functions.consumers.runtime import (
    RetryChangeError,
    StoredChange,
    UnprocessableChangeError,
    handle_change_batches,
    handle_changes,
)
from functions.runtime import aws as aws_clients
from functions.runtime.invocation import SettingError
from functions.runtime.json_log import JsonObject
from tests.support.aws.aws_wire import Answer, Failure, Wire, in_turn
from tests.support.records.consumer_messages import CONSUMER_ARN, item_of, message_of, queue_record
from tests.support.records.record_strategies import stream_record

EVE: JsonObject = {"userId": {"S": "u-eve"}, "email": {"S": "toto@example.com"}, "version": {"N": "1"}}
RENAMED: JsonObject = EVE | {"email": {"S": "kichwa@example.com"}, "version": {"N": "2"}}
ADDED = stream_record("INSERT", 0, "u-eve", None, EVE)
UPDATED = stream_record("MODIFY", 1, "u-eve", EVE, RENAMED)
BOB = stream_record("INSERT", 2, "u-bob", None, EVE | {"userId": {"S": "u-bob"}})
TABLE = "Activity-test"
QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/000000000000/WelcomeNewUsersQueue-test.fifo"
ENVIRONMENT = {
    "ACTIVITY_TABLE": TABLE,
    "QUEUE_URL": QUEUE_URL,
    "MAXIMUM_RECEIVES": "3",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/000000000000/UserChangesDeadLetterQueue-test",
    "FAILED_RECORDS_BUCKET": "userstream-failed-records-test-000000000000",
}


class Context:
    """Lambda's context, with enough time."""

    invoked_function_arn = CONSUMER_ARN

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def stored(*records: JsonObject) -> Callable[[JsonObject], Answer]:
    """Answer BatchGetItem from the items of these records."""
    items = {(item["userId"]["S"], item["changeId"]["S"]): item for item in map(item_of, records)}

    def answer(request: JsonObject) -> Answer:
        keys = [(key["userId"]["S"], key["changeId"]["S"]) for key in request["RequestItems"][TABLE]["Keys"]]
        return {"Responses": {TABLE: [items[key] for key in keys if key in items]}, "UnprocessedKeys": {}}

    return answer


@dataclass
class Aws:
    """The services that the runtime calls."""

    activity: Wire = field(default_factory=lambda: Wire("dynamodb", stored(ADDED, UPDATED, BOB)))
    queues: Wire = field(default_factory=lambda: Wire("sqs", in_turn({"Successful": [], "Failed": []})))

    def delays(self) -> dict[str, int]:
        """By receipt handle."""
        requests = [request for request in self.queues.requests if request["QueueUrl"] == QUEUE_URL]
        return {
            entry["ReceiptHandle"]: entry["VisibilityTimeout"]
            for request in requests
            for entry in request["Entries"]
            if "VisibilityTimeout" in entry
        }

    def envelopes(self) -> list[JsonObject]:
        requests = [request for request in self.queues.requests if request["QueueUrl"] != QUEUE_URL]
        return [json.loads(entry["MessageBody"]) for request in requests for entry in request["Entries"]]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    reached = Aws()
    monkeypatch.setattr(aws_clients, "dynamodb", lambda: reached.activity.client)
    monkeypatch.setattr(aws_clients, "sqs", lambda: reached.queues.client)
    return reached


@dataclass
class Author:
    """A consumer that remembers what it got, and fails on chosen changes by their event id."""

    failures: dict[str, Exception] = field(default_factory=dict[str, Exception])
    got: list[StoredChange] = field(default_factory=list[StoredChange])
    calls: int = 0

    def one(self, change: StoredChange) -> None:
        self.calls += 1
        self.got.append(change)
        if change.event_id in self.failures:
            raise self.failures[change.event_id]

    def batch(self, changes: Sequence[StoredChange]) -> Mapping[int, Exception]:
        self.calls += 1
        self.got += changes
        return {
            at: self.failures[change.event_id] for at, change in enumerate(changes) if change.event_id in self.failures
        }


def _event(*records: JsonObject, receives: int = 1, **more: object) -> JsonObject:
    return {"Records": [queue_record(record, receives) for record in records], **more}


def _lines(capsys: pytest.CaptureFixture[str]) -> list[JsonObject]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def _failed(*records: JsonObject) -> JsonObject:
    return {"batchItemFailures": [{"itemIdentifier": queue_record(record)["messageId"]} for record in records]}


def test_the_author_gets_each_change_whole_and_in_order(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    author = Author()
    assert handle_changes(_event(ADDED, UPDATED), Context(), author.one) == _failed()

    added, updated = author.got
    assert (added.kind, added.version, added.new("email"), added.old("email")) == ("ADDED", 1, "toto@example.com", None)
    assert updated.changes == {"email": ("toto@example.com", "kichwa@example.com"), "version": (1, 2)}
    assert (updated.user_id, updated.event_id, updated.version) == ("u-eve", UPDATED["eventID"], 2)
    assert (updated.actor, updated.occurred_at, updated.backfilled) == ("caller", "2026-11-24T00:00:01.000Z", False)
    assert updated.change_id > added.change_id
    (request,) = aws.activity.requests
    assert request["RequestItems"][TABLE]["ConsistentRead"] is True
    assert aws.queues.requests == []
    assert _lines(capsys)[1] == {
        "level": "INFO",
        "message": "CHANGE HANDLED:",
        "consumer": "welcome-new-users",
        "messageId": queue_record(UPDATED)["messageId"],
        "userId": "u-eve",
        "changeId": message_of(UPDATED).change_id,
        "kind": "UPDATED",
    }


def test_a_failed_change_and_the_users_later_ones_come_again_after_a_growing_wait(aws: Aws) -> None:
    author = Author({ADDED["eventID"]: RuntimeError("down")})
    assert handle_changes(_event(ADDED, BOB, UPDATED, receives=2), Context(), author.one) == _failed(ADDED, UPDATED)

    assert sorted(change.user_id for change in author.got) == ["u-bob", "u-eve"]
    waits = aws.delays()
    assert set(waits) == {queue_record(record, 2)["receiptHandle"] for record in (ADDED, UPDATED)}
    (wait,) = set(waits.values())
    assert 10 <= wait <= 20
    assert aws.envelopes() == []


@pytest.mark.parametrize(("receives", "longest"), [(1, 5), (2, 20), (3, 80), (4, 320), (5, 900), (6, 900), (1000, 900)])
def test_each_wait_is_four_times_the_one_before_up_to_a_quarter_of_an_hour(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, receives: int, longest: int
) -> None:
    monkeypatch.setenv("MAXIMUM_RECEIVES", "1001")
    handle_changes(_event(ADDED, receives=receives), Context(), Author({ADDED["eventID"]: RuntimeError()}).one)
    (wait,) = aws.delays().values()
    assert longest / 2 - 1 <= wait <= longest


class ShortContext(Context):
    """Lambda's context, whose time the consumer uses up."""

    left = 30_000

    def get_remaining_time_in_millis(self) -> int:
        return self.left


def test_a_change_is_not_begun_if_the_slowest_one_took_longer_than_what_is_left(aws: Aws) -> None:
    context, got = ShortContext(), list[StoredChange]()

    def slow(change: StoredChange) -> None:
        got.append(change)
        context.left -= 15_000

    assert handle_changes(_event(ADDED, UPDATED, BOB), context, slow) == _failed(UPDATED, BOB)
    assert len(got) == 1
    assert set(aws.delays().values()) == {0}


def test_what_can_never_be_processed_is_dead_lettered_at_once_and_the_rest_goes_on(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    author = Author({ADDED["eventID"]: UnprocessableChangeError("the mailbox doesn't exist")})
    assert handle_changes(_event(ADDED, UPDATED), Context(), author.one) == _failed()

    assert len(author.got) == 2
    (envelope,) = aws.envelopes()
    assert envelope["failureId"] == f"welcome-new-users.{ADDED['eventID']}"
    assert envelope["record"] == queue_record(ADDED)
    assert {name: envelope[name] for name in ("kind", "reason", "attempts", "userId", "sequenceNumber")} == {
        "kind": "permanent",
        "reason": "the mailbox doesn't exist",
        "attempts": 1,
        "userId": "u-eve",
        "sequenceNumber": message_of(ADDED).change_id,
    }
    assert (envelope["sourceFunction"], envelope["eventSourceArn"]) == (
        CONSUMER_ARN,
        queue_record(ADDED)["eventSourceARN"],
    )
    assert envelope["firstFailedAt"] == "2026-11-24T00:00:00.000Z"
    assert _lines(capsys)[0]["message"] == "RECORD SET ASIDE:"


def test_a_change_that_fails_on_its_last_receive_is_dead_lettered_with_the_reason(aws: Aws) -> None:
    author = Author({ADDED["eventID"]: RetryChangeError("the mail server answers 421")})
    assert handle_changes(_event(ADDED, UPDATED, receives=3), Context(), author.one) == _failed()

    assert len(author.got) == 2
    (envelope,) = aws.envelopes()
    assert (envelope["kind"], envelope["attempts"]) == ("exhausted", 3)
    assert envelope["reason"] == "received 3 times; the last time: the mail server answers 421"


def test_what_an_author_raises_by_accident_is_named_by_its_type_alone(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    def careless(change: StoredChange) -> None:
        try:
            {}[change.new("email")]
        except KeyError as error:
            raise ValueError(f"no mailbox {change.new('email')}") from error

    handle_changes(_event(ADDED, receives=3), Context(), careless)
    assert aws.envelopes()[0]["reason"] == "received 3 times; the last time: ValueError"
    printed = capsys.readouterr().out
    assert "toto" not in printed
    frames = json.loads(printed)["frames"]
    assert [line for line in frames if ":" not in line] == ["ValueError", "KeyError"]
    assert any("test_runtime.py" in line and "careless" in line for line in frames)


def test_an_unreachable_dead_letter_queue_leaves_the_message_in_its_own(aws: Aws) -> None:
    aws.queues.answer = lambda request: (
        {"Successful": [], "Failed": []} if request["QueueUrl"] == QUEUE_URL else Failure("AccessDenied", 403)
    )
    author = Author({ADDED["eventID"]: UnprocessableChangeError("never")})
    assert handle_changes(_event(ADDED, UPDATED), Context(), author.one) == _failed(ADDED, UPDATED)
    assert len(aws.delays()) == 2


def test_a_busy_activity_table_lets_all_come_again(aws: Aws) -> None:
    aws.activity.answer = in_turn(Failure("ThrottlingException"))
    author = Author()
    assert handle_changes(_event(ADDED, BOB), Context(), author.one) == _failed(ADDED, BOB)
    assert author.got == []


def test_an_erased_change_is_skipped_with_a_line(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.activity.answer = stored(BOB)
    author = Author()
    assert handle_changes(_event(ADDED, BOB), Context(), author.one) == _failed()
    assert [change.user_id for change in author.got] == ["u-bob"]
    assert [line["message"] for line in _lines(capsys)] == ["CHANGE SKIPPED:", "CHANGE HANDLED:"]


@pytest.mark.usefixtures("aws")
def test_a_batch_never_has_two_changes_of_one_user() -> None:
    author = Author({ADDED["eventID"]: RetryChangeError("busy")})
    assert handle_change_batches(_event(ADDED, UPDATED, BOB), Context(), author.batch) == _failed(ADDED, UPDATED)
    assert ([change.user_id for change in author.got], author.calls) == (["u-eve", "u-bob"], 1)


@pytest.mark.usefixtures("aws")
def test_a_failure_at_a_position_without_a_change_lets_all_come_again() -> None:
    outcome = handle_change_batches(_event(ADDED, BOB), Context(), lambda _: {2: RuntimeError()})
    assert outcome == _failed(ADDED, BOB)


def test_a_replay_dead_letters_nothing_and_says_what_is_refused(aws: Aws) -> None:
    author = Author({ADDED["eventID"]: UnprocessableChangeError("never"), BOB["eventID"]: RuntimeError("down")})
    outcome = handle_changes(_event(ADDED, UPDATED, BOB, receives=3, replay=True), Context(), author.one)
    assert outcome == {**_failed(ADDED, BOB), "refused": {queue_record(ADDED)["messageId"]: "never"}}
    assert aws.queues.requests == []


def test_what_is_handled_is_deleted_before_a_change_that_comes_again_is_tried(aws: Aws) -> None:
    author = Author()
    event = {"Records": [queue_record(ADDED, receives=2), queue_record(BOB)]}
    assert handle_changes(event, Context(), author.one) == _failed()
    assert [change.user_id for change in author.got] == ["u-bob", "u-eve"]
    (request,) = aws.queues.requests
    assert request["QueueUrl"] == QUEUE_URL
    assert request["Entries"] == [{"Id": "0", "ReceiptHandle": queue_record(BOB)["receiptHandle"]}]


def test_what_cannot_be_deleted_early_is_left_to_lambda(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.queues.answer = in_turn(Failure("AccessDenied", 403))
    event = {"Records": [queue_record(ADDED, receives=2), queue_record(BOB)]}
    assert handle_changes(event, Context(), Author().one) == _failed()
    assert "MESSAGES NOT DELETED YET:" in [line["message"] for line in _lines(capsys)]


def test_a_delay_that_cannot_be_set_changes_nothing_else(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.queues.answer = in_turn(Failure("AccessDenied", 403))
    author = Author({ADDED["eventID"]: RuntimeError()})
    assert handle_changes(_event(ADDED), Context(), author.one) == _failed(ADDED)
    assert _lines(capsys)[-1] == {
        "level": "WARNING",
        "message": "DELAY NOT SET:",
        "reason": "ChangeMessageVisibilityBatch: AccessDenied",
    }


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        *[(name, "", f"{name} isn't set") for name in ENVIRONMENT],
        ("MAXIMUM_RECEIVES", "0", "MAXIMUM_RECEIVES must be a whole number above 0, not '0'"),
    ],
)
@pytest.mark.usefixtures("aws")
def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match=complaint):
        handle_changes({"Records": []}, Context(), Author().one)
