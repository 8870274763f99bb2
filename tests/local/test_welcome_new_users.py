"""The first subscriber, examples/welcome_new_users, welcomes each user once, whatever happens."""

import importlib.util
import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.naming import PROJECT_ROOT
from local.process import child_environment
from local.state import LocalStack, clients_of
from tests.support.local.subscriber import EXAMPLE, TABLE, Subscriber, deploy, deploy_command, wait_for_lines

RESOURCES = 14


@pytest.fixture(scope="module")
def subscriber(local_stack: LocalStack, local_stack_directory: Path) -> Subscriber:
    deployed = deploy(local_stack_directory)
    assert deployed.returncode == 0, deployed.stderr
    return Subscriber(local_stack)


def detail(user_id: str, number: int) -> dict[str, Any]:
    """Return the part of an event's detail that the subscriber reads."""
    return {"schemaVersion": 1, "userId": user_id, "changeId": f"{number:040}", "eventId": f"{user_id}-{number}"}


def registrations(user_ids: list[str]) -> list[tuple[str, dict[str, Any]]]:
    return [("UserRegistered", detail(user_id, 1)) for user_id in user_ids]


def new_users(count: int) -> list[str]:
    return [str(uuid.uuid4()) for _ in range(count)]


def test_a_redelivered_registration_is_welcomed_once(subscriber: Subscriber) -> None:
    users = new_users(15)

    subscriber.publish([*registrations(users), *registrations(users)])

    subscriber.eventually_welcomes(users)
    subscriber.settle()
    assert subscriber.welcomes(users) == dict.fromkeys(users, 1)


def test_a_registration_that_its_deletion_overtook_is_not_welcomed(subscriber: Subscriber) -> None:
    gone, here = new_users(2)

    subscriber.publish([("UserDeleted", detail(gone, 2))])
    subscriber.settle()
    subscriber.publish(registrations([gone, here]))

    subscriber.eventually_welcomes([here])
    subscriber.settle()
    assert subscriber.welcomes([gone]) == {}


def test_a_subscriber_that_was_off_replays_the_archive_and_misses_nothing(subscriber: Subscriber) -> None:
    began = datetime.now(UTC)
    before, meanwhile, after = new_users(10), new_users(25), new_users(5)
    subscriber.publish(registrations(before))
    subscriber.eventually_welcomes(before)

    subscriber.switch(on=False)
    subscriber.publish(registrations(meanwhile))
    subscriber.settle()
    assert subscriber.welcomes(meanwhile) == {}

    subscriber.switch(on=True)
    subscriber.publish(registrations(after))
    subscriber.replay(f"missed-{uuid.uuid4()}", since=began)

    everybody = [*before, *meanwhile, *after]
    subscriber.eventually_welcomes(everybody)
    subscriber.settle()
    assert subscriber.welcomes(everybody) == dict.fromkeys(everybody, 1)


