import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from functions.dead_letters.envelope import identify_record
from functions.runtime.json_log import JsonObject
from ops.cli import cli
from ops.context import CommandContext
from ops.errors import CredentialsError, DeniedError, ExitCode, OpsError
from tests.support.ops.declared_consumers import (
    FAN_OUT,
    WELCOME,
    activity_record,
    by_another_function,
    failed_record,
    queue_record,
)
from tests.support.ops.ops_in_memory import StackInMemory, activity_key, sent_records
from tests.support.records.record_strategies import stream_record

Run = Callable[..., Result]


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


def change(position: int, user_id: str = "eve", *, schema_version: int = 1) -> JsonObject:
    new = {
        "userId": {"S": user_id},
        "name": {"S": f"name {position}"},
        "schemaVersion": {"N": str(schema_version)},
    }
    if position == 0:
        return stream_record("INSERT", position, user_id, None, new)
    return stream_record("MODIFY", position, user_id, new | {"name": {"S": f"name {position - 1}"}}, new)


def test_list_groups_failures_by_reason_and_counts_copies_once(stack: StackInMemory, run: Run) -> None:
    stack.fail(change(0), "permanent", "schemaVersion 2 is not supported")
    stack.fail(change(1), "permanent", "schemaVersion 2 is not supported")
    stack.fail(change(1), "permanent", "schemaVersion 2 is not supported")
    stack.fail(change(2), "expired", "too old")
    stack.queue.put("junk")

    found = answer(run("dlq", "list"))

    assert (found["messages"], found["failures"], found["complete"]) == (5, 4, True)
    assert [(group["kind"], group["failures"]) for group in found["groups"]] == [
        ("permanent", 2),
        ("expired", 1),
        ("unreadable", 1),
    ]
    assert sorted(record["copies"] for record in found["records"]) == [1, 1, 1, 2]
    assert stack.queue.visible() == 5


def test_list_reports_messages_in_flight_elsewhere(stack: StackInMemory, run: Run) -> None:
    stack.fail(change(0))
    stack.queue.receive(60)

    result = run("dlq", "list", "--table")

    assert "empty" in result.stdout
    assert "1 message more in flight elsewhere" in result.stdout


def test_list_shows_what_matches(stack: StackInMemory, run: Run) -> None:
    stack.fail(change(0, "adam"))
    stack.fail(change(1, "eve"))

    assert [record["userId"] for record in answer(run("dlq", "list", "--where", "user=eve"))["records"]] == ["eve"]
    assert run("dlq", "list", "--where", "colour=red").exit_code == ExitCode.USAGE


def test_list_has_a_part_for_each_consumer(stack: StackInMemory, run: Run) -> None:
    stack.fail(change(0, "adam"))
    stack.fail_in(WELCOME, queue_record(1), "permanent", "the address is refused")
    stack.fail_in(WELCOME, queue_record(2), "permanent", "the address is refused")
    stack.put(by_another_function(failed_record(queue_record(3), WELCOME), "SomebodysFunction-test"))
    stack.queue.put("junk")

    found, shown = answer(run("dlq", "list")), run("dlq", "list", "--table").stdout

    assert [(one["consumer"], one["failures"]) for one in found["consumers"]] == [
        ("log-user-changes", 1),
        ("welcome-new-users", 2),
        ("unknown", 2),
    ]
    assert {(one["consumer"], one["eventName"]) for one in found["records"]} == {
        ("log-user-changes", "INSERT"),
        ("welcome-new-users", "ADDED"),
        ("unknown", "ADDED"),
        ("unknown", None),
    }
    headings = ["log-user-changes: 1 failed record", "welcome-new-users: 2 failed records", "unknown: 2 failed records"]
    assert sorted(shown.index(heading) for heading in headings) == [shown.index(heading) for heading in headings]
    assert "No declared consumer of this stack has the function SomebodysFunction-test." in shown
    assert "dlq replay --consumer welcome-new-users --dry-run" in shown
    assert "--consumer unknown --dry-run" not in shown


