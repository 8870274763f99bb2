"""A message whose record can't be read stops nothing: the others go on, and it can be discarded."""

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ops.errors import CannotReachError, ExitCode
from tests.support.ops.ops_in_memory import OUTPUTS, StackInMemory, envelope
from tests.support.ops.replaying import change, replay

Run = Callable[..., Result]

OWN = f"s3://{OUTPUTS.failed_records_bucket_name}/failed-records/"
PLACE = f"{OWN}{9:032x}.json"
"""Of the record at position 9."""

OUT_OF_REACH = {
    "no address": "failed-records/x.json",
    "no key": "s3://",
    "another bucket": "s3://elsewhere/failed-records/x.json",
    "a bucket that begins as ours": f"s3://{OUTPUTS.failed_records_bucket_name}-2/failed-records/x.json",
    "another prefix": f"s3://{OUTPUTS.failed_records_bucket_name}/site/index.html",
    "the prefix alone": OWN,
    "the place of another record": f"{OWN}{8:032x}.json",
    "gone": PLACE,
    "denied": PLACE,
    "no envelope": PLACE,
}


@pytest.fixture(params=OUT_OF_REACH)
def bad(request: pytest.FixtureRequest, stack: StackInMemory) -> str:
    """Put nine failed records into the queue and one out of reach; return its id."""
    if request.param == "denied":
        stack.store.denied.add(PLACE)
    if request.param == "no envelope":
        stack.store.objects[PLACE] = "hello"
    for position in range(5):
        stack.fail(change(position))
    failed = replace(envelope(change(9)), record=None, record_location=OUT_OF_REACH[request.param])
    stack.put(failed)
    for position in range(5, 9):
        stack.fail(change(position))
    # A message that names a place elsewhere isn't ours, and has its own id.
    return failed.failure_id if failed.record_location == PLACE else "message-000006"


@pytest.mark.usefixtures("bad")
def test_a_replay_leaves_it_and_replays_the_others(stack: StackInMemory, replay_db_path: Path) -> None:
    report = replay(stack, replay_db_path)

    assert (report.error, report.replayed, report.not_replayable) == (None, 9, 1)
    assert stack.queue.visible() == 1
    assert json.loads(stack.queue.bodies()[0])["failureId"] == f"{9:032x}"


def test_an_export_is_complete_and_says_what_is_missing(stack: StackInMemory, run: Run, bad: str) -> None:
    result = run("dlq", "export", "all.jsonl")

    assert result.exit_code == ExitCode.OK, result.output
    lines: list[Any] = [json.loads(line) for line in Path("all.jsonl").read_text().splitlines()]
    assert len(lines) == 10
    assert [line["failureId"] for line in lines if "missing" in line] == [bad]
    assert stack.queue.visible() == 10


@pytest.mark.parametrize("condition", [(), ("--where", "event=MODIFY")])
def test_it_is_listed(run: Run, bad: str, condition: tuple[str, ...]) -> None:
    result = run("dlq", "list", *condition)
    assert result.exit_code in {ExitCode.OK, ExitCode.UNFINISHED}, result.output
    assert bad not in result.stderr


def test_it_is_shown_and_discarded_by_its_id(stack: StackInMemory, run: Run, bad: str) -> None:
    shown = json.loads(run("dlq", "show", bad).stdout)
    discarded = run("dlq", "discard", bad, "--yes", "--export", "bad.jsonl")

    assert shown["missing"]
    assert not shown["replayable"]
    assert discarded.exit_code == ExitCode.OK, discarded.output
    assert len(Path("bad.jsonl").read_text().splitlines()) == 1
    assert stack.queue.visible() == 9


def test_a_replay_that_an_error_ends_hides_no_message(
    stack: StackInMemory, replay_db_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = replace(envelope(change(0)), record=None, record_location=f"{OWN}{0:032x}.json")
    for _ in range(30):
        stack.put(whole)

    def unreachable(_location: str) -> str:
        raise CannotReachError("No answer")

    monkeypatch.setattr(stack.store, "fetch", unreachable)
    report = replay(stack, replay_db_path)

    assert isinstance(report.error, CannotReachError)
    assert stack.queue.visible() == 30


def test_an_export_that_a_full_disk_ends_can_be_run_again(
    stack: StackInMemory, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for position in range(3):
        stack.fail(change(position))
    with monkeypatch.context() as patch:

        def refuse(_descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        patch.setattr("ops.dead_letters.export.os.fsync", refuse)
        failed = run("dlq", "export", "all.jsonl", "--remove")
    assert failed.exit_code == ExitCode.UNFINISHED
    assert "make room" in failed.stderr
    assert not Path("all.jsonl").exists()
    assert stack.queue.visible() == 3

    again = run("dlq", "export", "all.jsonl", "--remove")

    assert again.exit_code == ExitCode.OK, again.output
    assert stack.queue.bodies() == []


def test_what_was_removed_before_an_error_stays_in_the_file(
    stack: StackInMemory, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second round of an export of more messages than may be in flight fails."""
    monkeypatch.setattr("ops.dead_letters.peek.MAX_IN_FLIGHT", 10)
    for position in range(25):
        stack.fail(change(position))
    receive, delete = stack.queue.receive, stack.queue.delete
    deleted: list[str] = []

    def delete_some(receipts: Any) -> frozenset[str]:
        deleted.extend(receipts)
        return delete(receipts)

    def receive_at_first(visibility_timeout: int) -> Any:
        if deleted:
            raise CannotReachError("No answer")
        return receive(visibility_timeout)

    monkeypatch.setattr(stack.queue, "delete", delete_some)
    monkeypatch.setattr(stack.queue, "receive", receive_at_first)
    result = run("dlq", "export", "all.jsonl", "--remove")

    assert result.exit_code == ExitCode.CANNOT_REACH
    lines = Path("all.jsonl").read_text().splitlines()
    assert len(lines) == len(deleted) > 0
    assert all(json.loads(line)["envelope"] for line in lines)
    assert len(stack.queue.bodies()) == 25 - len(deleted)


def test_a_large_record_is_restored_to_its_own_place_whatever_the_file_says(stack: StackInMemory, run: Run) -> None:
    """Not into another bucket, nor over another record's object."""
    large = {"userId": {"S": "eve"}, "photo": {"S": "x" * 1_100_000}}
    record = change(0)
    record["dynamodb"]["NewImage"] = large
    lines: list[Any] = []
    for location in ("s3://elsewhere/failed-records/x.json", PLACE, None):
        failed = replace(envelope(record), record_location=location)
        lines.append({"attributes": {}, "envelope": json.loads(failed.to_json())})
    Path("export.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    result = run("dlq", "restore", "export.jsonl")

    assert result.exit_code == ExitCode.OK, result.output
    assert list(stack.store.objects) == [f"{OWN}{0:032x}.json"]
    assert {json.loads(body)["recordLocation"] for body in stack.queue.bodies()} == {f"{OWN}{0:032x}.json"}


def test_what_is_discarded_lies_outside_the_project(
    stack: StackInMemory, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    monkeypatch.chdir(checkout)
    stack.fail(change(0))

    discarded = json.loads(run("dlq", "discard", "--all", "--yes").stdout)

    assert list(checkout.iterdir()) == []
    saved = Path(discarded["file"])
    assert saved.parent == tmp_path / "state"
    assert saved.stat().st_mode & 0o777 == 0o600
    assert len(saved.read_text().splitlines()) == 1
