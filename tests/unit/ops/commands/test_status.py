import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import Result

import infra.consumers
from functions.runtime.json_log import JsonObject
from infra.outputs import StackOutputs
from ops.aws.cloudwatch import AlarmState, MappingState
from ops.errors import ExitCode
from ops.stack_outputs import LocalMapping, LocalPoller
from tests.support.ops.ops_in_memory import OUTPUTS, StackInMemory
from tests.support.ops.queue_in_memory import NOON
from tests.support.records.record_strategies import stream_record

Run = Callable[..., Result]


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


def change(position: int, user_id: str = "eve", *, schema_version: int = 1) -> JsonObject:
    new = {
        "userId": {"S": user_id},
        "name": {"S": f"name {position}"},
        "schemaVersion": {"N": str(schema_version)},
    }
    if position == 0:
        return stream_record("INSERT", position, user_id, None, new)
    return stream_record("MODIFY", position, user_id, new | {"name": {"S": f"name {position - 1}"}}, new)


def test_status_of_a_healthy_stack_ends_with_0(stack: StackInMemory, run: Run) -> None:
    stack.monitored.figures = {"IteratorAge LogUserChangesFunction-test": 1500.0}

    result = run("status")

    assert result.exit_code == 0
    assert (answer(result)["healthy"], answer(result)["iteratorAgeSeconds"]) == (True, 1.5)
    assert "healthy" in run("status", "--table").stdout


def test_status_lists_what_needs_attention(stack: StackInMemory, run: Run) -> None:
    stack.fail(change(0))
    stack.failures.put("{}")
    stack.redriven.put("{}")
    stack.monitored.state = "Disabled"
    stack.monitored.figures = {"Errors LogUserChangesFunction-test": 2.0}
    stack.monitored.alarm_states = [
        AlarmState(name="IteratorAge-test", state="ALARM", reason="over 600", since=datetime.fromtimestamp(NOON, UTC)),
        AlarmState(name="ApiLatency-test", state="OK", reason="", since=datetime.fromtimestamp(NOON, UTC)),
    ]

    result = run("status", "--table")

    assert result.exit_code == ExitCode.UNFINISHED
    for part in (
        "alarm IteratorAge-test: over 600",
        "log-user-changes: the event source mapping is Disabled",
        "1 failed record waiting",
        "1 pointer waiting for the rescue",
        "1 pointer that the rescue failed to process",
        "2 errors, 0 throttles",
        "1 firing, 1 OK",
        "--stack test dlq list",
        "--stack test return-pointers",
    ):
        assert part in result.stdout


def test_status_has_every_consumer_with_its_delivery_and_its_queues(stack: StackInMemory, run: Run) -> None:
    stack.monitored.figures = {
        "IteratorAge LogUserChangesFunction-test": 1500.0,
        "IteratorAge FanOutUserChangesFunction-test": 2500.0,
        "ApproximateAgeOfOldestMessage WelcomeNewUsersQueue-test.fifo": 12.0,
    }
    stack.queue_at("x/WelcomeNewUsersQueue-test.fifo").put("{}")

    found = answer(run("status"))

    assert (found["healthy"], found["next"]) == (True, [])
    consumers = {one["consumer"]: one for one in found["consumers"]}
    assert list(consumers) == [declaration.logical_name for declaration in infra.consumers.CONSUMERS]
    assert consumers["log-user-changes"]["mapping"] == found["mapping"]
    assert consumers["fan-out-user-changes"]["iteratorAgeSeconds"] == 2.5
    welcome = consumers["welcome-new-users"]
    assert (welcome["function"], welcome["iteratorAgeSeconds"]) == ("WelcomeNewUsersFunction-test", None)
    assert (welcome["queue"]["visible"], welcome["queue"]["oldestSeconds"]) == (1, 12.0)
    assert (welcome["failureQueue"]["name"], welcome["failureQueue"]["visible"]) == (
        "WelcomeNewUsersFailureQueue-test.fifo",
        0,
    )