@pytest.mark.parametrize("lines", [1, 2, 5, 12, 20])
def test_a_deployment_that_was_killed_begins_anew(
    subscriber: Subscriber, local_stack_directory: Path, lines: int
) -> None:
    record = local_stack_directory / "deployed" / "welcome-new-users.jsonl"
    last = record.stat().st_mtime_ns
    process = subprocess.Popen(
        deploy_command(local_stack_directory),
        cwd=PROJECT_ROOT,
        env=child_environment(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for_lines(record, lines, newer_than=last)
    process.kill()
    process.wait()
    assert len(record.read_text(encoding="utf-8").splitlines()) < 2 * RESOURCES

    again = deploy(local_stack_directory)

    assert again.returncode == 0, again.stderr
    assert f"{RESOURCES} resources deployed" in again.stdout
    users = new_users(1)
    subscriber.publish(registrations(users))
    subscriber.eventually_welcomes(users)


@pytest.mark.usefixtures("local_stack")
def test_a_project_that_references_another_stack_is_told_which_there_are(
    local_stack_directory: Path, tmp_path: Path
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: elsewhere\nruntime: python\n")
    (tmp_path / "Pulumi.local.yaml").write_text("config: {}\n")
    (tmp_path / "__main__.py").write_text(
        "import pulumi\npulumi.StackReference('organization/userstream/dev').require_output('apiUrl')\n"
    )

    printed = deploy(local_stack_directory, tmp_path)

    assert printed.returncode == 1
    assert (
        "StackReference 'organization/userstream/dev': this machine has no such stack. "
        "Those there are: organization/userstream/local"
    ) in printed.stderr


@pytest.mark.usefixtures("local_stack")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "is not that of a Pulumi project"),
        ("- a list", "is not that of a Pulumi project"),
        ("name: x\nruntime: nodejs", "this one's runtime is nodejs"),
        ("name: x\nruntime: {name: python}", "Pulumi.local.yaml does not exist"),
    ],
)
def test_what_is_no_project_for_this_machine_is_refused(
    local_stack_directory: Path, tmp_path: Path, text: str | None, reason: str
) -> None:
    if text is not None:
        (tmp_path / "Pulumi.yaml").write_text(text)

    printed = deploy(local_stack_directory, tmp_path)

    assert printed.returncode == 1
    assert reason in printed.stderr
    assert "Traceback" not in printed.stderr


def load_handler(stack: LocalStack) -> ModuleType:
    """Import the example's function, with a client of the stack's DynamoDB."""
    spec = importlib.util.spec_from_file_location("welcome_handler", EXAMPLE / "function" / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.dynamodb = clients_of(stack).dynamodb  # pyright: ignore[reportAttributeAccessIssue]
    return module


@pytest.fixture(scope="module")
def welcome_handler(subscriber: Subscriber) -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", subscriber.stack.region)
        patch.setenv("WELCOMES_TABLE", TABLE)
        yield load_handler(subscriber.stack)


def record_of(detail_type: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"messageId": content["eventId"], "body": json.dumps({"detail-type": detail_type, "detail": content})}


@given(lives=st.integers(1, 3), gone=st.booleans(), order=st.randoms(use_true_random=False), repeats=st.integers(0, 4))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_any_order_the_last_event_counts_and_each_registration_welcomes_at_most_once(  # noqa: PLR0913
    subscriber: Subscriber, welcome_handler: ModuleType, lives: int, *, gone: bool, order: Random, repeats: int
) -> None:
    (user_id,) = new_users(1)
    kinds = ["UserRegistered", "UserDeleted"] * lives
    events = [(kind, detail(user_id, number)) for number, kind in enumerate(kinds[: 2 * lives - (not gone)])]
    delivered = [*events, *(order.choice(events) for _ in range(repeats))]
    order.shuffle(delivered)

    for kind, content in delivered:
        assert welcome_handler.handler({"Records": [record_of(kind, content)]}, None) == {"batchItemFailures": []}

    dynamodb = clients_of(subscriber.stack).dynamodb
    item = dynamodb.get_item(TableName=TABLE, Key={"userId": {"S": user_id}}, ConsistentRead=True).get("Item", {})
    assert item["changeId"] == {"S": events[-1][1]["changeId"]}
    assert ("welcomedAt" in item) is not gone
    assert int(item.get("welcomes", {}).get("N", 0)) <= lives
    assert gone or int(item.get("welcomes", {}).get("N", 0)) >= 1


def test_a_message_that_fails_comes_again_alone(subscriber: Subscriber, welcome_handler: ModuleType) -> None:
    (user_id,) = new_users(1)
    broken = {"messageId": "broken", "body": "no JSON"}
    good = record_of("UserRegistered", detail(user_id, 1))

    answer = welcome_handler.handler({"Records": [broken, good]}, None)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "broken"}]}
    assert subscriber.welcomes([user_id]) == {user_id: 1}