def test_a_consumer_s_failures_are_listed_exported_and_discarded_alone(
    stack: StackInMemory, run: Run, tmp_path: Path
) -> None:
    stack.fail(change(0))
    stack.fail_in(WELCOME, queue_record(1))
    stack.queue.put("junk")

    listed = answer(run("dlq", "list", "--consumer", "welcome-new-users"))
    assert [one["consumer"] for one in listed["records"]] == ["welcome-new-users"]
    assert answer(run("dlq", "export", "one.jsonl", "--consumer", "welcome-new-users"))["exported"] == 1
    assert json.loads((tmp_path / "one.jsonl").read_text())["envelope"]["record"] == queue_record(1)
    assert answer(run("dlq", "discard", "--consumer", "unknown", "--yes"))["removed"] == 1
    assert answer(run("dlq", "discard", "--consumer", "welcome-new-users", "--yes", "--export", "x"))["removed"] == 1
    assert sent_records(stack.queue) == [change(0)]
    assert answer(run("dlq", "restore", "one.jsonl"))["restored"] == 1
    assert answer(run("dlq", "replay", "--all", "--consumer", "welcome-new-users"))["replayed"] == 1

    refused = run("dlq", "list", "--consumer", "nobody")
    assert refused.exit_code == ExitCode.USAGE
    assert "log-user-changes, fan-out-user-changes" in refused.stderr


def test_show_of_a_queue_s_record_names_the_change_and_holds_no_value(stack: StackInMemory, run: Run) -> None:
    failure_id = stack.fail_in(WELCOME, queue_record(7, "eve"))

    found, shown = answer(run("dlq", "show", failure_id)), run("dlq", "show", f"{7:032x}"[:12], "--table").stdout

    assert (found["consumer"], found["changes"], found["replayable"]) == ("welcome-new-users", None, True)
    for part in ("welcome-new-users", "ADDED", "eve", "the user's history does", "activity eve", "dlq replay"):
        assert part in shown
    assert stack.answering == {}


@pytest.mark.parametrize("body", [None, "hello"])
def test_show_names_the_queue_of_a_consumer_s_message_whatever_its_body(
    stack: StackInMemory, run: Run, body: str | None
) -> None:
    failed = failed_record(queue_record(7), WELCOME)
    if body is not None:
        record = {**queue_record(7), "body": body}
        identity = identify_record(record, failed.source_function)
        failed = dataclasses.replace(failed, record=record, **identity._asdict())

    shown = run("dlq", "show", stack.put(failed), "--table").stdout

    assert re.search(r"^queue +arn:aws:sqs:", shown, re.MULTILINE)
    assert not re.search(r"^stream ", shown, re.MULTILINE)


def test_show_of_a_record_of_activity_s_stream_shows_the_user_s_change(stack: StackInMemory, run: Run) -> None:
    failure_id = stack.fail_in(FAN_OUT, activity_record(3))

    assert answer(run("dlq", "show", failure_id))["changes"] == {"name": {"old": "Eve", "new": "Eve Adams"}}
    assert "UPDATED" in run("dlq", "show", failure_id, "--table").stdout


def test_replay_reports_each_consumer(stack: StackInMemory, run: Run) -> None:
    stack.fail(change(0))
    stack.fail_in(WELCOME, queue_record(1))
    stack.fail_in(WELCOME, queue_record(2))
    stack.fail_in(FAN_OUT, activity_record(3))
    stack.answering_function(WELCOME).refusing = {"message-1": "the address is refused"}
    stack.answering_function(FAN_OUT).troubles = ["busy"] * 20

    rehearsed = answer(run("dlq", "replay", "--all", "--dry-run"))
    assert [(one["consumer"], one["wouldReplay"]) for one in rehearsed["consumers"]] == [
        ("log-user-changes", 1),
        ("fan-out-user-changes", 1),
        ("welcome-new-users", 2),
    ]
    result = run("dlq", "replay", "--all")

    assert result.exit_code == ExitCode.UNFINISHED
    assert "Error fan-out-user-changes: The function takes no work" in result.stderr
    by_name = {one["consumer"]: one for one in answer(result)["consumers"]}
    assert (by_name["welcome-new-users"]["replayed"], by_name["welcome-new-users"]["refusedAgain"]) == (1, 1)
    assert by_name["fan-out-user-changes"]["untried"] == 1
    shown = run("dlq", "replay", "--all", "--table").stdout
    assert "welcome-new-users" in shown
    assert "welcome-new-users: 1 record, refused again: the address is refused" in shown


def test_a_reason_that_many_share_is_said_once(stack: StackInMemory, run: Run) -> None:
    records = [change(position, schema_version=2) for position in range(12)]
    ids = [stack.fail(record, "permanent", "schemaVersion 2 is not supported") for record in records]

    for shown in (run("dlq", "list", "--table").stdout, run("dlq", "replay", "--all", "--table").stdout):
        assert shown.count("schemaVersion 2 is not supported") == 1
        assert all(failure_id[:8] in shown for failure_id in ids)


