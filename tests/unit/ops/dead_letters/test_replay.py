import dataclasses
from pathlib import Path

import pytest

from functions.activity.closing_item import erasure
from ops.dead_letters.message import ReplayOutcome
from ops.dead_letters.selection import Selection
from ops.errors import NotFoundError, OpsError
from tests.support.ops.ops_in_memory import OUTPUTS, StackInMemory, activity_key, envelope, sent_records
from tests.support.ops.replaying import change, replay

LOCATION = f"s3://{OUTPUTS.failed_records_bucket_name}/failed-records/{0:032x}.json"
"""Of the record at position 0."""


def test_failed_records_are_processed_in_order_and_removed(stack: StackInMemory, replay_db_path: Path) -> None:
    records = [change(position) for position in range(40)]
    for record in reversed(records):
        stack.fail(record)

    report = replay(stack, replay_db_path, batch_size=15)

    assert (report.replayed, report.left, report.error) == (40, 0, None)
    assert stack.queue.bodies() == []
    assert [len(batch) for batch in stack.function.invocations] == [15, 15, 10]
    assert [record for batch in stack.function.invocations for record in batch] == records
    assert set(stack.table.items) == {activity_key(record) for record in records}


def test_replaying_an_old_change_keeps_newer_changes(stack: StackInMemory, replay_db_path: Path) -> None:
    old, newer = change(1), change(2)
    stack.function.invoke([newer])
    since = dict(stack.table.items)
    stack.fail(old)

    replay(stack, replay_db_path)

    assert stack.table.items.keys() == {activity_key(old), activity_key(newer)}
    assert stack.table.items[activity_key(newer)] == since[activity_key(newer)]
    assert max(stack.table.items) == activity_key(newer)


def test_a_record_that_is_dead_lettered_again_stays_once(stack: StackInMemory, replay_db_path: Path) -> None:
    unsupported = change(0, schema_version=2)
    stack.fail(unsupported, "permanent", "an older reason")

    for _ in range(3):
        stack.clock.pass_by(1)
        report = replay(stack, replay_db_path)
        assert report.counts == {ReplayOutcome.REFUSED: 1}
        assert report.left == 1
        assert "schemaVersion 2 is not supported" in report.failures[0].detail
        assert sent_records(stack.queue) == [unsupported]
        assert stack.queue.visible() == 1
    assert stack.table.items == {}


def test_records_of_an_erased_user_leave_the_queue_and_bring_nothing_back(
    stack: StackInMemory, replay_db_path: Path
) -> None:
    marker = erasure("eve", actor="an ARN", occurred_at="2026-11-28T10:42:00.000Z", expires_at=4_000_000_000)
    stack.table.close(marker)
    for position in range(3):
        stack.fail(change(position))

    report = replay(stack, replay_db_path)

    assert (report.replayed, report.left) == (3, 0)
    assert stack.queue.bodies() == []
    assert list(stack.table.items.values()) == [marker]


def test_copies_of_one_failure_are_replayed_once(stack: StackInMemory, replay_db_path: Path) -> None:
    for kind in ("exhausted", "expired", "exhausted"):
        stack.fail(change(3), kind)

    report = replay(stack, replay_db_path)

    assert (report.replayed, report.copies_removed) == (1, 2)
    assert stack.function.invocations == [[change(3)]]
    assert stack.queue.bodies() == []


def test_a_record_that_crashes_the_function_is_isolated(stack: StackInMemory, replay_db_path: Path) -> None:
    records = [change(position, f"user {position % 4}") for position in range(16)]
    for record in records:
        stack.fail(record)
    stack.function.crashing = {records[5]["dynamodb"]["SequenceNumber"]}

    report = replay(stack, replay_db_path)

    stuck = [records[position] for position in (5, 9, 13)]
    assert report.counts == {ReplayOutcome.REPLAYED: 13, ReplayOutcome.FAILED: 1, ReplayOutcome.WAITING: 2}
    assert sorted(map(str, sent_records(stack.queue))) == sorted(map(str, stuck))
    assert stack.queue.visible() == 3

    stack.function.crashing.clear()
    assert replay(stack, replay_db_path).replayed == 3
    assert stack.queue.bodies() == []


