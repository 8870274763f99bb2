"""The handler: settings from the environment, real stores, AWS stubbed at the wire."""

import json
from dataclasses import dataclass, field

import pytest

from functions.activity.closing_item import CLOSING_CHANGE_ID
from functions.log_user_changes import handler as module
from functions.runtime import aws as aws_clients
from functions.runtime.aws import write_batches_as_json
from functions.runtime.invocation import SettingError
from functions.runtime.json_log import JsonObject
from tests.support.aws.aws_wire import Failure, Wire, in_turn
from tests.support.records.record_processing_fakes import FUNCTION_ARN
from tests.support.records.record_strategies import broken_record, stream_record

EVE: JsonObject = {"userId": {"S": "u-eve"}, "username": {"S": "toto"}, "version": {"N": "1"}}
RENAMED: JsonObject = EVE | {"username": {"S": "kichwa"}, "version": {"N": "2"}}
ENVIRONMENT = {
    "USERS_TABLE": "Users-test",
    "USER_KEYS_TABLE": "UserKeys-test",
    "ACTIVITY_TABLE": "Activity-test",
    "ACTIVITY_RETENTION_DAYS": "30",
    "DELETED_USER_HISTORY_DAYS": "30",
    "MASK_PERSONAL_DATA": "false",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/000000000000/UserChangesDeadLetterQueue-test",
    "FAILED_RECORDS_BUCKET": "userstream-failures-test-use1-000000000000",
}

OTHER_STREAMS = (
    {"eventSourceARN": "arn:aws:dynamodb:eu-west-1:999999999999:table/Users-test/stream/2026-11-24T00:00:00.000"},
    {"eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/Users-test/stream/2026-11-24T00:00:00.000"},
    {"eventSourceARN": "arn:aws:dynamodb:eu-west-1:000000000000:table/Users-test2/stream/2026-11-24T00:00:00.000"},
    {"eventSourceARN": "arn:aws:dynamodb:eu-west-1:000000000000:table/Activity-test/stream/2026-11-24T00:00:00.000"},
    {"eventSourceARN": ["arn:aws:dynamodb:eu-west-1:000000000000:table/Users-test/stream/2026-11-24T00:00:00.000"]},
    {"eventSourceARN": None},
)


class Context:
    """Lambda's context, with enough time."""

    invoked_function_arn = FUNCTION_ARN

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@dataclass
class Aws:
    """The services that the function calls."""

    activity: Wire = field(
        default_factory=lambda: Wire("dynamodb", in_turn({"UnprocessedItems": {}}), write_batches_as_json)
    )
    queue: Wire = field(default_factory=lambda: Wire("sqs", in_turn({"Successful": [], "Failed": []})))


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    reached = Aws()
    monkeypatch.setattr(aws_clients, "dynamodb", lambda: reached.activity.client)
    monkeypatch.setattr(aws_clients, "sqs", lambda: reached.queue.client)
    return reached