def test_show_prints_the_change_and_where_it_came_from(stack: StackInMemory, run: Run) -> None:
    failure_id = stack.fail(change(3))

    table = run("dlq", "show", failure_id, "--table").stdout
    found = answer(run("dlq", "show", failure_id))

    assert found["changes"] == {"name": {"old": "name 2", "new": "name 3"}}
    assert found["envelope"]["record"] == change(3)
    assert found["replayable"]
    for part in ("name 2", "name 3", "eve", "RetryAttemptsExhausted", "dlq replay"):
        assert part in table
    assert stack.queue.visible() == 1


@pytest.mark.parametrize("body", ["", "no JSON", "[]", '{"envelopeVersion": 9}', "\x1b[31mred\x1b[0m"])
def test_a_message_that_is_no_envelope_is_shown_and_exported_as_it_came(
    stack: StackInMemory, run: Run, tmp_path: Path, body: str
) -> None:
    message_id = stack.queue.put(body)
    stack.fail(change(0))

    listed = run("dlq", "list", "--table")
    shown = run("dlq", "show", message_id, "--table")
    run("dlq", "export", "all.jsonl")

    assert "not a failed record's envelope" in listed.stdout
    assert shown.exit_code == 0
    assert "\x1b" not in shown.stdout
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert sorted(line.get("body", "envelope") for line in lines) == sorted([body, "envelope"])


def test_show_of_a_missing_id_is_refused(run: Run) -> None:
    result = run("dlq", "show", "ffff")

    assert result.exit_code == ExitCode.NOT_FOUND
    assert "Next" in result.stderr


def test_an_ambiguous_id_is_refused(stack: StackInMemory, run: Run) -> None:
    stack.fail(change(1))
    stack.fail(change(2))

    result = run("dlq", "show", "0000")

    assert result.exit_code == ExitCode.USAGE
    assert "beginning of 2 ids" in result.stderr


def test_replay_reports_what_it_did_and_ends_with_an_exit_code_for_it(stack: StackInMemory, run: Run) -> None:
    stack.fail(change(0))
    stack.fail(change(1, "adam", schema_version=2))

    rehearsed = run("dlq", "replay", "--all", "--dry-run")
    assert (rehearsed.exit_code, answer(rehearsed)["wouldReplay"]) == (0, 2)
    assert stack.table.items == {}

    result = run("dlq", "replay", "--all")
    assert result.exit_code == ExitCode.UNFINISHED
    assert (answer(result)["replayed"], answer(result)["refusedAgain"]) == (1, 1)
    assert set(stack.table.items) == {activity_key(change(0))}
    assert "refused again: schemaVersion 2 is not supported" in run("dlq", "replay", "--all", "--table").stdout

    assert run("dlq", "replay", "--where", "user=nobody").exit_code == 0
    assert stack.queue.visible() == 1


@pytest.mark.parametrize("arguments", [[], ["x", "--all"], ["--all", "--where", "kind=lost"]])
def test_replay_takes_exactly_one_selection(run: Run, arguments: list[str]) -> None:
    assert run("dlq", "replay", *arguments).exit_code == ExitCode.USAGE


def test_an_export_is_never_overwritten_and_removes_nothing(stack: StackInMemory, run: Run, tmp_path: Path) -> None:
    stack.fail(change(0))
    (tmp_path / "old.jsonl").write_text("precious")

    assert run("dlq", "export", "old.jsonl").exit_code == ExitCode.USAGE
    assert run("dlq", "export", "nowhere/new.jsonl").exit_code == ExitCode.USAGE
    result = run("dlq", "export", "new.jsonl")

    assert (tmp_path / "old.jsonl").read_text() == "precious"
    assert answer(result) == {
        "file": "new.jsonl",
        "exported": 1,
        "removed": 0,
        "foreign": 0,
        "complete": True,
        "hiddenByOthers": 0,
        "interrupted": False,
    }
    assert stack.queue.visible() == 1
    assert (tmp_path / "new.jsonl").stat().st_mode & 0o777 == 0o600


