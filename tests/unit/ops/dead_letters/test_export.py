import dataclasses
import json
import os
import random
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from functions.runtime.json_log import JsonObject
from ops.aws.queues import BYTES_PER_CALL, OutgoingMessage
from ops.commands.return_messages import return_pointers
from ops.dead_letters.export import VISIBILITY_TIMEOUT, ExportReport, export_messages, restore
from ops.errors import DeniedError, ExitCode, WrongUsageError
from ops.job import Job
from tests.support.ops.ops_in_memory import OUTPUTS, StackInMemory, envelope
from tests.support.ops.queue_in_memory import KilledError
from tests.support.records.record_strategies import stream_record

LOCATION = f"s3://{OUTPUTS.failed_records_bucket_name}/failed-records/{0:032x}.json"
"""Of the record at position 0."""


def record(position: int) -> JsonObject:
    return stream_record("INSERT", position, "eve", None, {"userId": {"S": "eve"}})


def work(stack: StackInMemory) -> Job:
    return Job(now=stack.clock.now, sleep=stack.clock.pass_by)


def export(stack: StackInMemory, path: Path, *, remove: bool = False) -> ExportReport:
    return export_messages(stack, path, work(stack), remove=remove)


def lines(path: Path) -> list[Any]:
    """The whole lines of a file; a last one that was cut off is none."""
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def test_killed_at_any_step_each_message_is_in_the_queue_or_in_the_file(tmp_path: Path) -> None:
    steps, killed = 0, True
    while killed:
        stack = StackInMemory(random.Random(steps))  # noqa: S311  a test's dice
        sent = {stack.fail(record(position)) for position in range(25)} | {stack.queue.put("junk")}
        path = tmp_path / f"{steps}.jsonl"
        stack.restart(steps)
        try:
            report = export(stack, path, remove=True)
            killed = False
            assert (report.exported, report.removed, report.complete) == (26, 26, True)
        except KilledError:
            pass
        stack.restart()

        saved = {line["failureId"] for line in lines(path)} if path.exists() else set[str]()
        waiting = {
            json.loads(body)["failureId"] if body != "junk" else "message-000026" for body in stack.queue.bodies()
        }
        assert saved | waiting == sent
        stack.clock.pass_by(VISIBILITY_TIMEOUT + 1)
        assert stack.queue.visible() == len(waiting)
        steps += 1
    assert steps > 20


def test_without_remove_the_queue_is_as_it_was(tmp_path: Path) -> None:
    stack = StackInMemory()
    for position in range(25):
        stack.fail(record(position))

    report = export(stack, tmp_path / "x.jsonl")

    assert (report.exported, report.removed) == (25, 0)
    assert stack.queue.visible() == 25


def test_a_record_in_s3_is_exported_whole_and_restored(tmp_path: Path) -> None:
    stack = StackInMemory()
    large = {"userId": {"S": "eve"}, "biography": {"S": "x" * BYTES_PER_CALL}}
    whole = dataclasses.replace(
        envelope(stream_record("INSERT", 0, "eve", None, large)),
        record_location=LOCATION,
    )
    pointer = dataclasses.replace(whole, record=None).to_json()
    stack.store.objects[LOCATION] = whole.to_json()
    stack.queue.put(pointer, {"kind": "exhausted", "failureId": whole.failure_id})
    path = tmp_path / "x.jsonl"

    export(stack, path, remove=True)
    assert lines(path)[0]["envelope"]["record"] == whole.record
    assert stack.queue.bodies() == []

    stack.store.objects.clear()  # a day after the message's time, S3 forgets what it pointed to
    assert restore(stack, path, work(stack)) == (1, 0, 0)
    assert stack.queue.bodies() == [pointer]
    assert stack.store.objects == {LOCATION: whole.to_json()}


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (None, f"{LOCATION} doesn't exist"),
        ("{}", f"{LOCATION} is not a failed record's envelope"),
    ],
)
def test_the_file_says_when_an_s3_object_is_missing_or_malformed(tmp_path: Path, stored: str | None, said: str) -> None:
    stack = StackInMemory()
    if stored is not None:
        stack.store.objects[LOCATION] = stored
    whole = dataclasses.replace(
        envelope(record(0)),
        record=None,
        record_location=LOCATION,
    )
    stack.queue.put(whole.to_json())

    export(stack, tmp_path / "x.jsonl")

    (line,) = lines(tmp_path / "x.jsonl")
    assert said in line["missing"]
    assert line["envelope"]["recordLocation"] == LOCATION


