"""The operators' commands on a running stack, from an unsupported user to the empty queue."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from functions.users.attributes import ATTRIBUTES
from local.actions import write_unsupported_user
from local.state import DIRECTORY_VARIABLE, clients_of
from ops.errors import ExitCode
from ops.job import STATE_VARIABLE
from tests.local.test_seed_story import map_stream, switch_stream
from tests.support.local.local_stack import LocalStack, running_local_stack
from tests.support.local.mapped_function import eventually
from tests.support.local.ops_stack import answer, deployed_fix, run_ops, services_of
from tests.support.local.users_over_http import UsersOverHttp, person, root_signer

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ops-stack")


@pytest.fixture(scope="module")
def stack(folder: Path) -> Generator[LocalStack]:
    """A stack of this module's own: to empty the queue and to deploy a fix would disturb others."""
    with running_local_stack(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "ops"))


def failures_of(stack: LocalStack) -> list[dict[str, Any]]:
    return answer(run_ops(services_of(stack), "dlq", "list"))["records"]


def history_of(stack: LocalStack, user_id: str) -> list[str]:
    result = run_ops(services_of(stack), "activity", user_id, "--limit", "1000")
    return [change["kind"] for change in answer(result)["items"]] if result.exit_code == 0 else []


def test_an_unsupported_user_is_replayed_after_the_fix(stack: LocalStack) -> None:
    services = services_of(stack)
    users = UsersOverHttp(stack, root_signer(stack))
    unsupported = [write_unsupported_user(stack), write_unsupported_user(stack)]
    good = users.registered(person())

    found = eventually(lambda: failures_of(stack), lambda records: len(records) == 2)
    assert {record["userId"] for record in found} == set(unsupported)
    assert {record["reason"] for record in found} == {"schemaVersion 2 is not supported"}
    eventually(lambda: history_of(stack, good), lambda kinds: kinds == ["ADDED"])
    shown = run_ops(services, "dlq", "show", found[0]["failureId"][:12], "--table").stdout
    assert "schemaVersion 2 is not supported" in shown
    assert all(attribute.example in shown for attribute in ATTRIBUTES if attribute.required)

    refused = run_ops(services, "dlq", "replay", "--all")
    assert (refused.exit_code, answer(refused)["refusedAgain"]) == (ExitCode.UNFINISHED, 2)
    assert len(failures_of(stack)) == 2

    with deployed_fix(stack):
        replayed = run_ops(services, "dlq", "replay", "--all")
        assert (replayed.exit_code, answer(replayed)["replayed"]) == (ExitCode.OK, 2)

    assert answer(run_ops(services, "dlq", "list"))["messages"] == 0
    assert [history_of(stack, user_id) for user_id in unsupported] == [["ADDED"], ["ADDED"]]


def test_a_replayed_change_takes_its_place_before_the_newer_ones(stack: LocalStack) -> None:
    users = UsersOverHttp(stack, root_signer(stack))
    user_id = users.registered(person(name="Eve", username=f"toto{uuid4().hex[:8]}"))
    write_unsupported_user(stack, user_id)
    eventually(lambda: failures_of(stack), lambda records: len(records) == 1)
    eventually(lambda: history_of(stack, user_id), lambda kinds: kinds == ["ADDED"])

    with deployed_fix(stack):
        assert users.patch(user_id, {"name": "Eve since"}).status == 200
        since = eventually(lambda: users.activity(user_id), lambda changes: len(changes) == 2)
        assert run_ops(services_of(stack), "dlq", "replay", "--where", f"user={user_id}").exit_code == 0

    changes = users.activity(user_id)
    assert [change["kind"] for change in changes] == ["ADDED", "UPDATED", "UPDATED"]
    assert "schemaVersion" in changes[1]["changes"]
    assert [changes[0], changes[2]] == since


def test_ctrl_c_releases_all_messages_at_once(stack: LocalStack, folder: Path, tmp_path: Path) -> None:
    sqs = clients_of(stack).sqs
    for position in range(60):
        sqs.send_message(QueueUrl=stack.outputs.dead_letter_queue_url, MessageBody=f"junk {position}")
    environment = {**os.environ, DIRECTORY_VARIABLE: str(folder), STATE_VARIABLE: str(tmp_path / "ops")}
    command = [sys.executable, "-m", "ops", "--stack", "local", "dlq", "list"]

    listing = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    queue = services_of(stack).dead_letter_queue()
    eventually(queue.depth, lambda depth: depth.in_flight > 0)
    listing.send_signal(signal.SIGINT)
    listing.communicate(timeout=30)

    assert queue.depth() == (60, 0, 0)
    assert (
        run_ops(services_of(stack), "dlq", "discard", "--all", "--yes", "--export", str(tmp_path / "x")).exit_code == 0
    )


