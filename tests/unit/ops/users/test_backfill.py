"""A long backfill: a stop ends it soon, and it checks the delivery in every round."""

from collections.abc import Callable
from pathlib import Path

import pytest

from functions.runtime.json_log import utc_timestamp
from functions.stream_records.attribute_values import AttributeValue
from ops.job import Job
from ops.users.backfill import Backfill, BackfillReport
from ops.users.backfill_records import stream_began_at
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


BEGAN = utc_timestamp(stream_began_at(OUTPUTS.users_stream_arn))


@pytest.mark.parametrize(
    ("created_at", "dated"),
    [
        ({"S": "2024-04-01T22:21:40Z"}, "2024-04-01T22:21:40.000Z"),
        ({"S": "2024-04-02T00:21:40.999+02:00"}, "2024-04-01T22:21:40.000Z"),
        ({"S": "1712010100000"}, "2024-04-01T22:21:40.000Z"),
        ({"N": "1712010100000"}, "2024-04-01T22:21:40.000Z"),
        ({"N": "1712010100"}, "2024-04-01T22:21:40.000Z"),
        ({"N": "0"}, BEGAN),
        ({"S": "0001-01-01T00:00:00Z"}, BEGAN),
        ({"S": "1960-05-05T00:00:00Z"}, BEGAN),
        ({"N": "-304128000"}, BEGAN),
        ({"S": "9999-12-31"}, BEGAN),
        ({"S": "9999-12-31T23:59:59-14:00"}, BEGAN),
        ({"S": "yesterday"}, BEGAN),
        ({"NULL": True}, BEGAN),
        (None, BEGAN),
    ],
)
def test_every_user_of_before_has_a_place_in_the_history_at_a_date_that_can_be(
    stack: StackInMemory, tmp_path: Path, created_at: AttributeValue | None, dated: str
) -> None:
    stack.user_table.items = {"u": {"userId": {"S": "u"}, **({"createdAt": created_at} if created_at else {})}}

    done = backfill(stack, tmp_path, 500, lambda: False).checkpoint

    (item,) = stack.table.items.values()
    assert (item["kind"], item["occurredAt"]) == ({"S": "ADDED"}, {"S": dated})
    assert (done.backfilled, done.undated) == (1, int(dated == BEGAN))


def test_a_user_created_since_the_stream_began_is_left_to_the_stream(stack: StackInMemory, tmp_path: Path) -> None:
    began = stream_began_at(OUTPUTS.users_stream_arn)
    for number, created in enumerate([str(int(began) + 1), f"{int(began) + 1}000"]):
        stack.user_table.items[f"u-{number}"] = {"userId": {"S": f"u-{number}"}, "createdAt": {"N": created}}
    stack.clock.pass_by(began + 60 - stack.clock.now() if stack.clock.now() < began + 60 else 0)

    assert backfill(stack, tmp_path, 500, lambda: False).checkpoint.in_stream == 2
    assert stack.table.items == {}