def made(body: object, attributes: object = None) -> str:
    return json.dumps({"attributes": {} if attributes is None else attributes, "body": body})


NO_LINES = {
    "cut off": "{",
    "a list": "[]",
    "a control character": "\x00",
    "what nests without end": "[" * 100_000,
    "an envelope of another version": '{"attributes": {}, "envelope": {"envelopeVersion": 7}}',
    "no attributes": '{"body": "x"}',
    "attributes in a list": made("x", ["kind"]),
    "an attribute that is a number": made("x", {"kind": 7}),
    "an attribute that is empty": made("x", {"kind": ""}),
    "an attribute without a name": made("x", {"": "lost"}),
    "an attribute with a name of AWS's": made("x", {"AWS.TraceHeader": "lost"}),
    "eleven attributes": made("x", {f"a{number}": "x" for number in range(11)}),
    "an attribute with an escape sequence": made("x", {"kind": "\x1b[31m"}),
    "an attribute of a megabyte": made("x", {"kind": "x" * 1_048_576}),
    "a body that is a list": made(["x"]),
    "an empty body": made(""),
    "a body with an escape sequence": made("\x1b[31m"),
    "a body with half of a surrogate pair": made("\ud800"),
    "a body with what is no character": made("\uffff"),
    "a body of more than a mebibyte": made("x" * 1_048_577),
    "an envelope with a reason of a mebibyte": json.dumps(
        {
            "attributes": {},
            "envelope": json.loads(dataclasses.replace(envelope(record(1)), reason="x" * 2**20).to_json()),
        }
    ),
}


@pytest.mark.parametrize("last", NO_LINES.values(), ids=NO_LINES)
def test_nothing_is_restored_from_a_file_with_a_bad_line(tmp_path: Path, last: str) -> None:
    stack = StackInMemory()
    stack.fail(record(0))
    path = tmp_path / "x.jsonl"
    export(stack, path, remove=True)
    path.write_text(path.read_text() + last)

    with pytest.raises(WrongUsageError, match="line 2"):
        restore(stack, path, work(stack))

    assert stack.queue.bodies() == []


