"""`person find`, `show` and `export` on the stack in memory."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from functions.activity.closing_item import deletion_note, erasure
from functions.activity.items import activity_item
from functions.dead_letters.envelope import StreamPointer
from functions.stream_records.user_change import parse_user_change
from ops.errors import ExitCode
from tests.support.ops.ops_in_memory import OUTPUTS, StackInMemory, activity_key
from tests.support.ops.planted_data import PlantedData, failure_document, marks_in
from tests.support.records.record_strategies import stream_record
from tests.support.users.people import registration

Run = Callable[..., Result]
MOMENT = "2026-11-24T11:00:00.000Z"
ARN = "arn:aws:iam::000000000000:user/op"


def image(user_id: str, **values: str) -> dict[str, dict[str, str]]:
    return {"userId": {"S": user_id}} | {name: {"S": text} for name, text in registration(None, **values).items()}


@pytest.fixture
def eve(stack: StackInMemory) -> str:
    """A user with keys and a history of two changes."""
    stack.user_table.items["id-eve"] = image("id-eve", email="Eve@example.com", username="Eve")
    stack.keys |= {"email#eve@example.com": "id-eve", "username#eve": "id-eve"}
    log(stack, "id-eve", "INSERT", "MODIFY")
    return "id-eve"


def log(stack: StackInMemory, user_id: str, *events: str) -> None:
    for position, event in enumerate(events):
        old = None if event == "INSERT" else image(user_id, name=f"Name {position}")
        new = None if event == "REMOVE" else image(user_id, name=f"Name {position + 1}")
        record = stream_record(event, position, user_id, old, new)
        stack.table.items[activity_key(record)] = activity_item(parse_user_change(record), 30)


def found(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["users"]


def test_nobody_is_found_by_a_username_that_only_looks_like_the_own_one(run: Run, stack: StackInMemory) -> None:
    stack.user_table.items["id-r00t"] = image("id-r00t", username="r00tbeer")
    stack.keys |= {"username#r00tbeer": "id-r00t", "username#rootbeer": "id-r00t"}
    (user,) = found(run("person", "find", "R00tbeer"))
    assert user["userId"] == "id-r00t"
    assert run("person", "find", "rootbeer").exit_code == ExitCode.NOT_FOUND


@pytest.mark.parametrize(
    ("value", "by"), [("id-eve", "id"), ("eve@EXAMPLE.com", "email"), ("EVE", "username"), ("\uff25ve", "username")]
)
def test_a_user_is_found_by_the_id_and_by_each_unique_value(run: Run, eve: str, value: str, by: str) -> None:
    for options in ([], ["--by", by]):
        (user,) = found(run("person", "find", value, *options))
        assert (user["userId"], user["foundBy"], user["state"], user["changes"]) == (eve, [by], "stored", 2)
        assert user["firstChange"] < user["lastChange"]


def test_nobody_is_an_exit_code_and_the_next_step(run: Run, eve: str) -> None:
    assert eve
    for command in ("find", "show", "export"):
        result = run("person", command, "adam@example.com")
        assert result.exit_code == ExitCode.NOT_FOUND
        assert "Nobody is found by 'adam@example.com'" in result.stderr
        assert "a deleted user is found by the id alone" in result.stderr


def test_an_empty_value_is_refused(run: Run) -> None:
    for command in ("find", "show", "export"):
        assert run("person", command, "").exit_code == ExitCode.USAGE
        assert run("person", command, "", "--by", "id").exit_code == ExitCode.USAGE


def test_a_deleted_user_s_id_tells_when_and_by_whom(run: Run, stack: StackInMemory) -> None:
    log(stack, "gone", "INSERT", "REMOVE")
    (user,) = found(run("person", "find", "gone"))
    assert (user["state"], user["deleted"]["actor"]) == ("deleted", "caller")

    note = deletion_note("gone", actor=ARN, version=1, occurred_at=MOMENT, expires_at=1)
    stack.table.items["gone", note["changeId"]["S"]] = note
    (user,) = found(run("person", "find", "gone"))
    assert user["deleted"] == {"occurredAt": MOMENT, "actor": ARN}
    assert user["changes"] == 2


def test_an_erased_user_s_id_tells_when_and_by_whom(run: Run, stack: StackInMemory) -> None:
    marker = erasure("gone", actor=ARN, occurred_at=MOMENT, expires_at=1)
    stack.table.items["gone", marker["changeId"]["S"]] = marker
    (user,) = found(run("person", "find", "gone"))
    assert (user["state"], user["erased"], user["changes"]) == ("erased", {"occurredAt": MOMENT, "actor": ARN}, 0)
    assert f"erased {MOMENT} by" in run("person", "show", "gone", "--table").stdout


def test_a_key_without_a_user_is_told(run: Run, stack: StackInMemory) -> None:
    stack.keys["email#eve@example.com"] = "gone"
    (user,) = found(run("person", "find", "eve@example.com"))
    assert (user["userId"], user["state"]) == ("gone", "a key without a user")


def test_an_id_that_is_another_user_s_username_finds_both_and_asks_which(
    run: Run, stack: StackInMemory, eve: str
) -> None:
    stack.user_table.items["eve"] = image("eve", email="other@example.com", username="other")

    users = found(run("person", "find", "eve"))
    assert [(user["userId"], user["foundBy"]) for user in users] == [("eve", ["id"]), (eve, ["username"])]

    refused = run("person", "export", "eve")
    assert refused.exit_code == ExitCode.USAGE
    assert "finds 2 users" in refused.stderr
    for by, user_id in (("id", "eve"), ("username", eve)):
        assert json.loads(run("person", "export", "eve", "--by", by).stdout)["userId"] == user_id


def test_show_has_the_user_and_whose_each_key_is(run: Run, stack: StackInMemory, eve: str) -> None:
    stack.keys["username#eve"] = "somebody"
    shown = json.loads(run("person", "show", "eve@example.com").stdout)
    assert shown["user"]["email"] == "Eve@example.com"
    assert shown["keys"] == {"email": True, "username": False}
    page = run("person", "show", eve, "--table").stdout
    assert "of somebody" in page
    assert "2 changes" in page


def test_an_export_has_all_of_a_person_and_nothing_of_others(run: Run, stack: StackInMemory) -> None:
    planted = PlantedData(stack)
    for plant in planted.kinds.values():
        plant("id-eve")
        plant("id-adam")

    result = run("person", "export", "id-eve")

    document = json.loads(result.stdout)
    assert (result.exit_code, document["complete"]) == (0, True)
    assert marks_in(document) == planted.of["id-eve"]
    assert {"place", "service", "resource", "items", "unread"} == document["places"][0].keys()


def test_an_export_to_a_file_prints_no_value_and_never_overwrites(
    run: Run, stack: StackInMemory, eve: str, tmp_path: Path
) -> None:
    stack.kept.days[OUTPUTS.users_table_name] = 35
    path = tmp_path / "eve.json"

    for form in ("--json", "--table"):
        path.unlink(missing_ok=True)
        result = run("person", "export", eve, "--file", str(path), form)
        assert result.exit_code == 0, result.output
        assert "Eve@example.com" not in result.output
        assert "Eve@example.com" in path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    before = path.read_text()
    assert run("person", "export", eve, "--file", str(path)).exit_code == ExitCode.USAGE
    assert path.read_text() == before


def test_what_can_t_be_searched_is_listed_with_when_it_is_gone(run: Run, stack: StackInMemory, eve: str) -> None:
    stack.kept.days |= {OUTPUTS.users_table_name: 7, "/aws/lambda/LogUserChangesFunction-test": 14}
    stack.kept.days["/aws/lambda/ManageUsersFunction-test"] = None
    document = json.loads(run("person", "export", eve).stdout)
    now = document["exportedAt"]
    until = {(one["place"], one["resource"]): one["until"] for one in document["elsewhere"]}

    assert until["backups", OUTPUTS.users_table_name] > now
    assert ("backups", OUTPUTS.activity_table_name) not in until
    assert until["logs", "/aws/lambda/ManageUsersFunction-test"] is None
    order = [until[key] for key in (("users-stream", "Users-test"), ("backups", "Users-test"))]
    assert order == sorted(order)
    assert until["logs", "/aws/lambda/LogUserChangesFunction-test"] > until["backups", OUTPUTS.users_table_name]


def test_a_pointer_whose_records_have_left_the_stream_makes_an_export_incomplete(
    run: Run, stack: StackInMemory, eve: str
) -> None:
    pointer = StreamPointer(
        stream_arn=OUTPUTS.users_stream_arn,
        shard_id="shardId-00000000000000000000-00000000",
        start_sequence_number="1" * 21,
        end_sequence_number="2" * 21,
        batch_size=3,
    )
    stack.failures.put(failure_document(pointer))

    result = run("person", "export", eve)

    assert result.exit_code == ExitCode.UNFINISHED
    document = json.loads(result.stdout)
    (unread,) = [place["unread"] for place in document["places"] if place["unread"]]
    assert "3 records of message message-000001 have left the stream" in unread


def test_messages_in_flight_elsewhere_make_an_export_incomplete(run: Run, stack: StackInMemory, eve: str) -> None:
    stack.queue.put("{}")
    stack.queue.receive(60)
    result = run("person", "export", eve)
    assert result.exit_code == ExitCode.UNFINISHED
    assert "1 message more in flight elsewhere" in result.stdout


def test_an_export_changes_nothing(run: Run, stack: StackInMemory) -> None:
    planted = PlantedData(stack)
    for plant in planted.kinds.values():
        plant("id-eve")
    queues = [stack.queue, stack.failures, stack.redriven, *stack.queues.values()]
    before = [(queue.bodies(), queue.visible()) for queue in queues]

    run("person", "export", "id-eve")

    assert [(queue.bodies(), queue.visible()) for queue in queues] == before