def test_status_names_the_consumer_that_needs_attention_and_the_next_command(stack: StackInMemory, run: Run) -> None:
    stack.monitored.states = {
        "WelcomeNewUsersFunction-test": "Disabled",
        "RescueFailedBatchesFunction-test": "Disabling",
    }
    stack.monitored.figures = {
        "ApproximateAgeOfOldestMessage WelcomeNewUsersQueue-test.fifo": 720.0,
        "Errors LogUserChangesFunction-test": 2.0,
    }
    stack.queue_at("x/WelcomeNewUsersQueue-test.fifo").put("{}")
    stack.queue_at("x/WelcomeNewUsersFailureQueue-test.fifo").put("{}")

    result = run("status")
    found, shown = answer(result), run("status", "--table").stdout

    assert result.exit_code == ExitCode.UNFINISHED
    assert found["attention"] == [
        "welcome-new-users: the event source mapping is Disabled",
        "the rescue of RescueFailedBatchesFunction-test: the event source mapping is Disabling",
        "welcome-new-users: 1 change waiting, the oldest for 12 min",
        "welcome-new-users: 1 change that its function could not take, waiting for the rescue",
        "log-user-changes: LogUserChangesFunction-test: 2 errors, 0 throttles",
    ]
    assert found["next"] == [
        "dlq list --consumer welcome-new-users",
        "status --watch 10",
        "dlq list --consumer log-user-changes",
    ]
    for part in (*found["attention"], "--stack test dlq list --consumer welcome-new-users"):
        assert part in shown


def test_status_shows_how_the_local_poller_serves_each_mapping(stack: StackInMemory, run: Run) -> None:
    def mapping(name: str, state: str, reason: str = "") -> LocalMapping:
        return LocalMapping(f"{name}Function-test", f"arn:aws:sqs:::{name}Queue-test", state, reason)

    stack.monitored.state = "Disabled"  # as the local deployment creates them
    mappings = [mapping("LogUserChanges", "delivering"), mapping("WelcomeNewUsers", "failing", "ConnectionError")]
    stack.local_poller = LocalPoller(7, running=True, mappings=[*mappings, mapping("RescueFailedBatches", "refused")])

    found, shown = answer(run("status")), run("status", "--table").stdout

    assert found["attention"] == [
        "welcome-new-users: the local poller says failing: ConnectionError",
        "the rescue of RescueFailedBatchesQueue-test: the local poller says refused",
    ]
    assert [one["state"] for one in found["localPoller"]["mappings"]] == ["delivering", "failing", "refused"]
    assert "delivering" in shown
    stack.local_poller = LocalPoller(7, running=False)
    assert answer(run("status"))["attention"] == ["the local poller isn't running: nothing is delivered"]


def test_status_shows_a_consumer_that_is_switched_off_as_such(stack: StackInMemory, run: Run) -> None:
    stack.switched_off = {"welcome-new-users"}

    found = answer(run("status"))

    assert found["healthy"]
    assert [one["consumer"] for one in found["consumers"] if not one["enabled"]] == ["welcome-new-users"]
    assert "switched off" in run("status", "--table").stdout


def test_status_says_that_a_consumer_has_no_mapping(
    stack: StackInMemory, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    mappings = stack.monitored.mappings

    def all_but_one(function: str) -> Sequence[MappingState]:
        return [] if "Welcome" in function else mappings(function)

    monkeypatch.setattr(stack.monitored, "mappings", all_but_one)

    assert answer(run("status"))["attention"] == [
        "welcome-new-users: no event source mapping is known: nothing is delivered"
    ]


def test_status_reads_every_function_of_the_outputs(stack: StackInMemory, run: Run) -> None:
    class MoreOutputs(StackOutputs):
        greet_user_function_name: str | None

    of_today = OUTPUTS.model_dump()
    stack.outputs = MoreOutputs(**of_today, greet_user_function_name="GreetUserFunction-test")
    assert "GreetUserFunction-test" in {one["name"] for one in answer(run("status"))["functions"]}
    stack.outputs = MoreOutputs(**of_today, greet_user_function_name=None)
    assert None not in {one["name"] for one in answer(run("status"))["functions"]}