def test_ctrl_c_ends_a_restore_like_any_other_command(
    stack: StackInMemory, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    for position in range(25):
        stack.fail(record(position))
    run("dlq", "export", "x.jsonl", "--remove")
    send = stack.queue.send

    def send_interrupted(messages: Sequence[OutgoingMessage]) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        send(messages)

    monkeypatch.setattr(stack.queue, "send", send_interrupted)
    result = run("dlq", "restore", "x.jsonl")

    expected = {"file": "x.jsonl", "restored": 10, "leftOut": 0, "foreign": 0, "interrupted": True}
    assert json.loads(result.stdout) == expected
    assert result.exit_code == ExitCode.INTERRUPTED
    assert len(stack.queue.bodies()) == 10


def test_no_pointer_is_lost_when_the_return_is_killed() -> None:
    steps, killed = 0, True
    while killed:
        stack = StackInMemory(random.Random(steps))  # noqa: S311  a test's dice
        pointers = {f"pointer {number}" for number in range(15)}
        for pointer in pointers:
            stack.redriven.put(pointer)
        stack.restart(steps)
        try:
            return_pointers(stack, work(stack))
            killed = False
        except KilledError:
            pass
        stack.restart()

        assert {*stack.redriven.bodies(), *stack.failures.bodies()} == pointers
        steps += 1


def test_a_denied_deletion_leaves_all_messages_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = StackInMemory()
    stack.fail(record(0))
    stack.redriven.put("pointer")

    def deny(_receipts: Sequence[str]) -> frozenset[str]:
        raise DeniedError("sqs:DeleteMessage")

    for queue in (stack.queue, stack.redriven):
        monkeypatch.setattr(queue, "delete", deny)

    with pytest.raises(DeniedError):
        export(stack, tmp_path / "x.jsonl", remove=True)
    with pytest.raises(DeniedError):
        return_pointers(stack, work(stack))

    assert (stack.queue.visible(), stack.redriven.visible()) == (1, 1)


def test_an_export_that_could_not_remove_all_is_unfinished(
    stack: StackInMemory, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.fail(record(0))
    monkeypatch.setattr(stack.queue, "delete", frozenset[str])

    result = run("dlq", "export", "x.jsonl", "--remove")

    assert (json.loads(result.stdout)["removed"], result.exit_code) == (0, ExitCode.UNFINISHED)
    assert stack.queue.visible() == 1


def test_more_pointers_than_one_peek_can_take_are_all_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = StackInMemory()
    for number in range(60):
        stack.redriven.put(f"pointer {number}")
    send = stack.failures.send

    def send_slowly(messages: Sequence[OutgoingMessage]) -> None:
        stack.clock.pass_by(20)
        send(messages)

    monkeypatch.setattr(stack.failures, "send", send_slowly)
    done = return_pointers(stack, work(stack))

    assert (done.returned, done.left) == (60, 0)
    assert stack.redriven.bodies() == []


def test_pointers_in_flight_in_a_killed_run_are_not_reported_as_none(
    stack: StackInMemory, run: Callable[..., Result]
) -> None:
    stack.redriven.put("pointer")
    stack.redriven.receive(60)

    result = run("return-pointers", "--table")

    assert "1 pointer in flight elsewhere" in result.stdout
    assert result.exit_code == ExitCode.UNFINISHED


def test_an_export_is_unfinished_while_messages_are_in_flight_elsewhere(
    stack: StackInMemory, run: Callable[..., Result]
) -> None:
    stack.fail(record(0))
    stack.queue.receive(VISIBILITY_TIMEOUT)

    result = run("dlq", "export", "x.jsonl", "--table")

    assert "1 message more in flight elsewhere" in " ".join(result.stdout.split())
    assert result.exit_code == ExitCode.UNFINISHED


def test_what_a_queue_may_hold_is_exported_and_restored_as_it_was(tmp_path: Path) -> None:
    stack = StackInMemory()
    bodies = ["x", "\t\r\n", "\x20", "\x7f\u202e", "\ufffd\U0010ffff", "x" * 1_048_576]
    for body in bodies:
        stack.queue.put(body)
    export(stack, tmp_path / "x.jsonl", remove=True)

    assert restore(stack, tmp_path / "x.jsonl", work(stack)).sent == len(bodies)
    assert sorted(stack.queue.bodies()) == sorted(bodies)


def test_a_record_that_fits_no_message_with_its_attributes_is_restored_in_s3(tmp_path: Path) -> None:
    stack = StackInMemory()
    whole = envelope(record(0))
    whole = dataclasses.replace(whole, reason="x" * (1_048_576 - len(dataclasses.replace(whole, reason="").to_json())))
    attributes = {"kind": "exhausted"}
    line = {"attributes": attributes, "envelope": json.loads(whole.to_json())}
    (tmp_path / "x.jsonl").write_text(json.dumps(line))

    assert restore(stack, tmp_path / "x.jsonl", work(stack)).sent == 1
    (stored,) = stack.store.objects.values()
    assert json.loads(stored)["record"] == whole.record
    (body,) = stack.queue.bodies()
    assert json.loads(body)["record"] is None
