import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from functions.json_types import JsonObject
from ops.errors import NotFoundError, OpsError
from ops.long_work import LongWork
from ops.redelivery import Outcome
from ops.replay import Replay, ReplayReport
from ops.selection import Selection
from ops.spool import Spool
from tests.ops_in_memory import KilledError, StackInMemory, effect_key, envelope, sent_records
from tests.record_strategies import stream_record

EVERYTHING = Selection()


def image(user_id: str, name: str, *, schema_version: int = 1) -> JsonObject:
    return {"userId": {"S": user_id}, "name": {"S": name}, "schemaVersion": {"N": str(schema_version)}}


def change(position: int, user_id: str = "eve", *, schema_version: int = 1) -> JsonObject:
    new = image(user_id, f"name {position}", schema_version=schema_version)
    if position == 0:
        return stream_record("INSERT", position, user_id, None, new)
    return stream_record("MODIFY", position, user_id, image(user_id, f"name {position - 1}"), new)


@pytest.fixture
def stack() -> StackInMemory:
    return StackInMemory()


@pytest.fixture
def spool_path(tmp_path: Path) -> Path:
    return tmp_path / "spool.sqlite"


def replay(
    stack: StackInMemory,
    path: Path,
    selection: Selection = EVERYTHING,
    *,
    batch_size: int = 100,
    stop_after: int = 1000,
) -> ReplayReport:
    spool = Spool(path)
    work = LongWork(
        stop=lambda: len(stack.function.invocations) >= stop_after,
        meter=lambda _done, _total: None,
        now=stack.clock.now,
        sleep=stack.clock.pass_by,
    )
    try:
        return Replay(stack, selection, spool, work, batch_size=batch_size).run()
    finally:
        spool.close()


def test_failed_records_are_processed_in_order_and_removed(stack: StackInMemory, spool_path: Path) -> None:
    records = [change(position) for position in range(40)]
    for record in reversed(records):
        stack.fail(record)

    report = replay(stack, spool_path, batch_size=15)

    assert (report.replayed, report.left, report.error) == (40, 0, None)
    assert stack.queue.bodies() == []
    assert [len(batch) for batch in stack.function.invocations] == [15, 15, 10]
    assert [record for batch in stack.function.invocations for record in batch] == records
    assert set(stack.table.items) == {effect_key(record) for record in records}


def test_a_replayed_old_version_leaves_what_the_user_did_since(stack: StackInMemory, spool_path: Path) -> None:
    old, newer = change(1), change(2)
    stack.function.invoke([newer])
    since = dict(stack.table.items)
    stack.fail(old)

    replay(stack, spool_path)

    assert stack.table.items.keys() == {effect_key(old), effect_key(newer)}
    assert stack.table.items[effect_key(newer)] == since[effect_key(newer)]
    assert max(stack.table.items) == effect_key(newer)


def test_a_record_that_is_set_aside_again_stays_once(stack: StackInMemory, spool_path: Path) -> None:
    poison = change(0, schema_version=2)
    stack.fail(poison, "permanent", "an older reason")

    for _ in range(3):
        stack.clock.pass_by(1)
        report = replay(stack, spool_path)
        assert report.counts == {Outcome.REFUSED: 1}
        assert report.left == 1
        assert "schemaVersion 2 is not supported" in report.failures[0].detail
        assert sent_records(stack.queue) == [poison]
        assert stack.queue.visible() == 1
    assert stack.table.items == {}


def test_copies_of_one_failure_are_replayed_once(stack: StackInMemory, spool_path: Path) -> None:
    for kind in ("exhausted", "expired", "exhausted"):
        stack.fail(change(3), kind)

    report = replay(stack, spool_path)

    assert (report.replayed, report.copies_removed) == (1, 2)
    assert stack.function.invocations == [[change(3)]]
    assert stack.queue.bodies() == []


def test_a_record_that_crashes_the_function_is_isolated(stack: StackInMemory, spool_path: Path) -> None:
    records = [change(position, f"user {position % 4}") for position in range(16)]
    for record in records:
        stack.fail(record)
    stack.function.crashing = {records[5]["dynamodb"]["SequenceNumber"]}

    report = replay(stack, spool_path)

    stuck = [records[position] for position in (5, 9, 13)]
    assert report.counts == {Outcome.REPLAYED: 13, Outcome.FAILED: 1, Outcome.WAITING: 2}
    assert sorted(map(str, sent_records(stack.queue))) == sorted(map(str, stuck))
    assert stack.queue.visible() == 3

    stack.function.crashing.clear()
    assert replay(stack, spool_path).replayed == 3
    assert stack.queue.bodies() == []


