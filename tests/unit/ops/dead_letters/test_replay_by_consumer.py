"""Each failed record goes into the consumer that failed on it, and into no other."""

import dataclasses
import json
import sqlite3
from pathlib import Path

from ops.dead_letters.message import ReplayOutcome
from ops.dead_letters.replay import ReplayReport
from ops.dead_letters.selection import Selection
from ops.errors import OpsError
from tests.support.ops.declared_consumers import (
    FAN_OUT,
    WELCOME,
    activity_record,
    by_another_function,
    declared,
    failed_record,
    queue_record,
    received_again,
)
from tests.support.ops.functions_in_memory import AnsweringFunction
from tests.support.ops.ops_in_memory import StackInMemory, activity_key
from tests.support.ops.replaying import change, replay


def welcome_of(stack: StackInMemory) -> AnsweringFunction:
    return stack.answering_function(WELCOME)


def outcomes(report: ReplayReport, consumer: str) -> dict[str, int]:
    return {outcome.value: number for outcome, number in report.counts_by_consumer[consumer].items()}


def test_a_change_that_failed_in_two_consumers_is_replayed_into_each(
    stack: StackInMemory, replay_db_path: Path
) -> None:
    stack.fail(change(7))
    stack.fail_in(WELCOME, queue_record(7))
    stack.fail_in(FAN_OUT, activity_record(7))

    report = replay(stack, replay_db_path)

    assert (report.replayed, report.left, report.error) == (3, 0, None)
    assert stack.queue.bodies() == []
    assert stack.function.invocations == [[change(7)]]
    assert welcome_of(stack).invocations == [[queue_record(7)]]
    assert stack.answering_function(FAN_OUT).invocations == [[activity_record(7)]]


def test_two_consumers_with_a_queue_that_failed_on_the_same_message_get_it_each(
    stack: StackInMemory, replay_db_path: Path
) -> None:
    second = dataclasses.replace(WELCOME, folder="notify_billing")
    with declared(second):
        stack.fail_in(WELCOME, queue_record(7))
        stack.fail_in(second, queue_record(7, consumer=second))
        stack.answering_function(second).failing = {"message-7"}

        report = replay(stack, replay_db_path)

    assert (outcomes(report, "welcome-new-users"), outcomes(report, "notify-billing")) == (
        {"replayed": 1},
        {"failed": 1},
    )
    assert [json.loads(body)["failureId"] for body in stack.queue.bodies()] == [f"notify-billing.{7:032x}"]


def test_replaying_one_consumer_s_failure_leaves_the_other_s(stack: StackInMemory, replay_db_path: Path) -> None:
    stack.fail(change(7))
    stack.fail_in(WELCOME, queue_record(7))

    report = replay(stack, replay_db_path, Selection.matching((), "welcome-new-users"))

    assert (report.replayed, report.selected, report.seen) == (1, 1, 2)
    assert stack.function.invocations == []
    assert stack.queue.visible() == 1


def test_records_of_a_queue_go_in_batches_of_its_consumer_in_the_order_of_each_user(
    stack: StackInMemory, replay_db_path: Path
) -> None:
    for position in reversed(range(25)):
        stack.fail_in(WELCOME, queue_record(position, f"user {position % 3}"))

    report = replay(stack, replay_db_path, batch_size=100)

    assert report.replayed == 25
    welcome = welcome_of(stack)
    assert [len(batch) for batch in welcome.invocations] == [10, 10, 5]
    for number in range(3):
        positions = [int(name.removeprefix("message-")) for user, name in welcome.order if user == f"user {number}"]
        assert positions == sorted(positions)


def test_a_record_that_its_consumer_refuses_stays_with_the_new_reason(
    stack: StackInMemory, replay_db_path: Path
) -> None:
    stack.fail_in(WELCOME, queue_record(1, "eve"), "permanent", "an older reason")
    stack.fail_in(WELCOME, queue_record(2, "eve"))
    stack.fail_in(FAN_OUT, activity_record(3))
    welcome_of(stack).refusing = {"message-1": "the address is on the suppression list"}
    stack.answering_function(FAN_OUT).refusing = {activity_record(3)["dynamodb"]["SequenceNumber"]: "no kind"}

    report = replay(stack, replay_db_path)

    assert outcomes(report, "welcome-new-users") == {"refused": 1, "replayed": 1}
    assert outcomes(report, "fan-out-user-changes") == {"refused": 1}
    assert {(one.consumer, one.detail) for one in report.failures} == {
        ("welcome-new-users", "the address is on the suppression list"),
        ("fan-out-user-changes", "no kind"),
    }
    assert stack.queue.visible() == 2


def test_a_user_waits_in_the_consumer_that_fails_and_not_in_the_others(
    stack: StackInMemory, replay_db_path: Path
) -> None:
    for position in range(12):
        stack.fail_in(WELCOME, queue_record(position, f"user {position % 2}"))
        stack.fail(change(position, f"user {position % 2}"))
    welcome_of(stack).failing = {"message-2"}

    report = replay(stack, replay_db_path, batch_size=4)

    assert outcomes(report, "log-user-changes") == {"replayed": 12}
    assert outcomes(report, "welcome-new-users") == {"replayed": 7, "failed": 1, "waiting": 4}
    assert [name for user, name in welcome_of(stack).order if user == "user 0"] == ["message-0"]
    assert stack.queue.visible() == 5

    welcome_of(stack).failing.clear()
    assert replay(stack, replay_db_path).replayed == 5
    assert max(welcome_of(stack).handled.values()) == 1


