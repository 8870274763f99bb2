"""`python -m local events`: what is on the stack's bus, from the archive and as it is published."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.naming import PROJECT_ROOT
from local.events import archived_events, bus_of
from local.process import child_environment
from local.state import LocalStack, LocalStackError, clients_of
from tests.support.local.mapped_function import eventually

Printed = subprocess.CompletedProcess[str]


def command(*arguments: str, directory: Path) -> list[str]:
    return [sys.executable, "-m", "local", "events", *arguments, "--state-dir", str(directory)]


def printed(*arguments: str, directory: Path) -> Printed:
    """Run the command as a user would, without colours."""
    return subprocess.run(
        command(*arguments, directory=directory),
        cwd=PROJECT_ROOT,
        env=child_environment(os.environ, COLUMNS="200"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def followed(*arguments: str, directory: Path, output: Path) -> Generator[subprocess.Popen[bytes]]:
    """Run `events --follow` with its output in a file; end it if the block doesn't."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            command("--follow", *arguments, directory=directory),
            cwd=PROJECT_ROOT,
            env=child_environment(os.environ, COLUMNS="200"),
            stdout=file,
            stderr=file,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def publish(stack: LocalStack, user_id: str, email: str = "alice@example.com") -> None:
    """Put an event on the bus as publish_user_events would."""
    detail = {"userId": user_id, "version": 2, "changedFields": ["email", "name"], "values": {"email": email}}
    answer = clients_of(stack).events.put_events(
        Entries=[
            {
                "EventBusName": bus_of(stack),
                "Source": "userstream.local",
                "DetailType": "UserChanged",
                "Detail": json.dumps(detail),
            }
        ]
    )
    assert answer["FailedEntryCount"] == 0


def followers(stack: LocalStack) -> tuple[list[str], list[str]]:
    """Return the rules and the queues of followers."""
    clients = clients_of(stack)
    rules = clients.events.list_rules(EventBusName=bus_of(stack), NamePrefix="FollowedBy")["Rules"]
    queues = clients.sqs.list_queues(QueueNamePrefix="FollowedBy").get("QueueUrls", [])
    return [rule.get("Name", "") for rule in rules], queues


def test_archived_events_are_printed_one_a_line(local_stack: LocalStack, local_stack_directory: Path) -> None:
    user_id = str(uuid.uuid4())
    publish(local_stack, user_id)

    readable, raw = printed(directory=local_stack_directory), printed("--raw", directory=local_stack_directory)

    (line,) = [each for each in readable.stdout.splitlines() if user_id in each]
    assert line[9:] == f"UserChanged {user_id}  version 2  email=alice@example.com  name"
    (event,) = [json.loads(each) for each in raw.stdout.splitlines() if user_id in each]
    assert (event["source"], event["detail-type"]) == ("userstream.local", "UserChanged")
    assert event["detail"]["values"] == {"email": "alice@example.com"}


def test_a_value_cannot_control_the_terminal(local_stack: LocalStack, local_stack_directory: Path) -> None:
    user_id = str(uuid.uuid4())
    publish(local_stack, user_id, "\x1b[2Jalice\n12:00:00 UserDeleted")

    (line,) = [each for each in printed(directory=local_stack_directory).stdout.splitlines() if user_id in each]

    assert "email=�[2Jalice�12:00:00 UserDeleted" in line


def test_since_leaves_older_events_out(local_stack: LocalStack, local_stack_directory: Path) -> None:
    user_id = str(uuid.uuid4())
    publish(local_stack, user_id)
    later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()

    assert user_id in printed("--since", "10m", directory=local_stack_directory).stdout
    assert user_id not in printed("--since", later, directory=local_stack_directory).stdout
    refused = printed("--since", "yesterday", directory=local_stack_directory)
    assert refused.returncode == 2
    assert "'yesterday' is neither 10m ago nor a time in ISO 8601" in refused.stderr


def test_follow_prints_each_event_once_and_leaves_no_rule_and_no_queue(
    local_stack: LocalStack, local_stack_directory: Path, tmp_path: Path
) -> None:
    before, after = (str(uuid.uuid4()) for _ in range(2))
    publish(local_stack, before)
    output = tmp_path / "events.txt"

    with followed(directory=local_stack_directory, output=output) as process:
        eventually(output.read_text, lambda text: before in text)
        publish(local_stack, after)
        text = eventually(output.read_text, lambda text: after in text)
        assert followers(local_stack)[0] == [f"FollowedBy{process.pid}"]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0

    assert (text.count(before), text.count(after)) == (1, 1)
    assert followers(local_stack) == ([], [])


def test_a_replay_is_printed_again_and_named(
    local_stack: LocalStack, local_stack_directory: Path, tmp_path: Path
) -> None:
    user_id, replay = str(uuid.uuid4()), f"replay-{uuid.uuid4()}"
    publish(local_stack, user_id)
    output = tmp_path / "events.txt"
    events = clients_of(local_stack).events
    archive = events.describe_archive(ArchiveName=str(local_stack.outputs.user_events_archive_name))

    with followed(directory=local_stack_directory, output=output):
        eventually(output.read_text, lambda text: user_id in text)
        events.start_replay(
            ReplayName=replay,
            EventSourceArn=archive["ArchiveArn"],
            EventStartTime=datetime.now(UTC) - timedelta(minutes=1),
            EventEndTime=datetime.now(UTC) + timedelta(seconds=1),
            Destination={"Arn": str(local_stack.outputs.user_events_bus_arn)},
        )
        text = eventually(output.read_text, lambda text: text.count(user_id) == 2)

    assert text.count(f"replay {replay}") >= 1


def test_what_a_killed_follower_left_is_removed_by_the_next(
    local_stack: LocalStack, local_stack_directory: Path, tmp_path: Path
) -> None:
    user_id = str(uuid.uuid4())
    publish(local_stack, user_id)
    with followed(directory=local_stack_directory, output=tmp_path / "killed.txt"):
        eventually((tmp_path / "killed.txt").read_text, lambda text: user_id in text)
    rules, queues = followers(local_stack)
    assert len(rules) == len(queues) == 1

    with followed(directory=local_stack_directory, output=tmp_path / "next.txt") as process:
        eventually((tmp_path / "next.txt").read_text, lambda text: user_id in text)
        assert followers(local_stack)[0] == [f"FollowedBy{process.pid}"]
        process.terminate()
        process.wait(30)

    assert followers(local_stack) == ([], [])


def test_a_stack_without_events_says_how_to_switch_them_on(local_stack: LocalStack) -> None:
    without: Any = {"user_events_bus_name": None, "user_events_bus_arn": None, "user_events_archive_name": None}
    stack = local_stack.model_copy(update={"outputs": local_stack.outputs.model_copy(update=without)})

    with pytest.raises(LocalStackError, match="userstream:userEventsEnabled to true"):
        archived_events(stack, clients_of(stack))
