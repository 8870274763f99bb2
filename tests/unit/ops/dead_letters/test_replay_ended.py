"""A replay that is stopped or killed, whose holds run out, or whose messages the queue doesn't let go."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from ops.dead_letters.replay import Replay
from ops.dead_letters.replay_db import Spool
from ops.dead_letters.selection import Selection
from ops.errors import OpsError
from ops.job import LongWork
from tests.support.ops_in_memory import StackInMemory
from tests.support.queue_in_memory import KilledError
from tests.support.replaying import EVERYTHING, change, replay


def test_ctrl_c_keeps_what_is_done_and_gives_back_the_rest(stack: StackInMemory, spool_path: Path) -> None:
    for position in range(10):
        stack.fail(change(position))

    report = replay(stack, spool_path, batch_size=4, stop_after=1)

    assert (report.replayed, report.untried, report.interrupted) == (4, 6, True)
    assert stack.queue.visible() == 6
    assert replay(stack, spool_path).replayed == 6


def test_ctrl_c_while_the_function_is_busy_is_no_failure(stack: StackInMemory, spool_path: Path) -> None:
    stack.fail(change(0))
    stack.function.troubles = ["busy", "busy"]

    report = replay(stack, spool_path, stop_after=2)

    assert (report.error, report.interrupted, report.untried) == (None, True, 1)
    assert stack.queue.visible() == 1


@pytest.mark.parametrize(("refusals", "left"), [(1, 0), (1000, 3)])
def test_what_the_queue_does_not_let_go_is_tried_again_or_told_as_left(
    stack: StackInMemory, spool_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: int, left: int
) -> None:
    for position in range(3):
        stack.fail(change(position))
    remove, tries = stack.queue.remove, itertools.count()

    def remove_later(receipts: Sequence[str]) -> frozenset[str]:
        return frozenset(receipts) if next(tries) < refusals else remove(receipts)

    monkeypatch.setattr(stack.queue, "remove", remove_later)

    report = replay(stack, spool_path)

    assert (report.replayed, report.left, report.not_removed) == (3, left, left)
    assert (len(stack.queue.bodies()), stack.queue.visible()) == (left, left)
    monkeypatch.undo()
    assert replay(stack, spool_path).left == 0
    assert stack.queue.bodies() == []


def test_ctrl_c_before_an_id_is_met_does_not_say_that_it_is_not_there(stack: StackInMemory, spool_path: Path) -> None:
    there = stack.fail(change(0))

    report = replay(stack, spool_path, Selection(ids=(there,)), stop_after=0)

    assert (report.error, report.interrupted) == (None, True)
    assert stack.queue.visible() == 1


def test_a_hold_that_runs_out_is_prolonged(stack: StackInMemory, spool_path: Path) -> None:
    for position in range(30):
        stack.fail(change(position))
    visible: list[int] = []

    def take_long() -> None:
        stack.clock.pass_by(200)
        visible.append(stack.queue.visible())

    stack.function.before = take_long
    report = replay(stack, spool_path, batch_size=1)

    assert report.replayed == 30
    assert not any(visible)


def test_a_rehearsal_that_is_killed_hides_nothing_for_longer_than_a_look(
    stack: StackInMemory, spool_path: Path
) -> None:
    for position in range(30):
        stack.fail(change(position))
    spool = Spool(spool_path)
    work = LongWork(
        stop=lambda: False, meter=lambda _done, _total: None, now=stack.clock.now, sleep=stack.clock.pass_by
    )
    stack.restart(25)

    with pytest.raises(KilledError):
        Replay(stack, EVERYTHING, spool, work, batch_size=100).rehearse(20)

    stack.restart()
    spool.close()
    assert stack.queue.visible() < 30
    stack.clock.pass_by(60)
    assert stack.queue.visible() == 30


def test_a_second_replay_on_this_machine_is_refused(spool_path: Path) -> None:
    spool = Spool(spool_path)

    with pytest.raises(OpsError, match="Another replay of this stack"):
        Spool(spool_path)
    spool.close()
    Spool(spool_path).close()


def test_a_spool_that_the_machine_s_end_broke_is_begun_anew(stack: StackInMemory, spool_path: Path) -> None:
    stack.fail(change(0))
    spool_path.write_bytes(b"no database" * 1000)

    assert replay(stack, spool_path).replayed == 1