def test_a_user_whose_change_fails_in_the_first_consumer_goes_on_in_the_next(
    stack: StackInMemory, replay_db_path: Path
) -> None:
    for position in range(3):
        stack.fail(change(position))
        stack.fail_in(WELCOME, queue_record(position))
    stack.function.crashing = {change(0)["dynamodb"]["SequenceNumber"]}

    report = replay(stack, replay_db_path)

    assert outcomes(report, "log-user-changes") == {"failed": 1, "waiting": 2}
    assert outcomes(report, "welcome-new-users") == {"replayed": 3}


def test_a_consumer_at_fault_ends_its_own_part_alone(stack: StackInMemory, replay_db_path: Path) -> None:
    for position in range(200):
        stack.fail(change(position, f"user {position}"))
        stack.fail_in(WELCOME, queue_record(position, f"user {position}"))
        stack.fail_in(FAN_OUT, activity_record(position, f"user {position}"))
    stack.function.troubles = ["crash"] * 1000
    welcome_of(stack).troubles = ["busy"] * 1000

    report = replay(stack, replay_db_path)

    assert outcomes(report, "fan-out-user-changes") == {"replayed": 200}
    assert isinstance(report.error, OpsError)
    assert "log-user-changes: Stopped: 10 records in a row failed" in report.error.message
    assert "takes no work" in report.consumer_errors["welcome-new-users"].message
    assert report.untried_by_consumer == {"log-user-changes": 190, "welcome-new-users": 200}
    assert len(stack.function.invocations) < 40
    assert stack.queue.visible() == 400


def test_a_crash_on_one_message_is_isolated(stack: StackInMemory, replay_db_path: Path) -> None:
    for position in range(10):
        stack.fail_in(WELCOME, queue_record(position, f"user {position % 5}"))
    welcome_of(stack).crashing = {"message-3"}

    report = replay(stack, replay_db_path)

    assert outcomes(report, "welcome-new-users") == {"replayed": 8, "failed": 1, "waiting": 1}


def test_deliveries_of_one_failure_are_copies(stack: StackInMemory, replay_db_path: Path) -> None:
    stack.fail_in(WELCOME, queue_record(3))
    stack.fail_in(WELCOME, received_again(queue_record(3)))

    report = replay(stack, replay_db_path)

    assert (report.replayed, report.copies_removed) == (1, 1)
    assert stack.queue.bodies() == []
    assert welcome_of(stack).handled == {"message-3": 1}


def test_what_no_declared_consumer_failed_on_is_never_sent_to_another(
    stack: StackInMemory, replay_db_path: Path
) -> None:
    stack.put(by_another_function(failed_record(queue_record(1), WELCOME), "SomebodysFunction-test"))
    stack.put(by_another_function(failed_record(queue_record(2), WELCOME), "WelcomeNewUsersFunction-prod"))

    report = replay(stack, replay_db_path)

    assert (report.replayed, report.not_replayable, report.left) == (0, 2, 2)
    assert report.without_function == {"SomebodysFunction-test": 1, "WelcomeNewUsersFunction-prod": 1}
    assert (stack.function.invocations, welcome_of(stack).invocations) == ([], [])
    assert stack.queue.visible() == 2


def test_a_consumer_that_is_switched_off_gets_nothing(stack: StackInMemory, replay_db_path: Path) -> None:
    stack.switched_off = {"welcome-new-users"}
    stack.fail_in(WELCOME, queue_record(1))

    report = replay(stack, replay_db_path)

    assert (report.not_replayable, report.without_function) == (1, {"welcome-new-users": 1})
    assert stack.queue.visible() == 1


def test_a_record_of_another_form_than_its_consumer_s_is_not_sent(stack: StackInMemory, replay_db_path: Path) -> None:
    record = queue_record(1)
    failed = failed_record(record, WELCOME)
    stack.put(failed)
    for broken in ({**record, "body": "{}"}, {**record, "body": "no JSON"}, {**record, "messageId": None}, change(1)):
        stack.put(dataclasses.replace(failed, record=broken))

    report = replay(stack, replay_db_path)

    assert (report.replayed, report.not_replayable) == (1, 4)
    assert welcome_of(stack).invocations == [[record]]


def test_a_database_of_an_older_command_is_taken_over(stack: StackInMemory, replay_db_path: Path) -> None:
    stack.fail(change(0))
    (message,) = stack.queue.receive(900)
    old = sqlite3.connect(replay_db_path)
    old.executescript(
        "CREATE TABLE in_flight (message_id TEXT PRIMARY KEY, receipt TEXT NOT NULL, until REAL NOT NULL, "
        "sent_at REAL NOT NULL, identity TEXT) WITHOUT ROWID;"
        "CREATE TABLE change (identity TEXT PRIMARY KEY, failure_id TEXT, user_id TEXT, change_id TEXT, "
        "event_id TEXT, record TEXT, outcome TEXT, detail TEXT) WITHOUT ROWID;"
    )
    old.execute("INSERT INTO in_flight VALUES (?, ?, 1e12, 0, 'x')", (message.message_id, message.receipt))
    old.commit()
    old.close()

    report = replay(stack, replay_db_path)

    assert (report.replayed, report.counts[ReplayOutcome.REPLAYED]) == (1, 1)
    assert stack.table.items.keys() == {activity_key(change(0))}