def test_discard_asks_saves_removes_and_can_be_undone(stack: StackInMemory, run: Run, tmp_path: Path) -> None:
    unwanted = stack.fail(change(0))
    stack.fail(change(1))
    stack.queue.put("junk")

    assert run("dlq", "discard", unwanted, input="n\n").exit_code == ExitCode.UNFINISHED
    assert stack.queue.visible() == 3
    assert list(tmp_path.glob("*.jsonl")) == []

    assert run("dlq", "discard", unwanted, "--export", "one.jsonl", input="y\n").exit_code == 0
    assert answer(run("dlq", "discard", "--all", "--yes", "--export", "rest.jsonl"))["removed"] == 2
    assert stack.queue.bodies() == []

    assert answer(run("dlq", "restore", "one.jsonl"))["restored"] == 1
    assert answer(run("dlq", "restore", "rest.jsonl"))["restored"] == 2
    assert run("dlq", "restore", "nothing.jsonl").exit_code == ExitCode.USAGE
    assert answer(run("dlq", "replay", "--all"))["replayed"] == 2
    assert stack.queue.bodies() == ["junk"]


def test_activity_is_the_newest_first(stack: StackInMemory, run: Run) -> None:
    stack.function.invoke([change(position) for position in range(3)])

    found = answer(run("activity", "eve", "--limit", "2"))
    table = run("activity", "eve", "--table").stdout

    assert [item["changes"]["name"]["new"] for item in found["items"]] == ["name 2", "name 1"]
    assert found["more"]
    assert table.index("name 2") < table.index("ADDED")
    assert run("activity", "nobody").exit_code == ExitCode.NOT_FOUND


@pytest.mark.parametrize("form", ["--json", "--table"])
def test_activity_leaves_out_the_registration_s_digest(stack: StackInMemory, run: Run, form: str) -> None:
    user: JsonObject = {"userId": {"S": "eve"}, "name": {"S": "Eve"}, "registrationDigest": {"S": "5cc21c3e"}}
    stack.function.invoke([stream_record("INSERT", 0, "eve", None, user)])

    shown = run("activity", "eve", form).stdout

    assert "Eve" in shown
    assert "5cc21c3e" not in shown


def test_pointers_go_back_to_the_failure_queue(stack: StackInMemory, run: Run) -> None:
    for number in range(25):
        stack.redriven.put(f"pointer {number}")

    result = run("return-pointers")

    assert answer(result) == {"returned": 25, "left": 0, "hiddenByOthers": 0, "interrupted": False}
    assert stack.redriven.bodies() == []
    assert sorted(stack.failures.bodies()) == sorted(f"pointer {number}" for number in range(25))


def test_backfill_counts_then_sends_and_says_so(
    stack: StackInMemory, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.users.backfill.SETTLE_SECONDS", 0)
    stack.user_table.items = {
        "alice": {"userId": {"S": "alice"}, "createdAt": {"S": "2025-01-01T00:00:00.000Z"}},
        "bob": {"userId": {"S": "bob"}, "createdAt": {"S": "2026-11-24T10:00:00.000Z"}},
    }

    assert answer(run("backfill", "--dry-run"))["backfilled"] == 1
    assert stack.table.items == {}
    result = answer(run("backfill"))
    again = answer(run("backfill"))

    assert (result["backfilled"], result["inStream"], result["finished"]) == (1, 1, True)
    assert (again["backfilled"], again["withHistory"]) == (0, 1)
    assert answer(run("activity", "alice"))["items"][0]["occurredAt"] == "2025-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("error", "code"),
    [(CredentialsError("expired", "sign in"), 3), (DeniedError("sqs:ReceiveMessage"), 5), (OpsError("x"), 1)],
)
def test_an_error_ends_with_its_code_and_its_next_step(error: OpsError, code: int) -> None:
    def fail() -> StackInMemory:
        raise error

    result = CliRunner().invoke(cli, ["status"], obj=CommandContext(fail))

    assert result.exit_code == code
    assert f"Error {error.message}" in result.stderr
    assert error.next_step is None or f"Next  {error.next_step}" in result.stderr
    assert result.stdout == ""


def test_a_character_that_the_terminal_lacks_ends_no_command(stack: StackInMemory) -> None:
    failure_id = stack.fail(change(0, "\u00e9ve \u540d"))

    result = CliRunner(charset="latin-1").invoke(
        cli, ["dlq", "show", failure_id, "--table"], obj=CommandContext(lambda: stack), catch_exceptions=False
    )

    assert "\u00e9ve ?" in result.stdout
