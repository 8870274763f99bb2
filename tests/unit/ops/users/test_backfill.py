"""A long backfill: a stop ends it soon, and it checks the delivery in every round."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ops.job import Job
from ops.users.backfill import Backfill, BackfillReport
from tests.support.ops.ops_in_memory import OUTPUTS, StackInMemory
from tests.support.ops.queue_in_memory import NOON

BEFORE = {"createdAt": {"S": "2025-01-01T00:00:00.000Z"}}


def add_users(stack: StackInMemory, number: int) -> None:
    stack.user_table.items = {f"user-{n:03}": {"userId": {"S": f"user-{n:03}"}, **BEFORE} for n in range(number)}


def backfill(stack: StackInMemory, folder: Path, rate: float, stop: Callable[[], bool]) -> BackfillReport:
    work = Job(stop_requested=stop, now=stack.clock.now, sleep=stack.clock.pass_by)
    return Backfill(stack, folder / "checkpoint.json", work, users_per_second=rate).run()


def test_a_stop_ends_the_run_within_a_second_however_low_the_rate(stack: StackInMemory, tmp_path: Path) -> None:
    add_users(stack, 30)
    asked_at = NOON + 60.5

    report = backfill(stack, tmp_path, 0.1, lambda: stack.clock.now() >= asked_at)

    assert stack.clock.now() <= asked_at + 1
    assert not report.finished
    assert [len(batch) for batch in stack.function.invocations] == [1] * 6  # one each 10 s, after a pause as long
    assert report.checkpoint.backfilled == len(stack.table.items) == 6
    assert backfill(stack, tmp_path, 500, lambda: False).checkpoint.backfilled == 30


def test_a_stop_ends_the_pause_before_histories_are_read(stack: StackInMemory, tmp_path: Path) -> None:
    add_users(stack, 3)

    backfill(stack, tmp_path, 500, lambda: stack.clock.now() >= NOON + 2)

    assert stack.clock.now() <= NOON + 3
    assert stack.table.items == {}


def test_a_delivery_that_falls_behind_ends_the_backfill(
    stack: StackInMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.users.backfill.USERS_PER_ROUND", 3)
    add_users(stack, 9)
    stack.function.before = lambda: stack.monitored.figures.update(
        {f"IteratorAge {OUTPUTS.log_user_changes_function_name}": 90_000.0}
    )

    report = backfill(stack, tmp_path, 500, lambda: False)

    assert report.error
    assert "changes are delivered 90 s late" in report.error.message
    assert len(stack.function.invocations) == 1

    stack.function.before = lambda: None
    stack.monitored.figures.clear()
    assert backfill(stack, tmp_path, 500, lambda: False).checkpoint.backfilled == 9