def _lines(capsys: pytest.CaptureFixture[str]) -> list[JsonObject]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_kind_of_event_is_logged_and_stored_or_dead_lettered(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [
        stream_record("INSERT", 0, "u-eve", None, EVE),
        stream_record("MODIFY", 1, "u-eve", EVE, RENAMED),
        stream_record("REMOVE", 2, "u-eve", RENAMED, None),
        stream_record("TRUNCATE", 3, "u-eve", None, EVE),
    ]
    assert module.handler({"Records": records}, Context()) == {"batchItemFailures": []}

    added, old, new, deleted, unknown = _lines(capsys)
    assert added == {
        "level": "INFO",
        "message": "USER ADDED:",
        "userId": "u-eve",
        "eventId": records[0]["eventID"],
        "sequenceNumber": records[0]["dynamodb"]["SequenceNumber"],
        "occurredAt": "2026-11-24T00:00:00.000Z",
        "actor": "caller",
        "image": {"userId": "u-eve", "username": "toto", "version": 1},
    }
    assert (old["message"], old["image"]["username"]) == ("USER UPDATED - OLD:", "toto")
    assert (new["message"], new["image"]["username"]) == ("USER UPDATED - NEW:", "kichwa")
    assert new["changedFields"] == ["username", "version"]
    assert "changedFields" not in old
    assert (deleted["message"], deleted["image"]["username"]) == ("USER DELETED:", "kichwa")
    assert deleted["actor"] == "caller"
    assert unknown["message"] == "UNKNOWN EVENT:"
    assert unknown["level"] == "ERROR"

    # One call per change, because a call writes a user's items in any order.
    read, *written, freed, read_for_the_unknown = aws.activity.requests
    assert read_for_the_unknown == read
    closing_item = {"userId": {"S": "u-eve"}, "changeId": {"S": CLOSING_CHANGE_ID}}
    assert read["RequestItems"]["Activity-test"] == {"Keys": [closing_item], "ConsistentRead": True}
    check, release = freed["TransactItems"]
    assert (check["ConditionCheck"]["TableName"], release["Delete"]["TableName"]) == ("Users-test", "UserKeys-test")
    assert release["Delete"]["Key"] == {"key": {"S": "username#kichwa"}}
    calls = [request["RequestItems"]["Activity-test"] for request in written]
    stored = [[put["PutRequest"]["Item"]["eventId"]["S"] for put in call] for call in calls]
    assert stored == [[record["eventID"]] for record in records[:3]]
    (sent,) = aws.queue.requests[0]["Entries"]
    envelope = json.loads(sent["MessageBody"])
    assert envelope["record"] == records[3]
    assert (envelope["kind"], envelope["sourceFunction"]) == ("permanent", FUNCTION_ARN)


@pytest.mark.parametrize("source", OTHER_STREAMS, ids=str)
def test_a_record_of_another_table_enters_no_history(aws: Aws, source: JsonObject) -> None:
    """Nobody maps another stream to the function; an invocation by hand can carry any record."""
    own, other = (stream_record("INSERT", position, "u-eve", None, EVE) for position in range(2))
    assert module.handler({"Records": [own, other | source]}, Context()) == {"batchItemFailures": []}

    puts = [request for request in aws.activity.requests if "PutRequest" in json.dumps(request)]
    assert own["eventID"] in json.dumps(puts)
    assert other["eventID"] not in json.dumps(puts)
    (sent,) = aws.queue.requests[0]["Entries"]
    envelope = json.loads(sent["MessageBody"])
    assert (envelope["record"], envelope["kind"]) == (other | source, "permanent")
    assert envelope["reason"] == "eventSourceARN is no stream of the function's own table"


def test_a_stream_that_was_made_again_is_the_same_table_s(aws: Aws) -> None:
    record = stream_record("INSERT", 0, "u-eve", None, EVE)
    record["eventSourceARN"] = record["eventSourceARN"].replace("2026", "2027")
    assert module.handler({"Records": [record]}, Context()) == {"batchItemFailures": []}
    assert aws.queue.requests == []


def test_personal_data_is_masked_if_the_environment_says_so(
    aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASK_PERSONAL_DATA", "true")
    module.handler({"Records": [stream_record("MODIFY", 1, "u-eve", EVE, RENAMED)]}, Context())
    printed = capsys.readouterr().out
    assert "toto" not in printed
    assert "kichwa" not in printed
    assert json.loads(printed.splitlines()[1])["changedFields"] == ["username", "version"]
    assert "kichwa" in json.dumps(aws.activity.requests)


def test_a_busy_table_makes_the_record_come_again(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.activity.answer = in_turn(Failure("ThrottlingException"))
    record = stream_record("INSERT", 0, "u-eve", None, EVE)
    failures = [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]
    assert module.handler({"Records": [record]}, Context()) == {"batchItemFailures": failures}
    assert [line["message"] for line in _lines(capsys)] == ["BATCH STOPPED:"]


def test_an_unreachable_queue_stops_the_batch_at_the_bad_record(aws: Aws) -> None:
    aws.queue.answer = in_turn(Failure("AccessDenied", 403))
    good = stream_record("INSERT", 0, "u-eve", None, EVE)
    bad = broken_record(stream_record("MODIFY", 1, "u-eve", EVE, RENAMED), "schemaVersion 2 is not supported")
    failures = [{"itemIdentifier": bad["dynamodb"]["SequenceNumber"]}]
    assert module.handler({"Records": [good, bad]}, Context()) == {"batchItemFailures": failures}


def test_the_whole_batch_comes_again_if_a_record_without_sequence_number_cannot_be_sent(aws: Aws) -> None:
    aws.queue.answer = in_turn(Failure("AccessDenied", 403))
    assert module.handler({"Records": [{}]}, Context()) == {"batchItemFailures": [{"itemIdentifier": ""}]}


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        *[(name, "", f"{name} isn't set") for name in ENVIRONMENT],
        ("MASK_PERSONAL_DATA", "yes", "MASK_PERSONAL_DATA must be true or false, not 'yes'"),
        ("ACTIVITY_RETENTION_DAYS", "0", "ACTIVITY_RETENTION_DAYS must be a whole number above 0, not '0'"),
        ("ACTIVITY_RETENTION_DAYS", "1.5", "must be a whole number, not '1.5'"),
        ("DELETED_USER_HISTORY_DAYS", "-1", "must be a whole number, not '-1'"),
    ],
)
@pytest.mark.usefixtures("aws")
def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match=complaint):
        module.handler({"Records": []}, Context())


@pytest.mark.usefixtures("aws")
def test_a_batch_s_figures_are_one_line_for_cloudwatch_and_tell_of_nobody(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "test")
    records = [
        stream_record("INSERT", 0, "u-eve", None, EVE),
        stream_record("MODIFY", 1, "u-eve", EVE, RENAMED),
        stream_record("TRUNCATE", 3, "u-eve", None, EVE),
    ]
    assert module.handler({"Records": records}, Context()) == {"batchItemFailures": []}

    figures = {line["message"]: line for line in _lines(capsys) if "_aws" in line}
    assert figures.keys() == {"changes logged", "dead-lettered"}
    logged = figures["changes logged"]
    # The records are older than a minute.
    assert (logged["ChangesLogged"], logged["ChangesLoggedLate"], len(logged["ChangeLag"])) == (2, 2, 2)
    assert figures["dead-lettered"]["PermanentFailures"] == 1
    counted = {"ChangesLogged", "ChangesLoggedLate", "ChangeLag", "PermanentFailures"}
    for line in figures.values():
        assert line.keys() <= {"level", "message", "_aws"} | counted
        assert {metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]} == line.keys() & counted


@pytest.mark.usefixtures("aws")
def test_a_batch_without_a_logged_change_has_no_figures(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "test")
    module.handler({"Records": []}, Context())

    assert _lines(capsys) == []