def test_a_busy_function_is_waited_for(stack: StackInMemory, replay_db_path: Path) -> None:
    stack.fail(change(0))
    stack.function.troubles = ["busy", "busy", "late"]

    report = replay(stack, replay_db_path)

    assert (report.replayed, report.error) == (1, None)
    assert stack.queue.bodies() == []


def test_a_function_that_stays_busy_ends_the_replay(stack: StackInMemory, replay_db_path: Path) -> None:
    stack.fail(change(0))
    stack.function.troubles = ["busy"] * 50

    report = replay(stack, replay_db_path)

    assert isinstance(report.error, OpsError)
    assert "takes no work" in report.error.message
    assert report.untried == 1
    assert stack.queue.visible() == 1


def test_a_function_that_fails_everything_is_not_invoked_for_each_record(
    stack: StackInMemory, replay_db_path: Path
) -> None:
    for position in range(200):
        stack.fail(change(position, f"user {position}"))
    stack.function.troubles = ["crash"] * 1000

    report = replay(stack, replay_db_path)

    assert report.error is not None
    assert "10 records in a row failed" in report.error.message
    assert len(stack.function.invocations) < 40
    assert stack.queue.visible() == 200


def test_a_throttled_table_is_tried_again_from_where_it_stopped(stack: StackInMemory, replay_db_path: Path) -> None:
    records = [change(position) for position in range(8)]
    for record in records:
        stack.fail(record)
    stack.function.troubles = ["throttle", "throttle"]

    report = replay(stack, replay_db_path)

    assert report.replayed == 8
    assert [len(batch) for batch in stack.function.invocations] == [8, 4, 2]


def test_only_selected_messages_are_replayed(stack: StackInMemory, replay_db_path: Path) -> None:
    chosen = stack.fail(change(0, "adam"))
    stack.fail(change(1, "eve"), "expired", "too old")

    assert replay(stack, replay_db_path, Selection(ids=(chosen[:31],))).error is not None
    assert replay(stack, replay_db_path, Selection(ids=(chosen,))).replayed == 1
    assert stack.queue.visible() == 1
    assert replay(stack, replay_db_path, Selection.of((), ("kind=expired,reason~OLD",), everything=False)).replayed == 1


def test_a_missing_id_ends_the_replay_before_anything_is_done(stack: StackInMemory, replay_db_path: Path) -> None:
    there = stack.fail(change(0))

    report = replay(stack, replay_db_path, Selection(ids=(there, "ffff")))

    assert isinstance(report.error, NotFoundError)
    assert "ffff" in report.error.message
    assert stack.function.invocations == []
    assert stack.queue.visible() == 1


def test_messages_without_a_record_are_counted_and_left(stack: StackInMemory, replay_db_path: Path) -> None:
    stack.fail(None, "lost", "trimmed before the rescue")
    stack.fail({"eventID": "x"})
    stack.queue.put("not an envelope")
    stack.fail(change(0))

    report = replay(stack, replay_db_path)

    assert (report.replayed, report.not_replayable, report.left) == (1, 3, 3)
    assert stack.queue.visible() == 3


def test_an_envelope_in_s3_is_fetched(stack: StackInMemory, replay_db_path: Path) -> None:
    whole = dataclasses.replace(envelope(change(0)), record_location=LOCATION)
    stack.store.objects[LOCATION] = whole.to_json()
    stack.queue.put(dataclasses.replace(whole, record=None).to_json())

    assert replay(stack, replay_db_path).replayed == 1
    assert stack.queue.bodies() == []


def test_a_queue_with_more_messages_than_may_be_in_flight_is_replayed_in_rounds(
    stack: StackInMemory, replay_db_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.dead_letters.replay.MAX_IN_FLIGHT", 30)
    for position in range(100):
        stack.fail(change(position, f"user {position % 7}"))

    report = replay(stack, replay_db_path)

    assert (report.replayed, report.left, report.beyond_reach) == (100, 0, False)
    assert len(stack.function.invocations) >= 3
    assert max(len(batch) for batch in stack.function.invocations) < 40


def test_messages_beyond_the_in_flight_limit_are_reported(
    stack: StackInMemory, replay_db_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.dead_letters.replay.MAX_IN_FLIGHT", 30)
    for _ in range(60):
        stack.queue.put("junk")

    report = replay(stack, replay_db_path)

    assert report.beyond_reach
    assert report.left == report.selected >= 30
    assert stack.queue.visible() == 60