def test_a_busy_function_is_waited_for(stack: StackInMemory, spool_path: Path) -> None:
    stack.fail(change(0))
    stack.function.troubles = ["busy", "busy", "late"]

    report = replay(stack, spool_path)

    assert (report.replayed, report.error) == (1, None)
    assert stack.queue.bodies() == []


def test_a_function_that_stays_busy_ends_the_replay_with_all_kept(stack: StackInMemory, spool_path: Path) -> None:
    stack.fail(change(0))
    stack.function.troubles = ["busy"] * 50

    report = replay(stack, spool_path)

    assert isinstance(report.error, OpsError)
    assert "takes no work" in report.error.message
    assert report.untried == 1
    assert stack.queue.visible() == 1


def test_a_function_that_fails_everything_is_not_asked_for_each_record(stack: StackInMemory, spool_path: Path) -> None:
    for position in range(200):
        stack.fail(change(position, f"user {position}"))
    stack.function.troubles = ["crash"] * 1000

    report = replay(stack, spool_path)

    assert report.error is not None
    assert "10 records in a row failed" in report.error.message
    assert len(stack.function.invocations) < 40
    assert stack.queue.visible() == 200


def test_a_throttled_table_is_tried_again_from_where_it_stopped(stack: StackInMemory, spool_path: Path) -> None:
    records = [change(position) for position in range(8)]
    for record in records:
        stack.fail(record)
    stack.function.troubles = ["throttle", "throttle"]

    report = replay(stack, spool_path)

    assert report.replayed == 8
    assert [len(batch) for batch in stack.function.invocations] == [8, 4, 2]


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


def test_only_what_was_chosen_is_touched(stack: StackInMemory, spool_path: Path) -> None:
    chosen = stack.fail(change(0, "adam"))
    stack.fail(change(1, "eve"), "expired", "too old")

    assert replay(stack, spool_path, Selection(ids=(chosen[:31],))).error is not None
    assert replay(stack, spool_path, Selection(ids=(chosen,))).replayed == 1
    assert stack.queue.visible() == 1
    assert replay(stack, spool_path, Selection.of((), ("kind=expired,reason~OLD",), everything=False)).replayed == 1


def test_an_id_that_is_not_there_ends_it_before_anything_is_done(stack: StackInMemory, spool_path: Path) -> None:
    there = stack.fail(change(0))

    report = replay(stack, spool_path, Selection(ids=(there, "ffff")))

    assert isinstance(report.error, NotFoundError)
    assert "ffff" in report.error.message
    assert stack.function.invocations == []
    assert stack.queue.visible() == 1


def test_ctrl_c_before_an_id_is_met_does_not_say_that_it_is_not_there(stack: StackInMemory, spool_path: Path) -> None:
    there = stack.fail(change(0))

    report = replay(stack, spool_path, Selection(ids=(there,)), stop_after=0)

    assert (report.error, report.interrupted) == (None, True)
    assert stack.queue.visible() == 1


def test_what_holds_no_record_is_counted_and_left(stack: StackInMemory, spool_path: Path) -> None:
    stack.fail(None, "lost", "trimmed before the rescue")
    stack.fail({"eventID": "x"})
    stack.queue.put("not an envelope")
    stack.fail(change(0))

    report = replay(stack, spool_path)

    assert (report.replayed, report.not_replayable, report.left) == (1, 3, 3)
    assert stack.queue.visible() == 3


def test_an_envelope_that_lies_in_s3_is_fetched(stack: StackInMemory, spool_path: Path) -> None:
    whole = dataclasses.replace(envelope(change(0)), record_location="s3://bucket/key")
    stack.store.objects["s3://bucket/key"] = whole.to_json()
    stack.queue.put(dataclasses.replace(whole, record=None).to_json())

    assert replay(stack, spool_path).replayed == 1
    assert stack.queue.bodies() == []


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


def test_a_queue_larger_than_what_can_be_held_is_replayed_in_rounds(
    stack: StackInMemory, spool_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.replay.HELD_AT_MOST", 30)
    for position in range(100):
        stack.fail(change(position, f"user {position % 7}"))

    report = replay(stack, spool_path)

    assert (report.replayed, report.left, report.beyond_reach) == (100, 0, False)
    assert len(stack.function.invocations) >= 3
    assert max(len(batch) for batch in stack.function.invocations) < 40


def test_what_lies_beyond_messages_that_stay_is_said(
    stack: StackInMemory, spool_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.replay.HELD_AT_MOST", 30)
    for _ in range(60):
        stack.queue.put("junk")

    report = replay(stack, spool_path)

    assert report.beyond_reach
    assert report.left == report.selected >= 30
    assert stack.queue.visible() == 60


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
