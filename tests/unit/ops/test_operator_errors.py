"""What a command does after a typing error, a Ctrl-C, in a narrow terminal, and on a full disk."""

import errno
import io
import json
import os
import shlex
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from functions.runtime.json_log import JsonObject
from ops.aws.cloudwatch import MappingState
from ops.aws.queues import Message
from ops.errors import DeniedError, ExitCode
from ops.job import STATE_VARIABLE
from ops.users.backfill import BackfillCheckpoint, write_checkpoint
from tests.support.ops.ops_in_memory import OUTPUTS, StackInMemory, envelope
from tests.support.records.record_strategies import stream_record

LOCATION = f"s3://{OUTPUTS.failed_records_bucket_name}/failed-records/{0:032x}.json"
"""Of the record at position 0."""

Run = Callable[..., Result]

DENIED = DeniedError("Denied: lambda:ListEventSourceMappings on the event source mapping", "have it allowed")


def record(position: int) -> JsonObject:
    return stream_record("INSERT", position, f"user {position}", None, {"userId": {"S": f"user {position}"}})


class CtrlC(io.BytesIO):
    """What a terminal gives to a program that waits for an answer, and is sent Ctrl-C."""

    def read1(self, _size: int | None = -1, /) -> bytes:
        raise KeyboardInterrupt


def test_an_unknown_kind_is_refused(stack: StackInMemory, run: Run) -> None:
    stack.fail(record(0))

    result = run("dlq", "replay", "--where", "kind=permament")

    assert result.exit_code == ExitCode.USAGE
    assert "kinds: permanent, exhausted, expired, lost, foreign, unreadable" in result.stderr


@pytest.mark.parametrize("command", [["discard", "--yes"], ["replay"], ["show"]])
def test_an_empty_id_is_refused(stack: StackInMemory, run: Run, command: list[str]) -> None:
    stack.fail(record(0))

    assert run("dlq", *command, "").exit_code == ExitCode.USAGE
    assert stack.queue.visible() == 1


@pytest.mark.parametrize("command", ["backfill", "verify"])
@pytest.mark.parametrize("rate", ["nan", "0", "-1", "fast"])
def test_a_wrong_rate_is_refused(run: Run, command: str, rate: str) -> None:
    assert run(command, "--rate", rate).exit_code == ExitCode.USAGE


def test_a_queue_without_a_match_is_told_apart_from_an_empty_queue(stack: StackInMemory, run: Run) -> None:
    assert "Nothing to replay." in run("dlq", "replay", "--all", "--table").stdout
    stack.fail(record(0))

    assert "none of the 1 in the queue matches" in run("dlq", "replay", "--where", "kind=lost", "--table").stdout


def test_list_proposes_a_replay_of_the_same_selection(stack: StackInMemory, run: Run) -> None:
    stack.fail(record(0), reason="it's odd")

    shown = run("dlq", "list", "--where", "reason~it's odd", "--table").stdout

    assert """dlq replay --where 'reason~it'"'"'s odd' --dry-run""" in shown


def test_a_message_without_a_record_is_not_proposed_for_a_replay(stack: StackInMemory, run: Run) -> None:
    stack.queue.put("junk")

    assert "dlq discard --all" in run("dlq", "list", "--table").stdout
    assert "--stack test dlq list" in run("dlq", "replay", "--all", "--table").stdout


def test_a_dry_run_ends_with_the_command_to_run(stack: StackInMemory, run: Run) -> None:
    failure_id = stack.fail(record(0), reason="it broke")

    for chosen in ([failure_id], ["--all"], ["--where", "kind=exhausted,reason~it broke"]):
        shown = run("dlq", "replay", *chosen, "--dry-run", "--table").stdout
        (command,) = [line.partition("python -m ops --stack test ")[2] for line in shown.splitlines() if "Next" in line]
        assert run(*shlex.split(command), "--dry-run").stdout == run("dlq", "replay", *chosen, "--dry-run").stdout
    assert stack.queue.visible() == 1


