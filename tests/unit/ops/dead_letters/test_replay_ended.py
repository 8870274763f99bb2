"""A replay that is stopped or killed, or whose messages become visible or stay."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from ops.dead_letters.replay import Replay
from ops.dead_letters.replay_db import ReplayDb
from ops.dead_letters.selection import Selection
from ops.errors import OpsError
from ops.job import Job
from tests.support.ops.ops_in_memory import StackInMemory
from tests.support.ops.queue_in_memory import KilledError
from tests.support.ops.replaying import EVERYTHING, change, replay


def test_ctrl_c_keeps_what_is_done_and_releases_the_rest(stack: StackInMemory, replay_db_path: Path) -> None:
    for position in range(10):
        stack.fail(change(position))

    report = replay(stack, replay_db_path, batch_size=4, stop_after=1)

    assert (report.replayed, report.untried, report.interrupted) == (4, 6, True)
    assert stack.queue.visible() == 6
    assert replay(stack, replay_db_path).replayed == 6


def test_ctrl_c_while_the_function_is_busy_is_no_failure(stack: StackInMemory, replay_db_path: Path) -> None:
    stack.fail(change(0))
    stack.function.troubles = ["busy", "busy"]

    report = replay(stack, replay_db_path, stop_after=2)

    assert (report.error, report.interrupted, report.untried) == (None, True, 1)
    assert stack.queue.visible() == 1


@pytest.mark.parametrize(("refusals", "left"), [(1, 0), (1000, 3)])
def test_a_message_that_the_queue_keeps_is_deleted_later_or_counted_as_left(
    stack: StackInMemory, replay_db_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: int, left: int
) -> None:
    for position in range(3):
        stack.fail(change(position))
    remove, tries = stack.queue.delete, itertools.count()

    def remove_later(receipts: Sequence[str]) -> frozenset[str]:
        return frozenset(receipts) if next(tries) < refusals else remove(receipts)

    monkeypatch.setattr(stack.queue, "delete", remove_later)

    report = replay(stack, replay_db_path)

    assert (report.replayed, report.left, report.not_removed) == (3, left, left)
    assert (len(stack.queue.bodies()), stack.queue.visible()) == (left, left)
    monkeypatch.undo()
    assert replay(stack, replay_db_path).left == 0
    assert stack.queue.bodies() == []


def test_ctrl_c_before_an_id_is_found_does_not_say_that_it_is_missing(
    stack: StackInMemory, replay_db_path: Path
) -> None:
    there = stack.fail(change(0))

    report = replay(stack, replay_db_path, Selection(ids=(there,)), stop_after=0)

    assert (report.error, report.interrupted) == (None, True)
    assert stack.queue.visible() == 1


def test_a_visibility_timeout_that_runs_out_is_extended(stack: StackInMemory, replay_db_path: Path) -> None:
    for position in range(30):
        stack.fail(change(position))
    visible: list[int] = []

    def take_long() -> None:
        stack.clock.pass_by(200)
        visible.append(stack.queue.visible())

    stack.function.before = take_long
    report = replay(stack, replay_db_path, batch_size=1)

    assert report.replayed == 30
    assert not any(visible)


def test_a_killed_dry_run_hides_nothing_for_longer_than_a_peek(stack: StackInMemory, replay_db_path: Path) -> None:
    for position in range(30):
        stack.fail(change(position))
    replay_db = ReplayDb(replay_db_path)
    work = Job(now=stack.clock.now, sleep=stack.clock.pass_by)
    stack.restart(25)

    with pytest.raises(KilledError):
        Replay(stack, EVERYTHING, replay_db, work, batch_size=100).dry_run(20)

    stack.restart()
    replay_db.close()
    assert stack.queue.visible() < 30
    stack.clock.pass_by(60)
    assert stack.queue.visible() == 30


def test_a_second_replay_on_this_machine_is_refused(replay_db_path: Path) -> None:
    replay_db = ReplayDb(replay_db_path)

    with pytest.raises(OpsError, match="Another replay of this stack"):
        ReplayDb(replay_db_path)
    replay_db.close()
    ReplayDb(replay_db_path).close()


def test_a_corrupt_replay_database_is_replaced(stack: StackInMemory, replay_db_path: Path) -> None:
    stack.fail(change(0))
    replay_db_path.write_bytes(b"no database" * 1000)

    assert replay(stack, replay_db_path).replayed == 1
