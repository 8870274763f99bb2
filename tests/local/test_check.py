"""`python -m ops check` on a running stack: it leaves nothing, and finds what is broken."""

import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from functions.activity.closing_item import CLOSING_CHANGE_ID
from local.state import clients_of
from ops.aws.check_traces import NOTED_BY, CheckTraces
from ops.check import marked_user
from ops.check.lifecycle import Check
from ops.errors import ExitCode
from ops.job import STATE_VARIABLE, Job
from tests.support.local.local_stack import NEUTRAL, LocalStack, copy_project, running_local_stack
from tests.support.local.ops_stack import answer, run_ops, services_of
from tests.support.local.users_over_http import UsersOverHttp, root_signer

ALL = ["leftovers", "register", "change", "history", "delete", "erase", "health"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalStack]:
    """A stack of this module's own, in which nothing else needs attention."""
    with running_local_stack(tmp_path_factory.mktemp("checked")) as running:
        yield running


def everything(stack: LocalStack) -> dict[str, list[Any]]:
    dynamodb, outputs = clients_of(stack).dynamodb, stack.outputs
    tables = (outputs.users_table_name, outputs.user_keys_table_name, outputs.activity_table_name)
    scans = {table: dynamodb.scan(TableName=table, ConsistentRead=True)["Items"] for table in tables}
    return {table: [item for item in items if item.get("userId") != {"S": NOTED_BY}] for table, items in scans.items()}


def outcomes(result: Any) -> dict[str, str]:
    return {step["step"]: step["outcome"] for step in result["steps"]}


def test_a_healthy_stack_passes_and_keeps_nothing(stack: LocalStack) -> None:
    before = everything(stack)

    checked = run_ops(services_of(stack), "check", "--json")

    assert checked.exit_code == ExitCode.OK, checked.output
    result = answer(checked)
    assert (result["passed"], outcomes(result)) == (True, dict.fromkeys(ALL, "ok"))
    assert everything(stack) == before
    shown = run_ops(services_of(stack), "check", "--table").stdout
    assert "passed" in shown, shown
    assert everything(stack) == before


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "ops"))


class KilledError(Exception):
    """Where the process would end."""


@pytest.mark.parametrize("calls", [1, 2, 3, 4, 5, 6, 8])
def test_killed_at_any_call_the_next_check_removes_what_is_left(
    calls: int, stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, services = everything(stack), services_of(stack)
    count = 0

    def killing(call: Any) -> Any:
        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count > calls:
                raise KilledError
            return call(*arguments, **options)

        return counted

    check = Check(services, Job(), within_seconds=30)
    with monkeypatch.context() as patched:
        patched.setattr(check._api, "send", killing(check._api.send))  # pyright: ignore[reportPrivateUsage]
        for name in ("remember", "delete"):
            traces = check._traces  # pyright: ignore[reportPrivateUsage]
            patched.setattr(traces, name, killing(getattr(traces, name)))
        with pytest.raises(KilledError):
            check.run()

    result = answer(run_ops(services, "check", "--json"))

    assert result["passed"], result
    assert everything(stack) == before


def test_a_stream_that_nobody_reads_fails_the_history_and_is_named(stack: LocalStack) -> None:
    # The poller of this stack stands still, as a mapping does that is disabled.
    assert stack.poller_pid is not None
    os.kill(stack.poller_pid, signal.SIGSTOP)
    try:
        checked = run_ops(services_of(stack), "check", "--json", "--within", "2")
    finally:
        os.kill(stack.poller_pid, signal.SIGCONT)

    assert checked.exit_code == ExitCode.UNFINISHED
    result = answer(checked)
    assert outcomes(result) == dict(zip(ALL, ["ok", "ok", "ok", "failed", "ok", "not checked"], strict=False)) | {
        "health": outcomes(result)["health"]
    }
    history = result["steps"][ALL.index("history")]
    assert stack.outputs.activity_table_name in history["detail"]
    assert "python -m ops" in history["next"]


def test_a_failed_record_in_the_queue_fails_the_health(stack: LocalStack) -> None:
    queue = stack.outputs.dead_letter_queue_url
    clients_of(stack).sqs.send_message(QueueUrl=queue, MessageBody="junk")
    try:
        result = answer(run_ops(services_of(stack), "check", "--json", "--within", "1"))
    finally:
        clients_of(stack).sqs.purge_queue(QueueUrl=queue)

    assert outcomes(result) == {**dict.fromkeys(ALL, "ok"), "health": "failed"}
    assert "dlq list" in result["steps"][-1]["next"]


def test_the_note_of_the_user_is_no_change_for_anybody(stack: LocalStack) -> None:
    outputs = stack.outputs
    traces = CheckTraces(clients_of(stack).dynamodb, outputs.activity_table_name)
    traces.remember("an-id", 1_800_000_000.0)
    try:
        assert traces.remembered() == "an-id"
        users = UsersOverHttp(stack, root_signer(stack))
        assert users.get(NOTED_BY).status == 404
        verified = run_ops(services_of(stack), "verify", "--json")
        assert verified.exit_code == ExitCode.OK, verified.output
        assert services_of(stack).dead_letter_queue().depth().total == 0
    finally:
        traces.delete(NOTED_BY, CLOSING_CHANGE_ID)
    assert traces.remembered() is None


def test_with_neutral_answers_it_says_what_it_could_not_check(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", NEUTRAL)
    (tmp_path / "state").mkdir()
    with running_local_stack(tmp_path / "state", project) as neutral:
        checked = run_ops(services_of(neutral), "check", "--json")
        stored = everything(neutral)

    result = answer(checked)
    assert checked.exit_code == ExitCode.OK, checked.output
    unchecked = dict.fromkeys(["change", "history", "delete", "erase"], "not checked")
    assert outcomes(result) == {**dict.fromkeys(ALL, "ok"), **unchecked}
    assert "mail" in result["steps"][ALL.index("change")]["detail"]
    assert stored[neutral.outputs.users_table_name] == stored[neutral.outputs.activity_table_name] == []


def test_the_marked_user_s_address_is_nobody_s() -> None:
    assert marked_user.registration()["email"].endswith("@simulator.amazonses.com")