def test_a_stopped_list_is_incomplete_and_releases_all_messages(
    stack: StackInMemory, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for position in range(50):
        stack.fail(record(position))
    receive = stack.queue.receive

    def receive_interrupted(visibility_timeout: int) -> Sequence[Message]:
        os.kill(os.getpid(), signal.SIGINT)
        return receive(visibility_timeout)

    monkeypatch.setattr(stack.queue, "receive", receive_interrupted)
    result = run("dlq", "list")

    assert result.exit_code == ExitCode.INTERRUPTED
    assert not json.loads(result.stdout)["complete"]
    assert stack.queue.visible() == 50


def test_a_question_without_an_answer_is_a_no_that_names_the_option_for_scripts(stack: StackInMemory, run: Run) -> None:
    stack.fail(record(0))

    result = run("dlq", "discard", "--all", input="")

    assert result.exit_code == ExitCode.USAGE
    assert "--yes" in result.stderr
    assert stack.queue.visible() == 1


def test_ctrl_c_at_the_question_ends_like_any_ctrl_c(stack: StackInMemory, run: Run) -> None:
    stack.fail(record(0))

    assert run("dlq", "discard", "--all", input=CtrlC()).exit_code == ExitCode.INTERRUPTED
    assert stack.queue.visible() == 1


def test_a_discard_of_nothing_names_no_file(run: Run) -> None:
    assert json.loads(run("dlq", "discard", "--all", "--yes").stdout)["file"] is None


def test_a_condition_on_the_event_reads_records_in_s3(stack: StackInMemory, run: Run) -> None:
    whole = replace(envelope(record(0)), record_location=LOCATION)
    stack.store.objects[LOCATION] = whole.to_json()
    stack.queue.put(replace(whole, record=None).to_json())

    assert json.loads(run("dlq", "list", "--where", "event=INSERT").stdout)["failures"] == 1
    assert json.loads(run("dlq", "discard", "--where", "event!=INSERT", "--yes").stdout)["removed"] == 0
    assert json.loads(run("dlq", "replay", "--where", "event!=INSERT").stdout)["replayed"] == 0
    assert json.loads(run("dlq", "replay", "--where", "event=INSERT").stdout)["replayed"] == 1


def test_a_discard_that_could_not_read_all_is_unfinished(stack: StackInMemory, run: Run) -> None:
    stack.fail(record(0))
    stack.queue.receive(60)

    nothing = run("dlq", "discard", "--all", "--yes")
    failure_id = stack.fail(record(1))
    one_of_two = run("dlq", "discard", "--all", "--yes", "--export", "x.jsonl")

    assert nothing.exit_code == one_of_two.exit_code == ExitCode.UNFINISHED
    assert (json.loads(nothing.stdout)["removed"], json.loads(one_of_two.stdout)["removed"]) == (0, 1)
    assert not json.loads(nothing.stdout)["complete"]
    assert json.loads(nothing.stdout)["hiddenByOthers"] == json.loads(one_of_two.stdout)["hiddenByOthers"] == 1
    assert "in flight elsewhere" in nothing.stderr
    assert failure_id in (Path("x.jsonl")).read_text()

    named = stack.fail(record(2))
    assert run("dlq", "discard", named, "--yes", "--export", "y.jsonl").exit_code == ExitCode.OK


def test_a_replay_tells_an_empty_queue_from_one_in_flight_elsewhere(stack: StackInMemory, run: Run) -> None:
    stack.fail(record(0))
    stack.queue.receive(60)

    result = run("dlq", "replay", "--all", "--table")

    assert result.exit_code == ExitCode.UNFINISHED
    assert "Nothing to replay now. 1 message more in flight elsewhere" in " ".join(result.stdout.split())

    named = stack.fail(record(1))
    stack.fail(record(2))
    assert run("dlq", "replay", named).exit_code == ExitCode.OK
    rest = run("dlq", "replay", "--all")
    assert (json.loads(rest.stdout)["replayed"], json.loads(rest.stdout)["hiddenByOthers"]) == (1, 1)
    assert rest.exit_code == ExitCode.UNFINISHED


def test_a_failed_export_leaves_no_empty_file(
    stack: StackInMemory, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_hide_seconds: int) -> Sequence[Message]:
        raise DENIED

    with monkeypatch.context() as trouble:
        trouble.setattr(stack.queue, "receive", refuse)
        assert run("dlq", "export", "new.jsonl").exit_code == ExitCode.DENIED
    assert not (tmp_path / "new.jsonl").exists()

    assert run("dlq", "export", "new.jsonl").exit_code == 0


def test_restore_of_another_file_says_which_it_takes(run: Run, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# userstream\n")

    assert "name a file that `dlq export` or `dlq discard` wrote" in run("dlq", "restore", "README.md").stderr


@pytest.mark.parametrize("restart", [[], ["--restart"]])
def test_backfill_never_overwrites_a_file_that_is_no_checkpoint(run: Run, tmp_path: Path, restart: list[str]) -> None:
    (tmp_path / "README.md").write_text("# userstream\n")

    result = run("backfill", "--checkpoint", "README.md", *restart)

    assert result.exit_code == ExitCode.USAGE
    assert "README.md is no checkpoint of a backfill" in result.stderr
    assert (tmp_path / "README.md").read_text() == "# userstream\n"


def test_backfill_restarts_from_a_checkpoint_of_another_stack_only_on_request(run: Run, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "x.json", BackfillCheckpoint(stream_arn="another", scanned=7))

    assert run("backfill", "--checkpoint", "x.json").exit_code == ExitCode.USAGE
    assert json.loads(run("backfill", "--checkpoint", "x.json", "--restart").stdout)["scanned"] == 0


def test_backfill_sends_nothing_when_it_cannot_write_its_checkpoint(
    stack: StackInMemory, run: Run, tmp_path: Path
) -> None:
    stack.user_table.items = {"alice": {"userId": {"S": "alice"}, "createdAt": {"S": "2025-01-01T00:00:00.000Z"}}}
    (tmp_path / "x.json.new").mkdir()  # where the new checkpoint is written, before it takes its place

    result = run("backfill", "--checkpoint", "x.json")

    assert result.exit_code == ExitCode.USAGE
    assert "can't be written" in result.stderr
    assert stack.table.items == {}


def test_a_state_folder_that_cannot_be_made_is_reported(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "file"))

    result = run("dlq", "replay", "--all")

    assert result.exit_code == ExitCode.USAGE
    assert STATE_VARIABLE in result.stderr


def test_a_full_disk_is_reported(stack: StackInMemory, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    stack.fail(record(0))
    monkeypatch.setattr(os, "fsync", refuse)

    result = run("dlq", "export", "new.jsonl", "--remove")

    assert result.exit_code == ExitCode.UNFINISHED
    assert "No space left on device" in result.stderr
    assert "Next" in result.stderr
    assert stack.queue.visible() == 1


def test_a_mapping_that_may_not_be_read_is_not_reported_as_missing(
    stack: StackInMemory, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_function_name: str) -> Sequence[MappingState]:
        raise DENIED

    monkeypatch.setattr(stack.monitored, "mappings", refuse)

    attention = json.loads(run("status").stdout)["attention"]
    backfill = run("backfill")

    assert attention == [DENIED.message]
    assert backfill.exit_code == ExitCode.DENIED
    assert "have it allowed" in backfill.stderr


def test_ids_and_commands_stay_whole_in_a_narrow_terminal(
    stack: StackInMemory, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure_id = stack.fail(record(0))
    monkeypatch.setattr("ops.output.WIDTH_WITHOUT_TERMINAL", 40)

    listed = run("dlq", "list", "--table").stdout
    shown = run("dlq", "show", failure_id, "--table").stdout

    assert failure_id[:8] in listed.split()
    assert f"python -m ops --stack test dlq show {failure_id[:8]}" in listed
    assert f"python -m ops --stack test dlq replay --dry-run {failure_id}" in shown