def test_users_from_before_the_stream_get_their_place_once(stack: LocalStack) -> None:
    users = UsersOverHttp(stack, root_signer(stack))
    switch_stream(stack, on=False)
    before = [users.registered(person(name="Alice")) for _ in range(5)]
    time.sleep(0.05)
    stream_arn = switch_stream(stack, on=True)
    assert stream_arn is not None
    services = services_of(stack, users_stream_arn=stream_arn)
    map_stream(stack, stream_arn)
    since = [users.registered(person(name="Bob")) for _ in range(3)]
    assert users.patch(before[0], {"name": "Alice changed"}).status == 200
    assert users.delete(before[1]).status == 204
    assert answer(run_ops(services, "backfill", "--dry-run"))["backfilled"] == 4
    first = run_ops(services, "backfill", "--rate", "50")
    again = run_ops(services, "backfill")

    assert (first.exit_code, answer(first)["backfilled"], answer(again)["backfilled"]) == (0, 4, 0)
    changed, deleted, *untouched = [[change["kind"] for change in users.activity(user_id)] for user_id in before]
    assert (changed, deleted, untouched) == (["ADDED", "UPDATED"], ["DELETED"], [["ADDED"]] * 3)
    assert [[change["kind"] for change in users.activity(user_id)] for user_id in since] == [["ADDED"]] * 3
    added, updated = users.activity(before[0])
    assert added["changes"]["name"] == {"new": "Alice"}
    assert updated["changes"]["name"] == {"old": "Alice", "new": "Alice changed"}


def test_status_reads_the_running_stack(stack: LocalStack) -> None:
    result = run_ops(services_of(stack), "status")

    found = answer(result)
    assert found["environment"] == "local"
    assert found["localPoller"]["running"]
    assert len(found["queues"]) == 3
    assert {alarm["name"] for alarm in found["alarms"]} >= {"DeadLetterQueueDepth-local"}
    assert "UserChangesDeadLetterQueue-local" in run_ops(services_of(stack), "status", "--table").stdout


def outputs_file(stack: LocalStack, path: Path, **changed: str) -> Path:
    path.write_text(stack.outputs.model_copy(update=changed).model_dump_json(by_alias=True))
    return path


def ops_process(
    stack: LocalStack, outputs: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command as against AWS: with an outputs file, and credentials from the environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = {**kept, "AWS_ENDPOINT_URL": stack.endpoint_url, "AWS_EC2_METADATA_DISABLED": "true", **variables}
    return subprocess.run(
        [sys.executable, "-m", "ops", "--outputs", str(outputs), *arguments],
        cwd=PROJECT,
        env={**environment, "HOME": str(outputs.parent)},
        capture_output=True,
        text=True,
        check=False,
    )


def root(stack: LocalStack) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": stack.access_key_id, "AWS_SECRET_ACCESS_KEY": stack.secret_access_key}


def test_an_error_on_the_way_to_the_stack_names_the_next_step(stack: LocalStack, tmp_path: Path) -> None:
    good = outputs_file(stack, tmp_path / "good.json")
    gone = outputs_file(
        stack, tmp_path / "gone.json", dead_letter_queue_url=stack.outputs.dead_letter_queue_url + "-gone"
    )

    assert ops_process(stack, good, "dlq", "list", **root(stack)).returncode == ExitCode.OK

    no_credentials = ops_process(stack, good, "dlq", "list")
    assert no_credentials.returncode == ExitCode.CANNOT_REACH
    assert re.search(r"Error No AWS credentials.*\nNext  sign in", no_credentials.stderr)

    no_profile = ops_process(stack, good, "--profile", "nobody", "dlq", "list")
    assert no_profile.returncode == ExitCode.CANNOT_REACH
    assert "nobody" in no_profile.stderr

    no_queue = ops_process(stack, gone, "dlq", "list", **root(stack))
    assert no_queue.returncode == ExitCode.NOT_FOUND
    assert "UserChangesDeadLetterQueue-local-gone doesn't exist" in no_queue.stderr

    nobody_there = ops_process(stack, good, "dlq", "list", **root(stack), AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert nobody_there.returncode == ExitCode.CANNOT_REACH
    assert "No answer" in nobody_there.stderr
    for process in (no_credentials, no_profile, no_queue, nobody_there):
        assert "Traceback" not in process.stderr
        assert process.stdout == ""


def test_a_denied_action_is_named(stack: LocalStack, tmp_path: Path) -> None:
    iam = clients_of(stack).iam
    iam.create_user(UserName="onlooker")
    key = iam.create_access_key(UserName="onlooker")["AccessKey"]
    keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    good = outputs_file(stack, tmp_path / "good.json")

    listing = ops_process(stack, good, "dlq", "list", **keys)
    reading = ops_process(stack, good, "activity", "x", **keys)
    health = ops_process(stack, good, "status", "--table", **keys)

    assert (listing.returncode, reading.returncode) == (ExitCode.DENIED, ExitCode.DENIED)
    assert re.search(r"Denied: sqs:GetQueueAttributes on the queue", listing.stderr)
    assert re.search(r"Denied: dynamodb:Query on the table Activity-local", reading.stderr)
    assert health.returncode == ExitCode.UNFINISHED
    assert "Denied: cloudwatch:DescribeAlarms" in health.stdout
