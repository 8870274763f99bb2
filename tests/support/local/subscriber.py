"""examples/welcome_new_users deployed beside a local stack, and what it did for each user."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from infra.naming import PROJECT_ROOT
from local.events import bus_of
from local.process import child_environment
from local.state import LocalStack, clients_of
from tests.support.local.mapped_function import eventually

EXAMPLE = PROJECT_ROOT / "examples" / "welcome_new_users"
RULE = "WelcomeNewUsers-local"
TABLE = "Welcomes-local"


def deploy_command(directory: Path, project: Path = EXAMPLE) -> list[str]:
    return [sys.executable, "-m", "local", "deploy", str(project), "--state-dir", str(directory)]


def deploy(directory: Path, project: Path = EXAMPLE) -> subprocess.CompletedProcess[str]:
    """Deploy a project as its team would on this machine."""
    return subprocess.run(
        deploy_command(directory, project),
        cwd=PROJECT_ROOT,
        env=child_environment(os.environ, COLUMNS="200"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@dataclass(frozen=True)
class Subscriber:
    """The example's resources in the emulator of a stack."""

    stack: LocalStack

    def publish(self, details: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Put events on the bus as publish_user_events does: pairs of detail-type and detail."""
        entries = [
            {
                "EventBusName": bus_of(self.stack),
                "Source": "userstream.local",
                "DetailType": detail_type,
                "Detail": json.dumps(detail),
            }
            for detail_type, detail in details
        ]
        for start in range(0, len(entries), 10):
            call: Any = entries[start : start + 10]
            assert clients_of(self.stack).events.put_events(Entries=call)["FailedEntryCount"] == 0

    def welcomes(self, user_ids: Sequence[str]) -> dict[str, int]:
        """Return how often each of these users was welcomed; those who never were are left out."""
        dynamodb = clients_of(self.stack).dynamodb
        items = [
            dynamodb.get_item(TableName=TABLE, Key={"userId": {"S": user_id}}, ConsistentRead=True).get("Item", {})
            for user_id in user_ids
        ]
        counts = {
            user_id: int(item.get("welcomes", {}).get("N", 0)) for user_id, item in zip(user_ids, items, strict=True)
        }
        return {user_id: count for user_id, count in counts.items() if count}

    def eventually_welcomes(self, user_ids: Sequence[str]) -> None:
        """Wait until each of these users is welcomed once."""
        eventually(lambda: self.welcomes(user_ids), lambda seen: seen == dict.fromkeys(user_ids, 1))

    def settle(self) -> None:
        """Wait until the queue is empty: every event that arrived is handled."""
        sqs = clients_of(self.stack).sqs
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        queue_url = sqs.get_queue_url(QueueName="WelcomeNewUsersQueue-local")["QueueUrl"]
        eventually(
            lambda: sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"],
            lambda counts: set(counts.values()) == {"0"},
        )

    def switch(self, *, on: bool) -> None:
        """Enable or disable the rule."""
        events = clients_of(self.stack).events
        change = events.enable_rule if on else events.disable_rule
        change(Name=RULE, EventBusName=bus_of(self.stack))

    def replay(self, name: str, since: datetime) -> None:
        """Replay the archive to the example's rule, as in docs/events.md, and wait for the end."""
        events = clients_of(self.stack).events
        outputs = self.stack.outputs
        archive = events.describe_archive(ArchiveName=str(outputs.user_events_archive_name))
        rule = events.describe_rule(Name=RULE, EventBusName=bus_of(self.stack))
        events.start_replay(
            ReplayName=name,
            EventSourceArn=archive["ArchiveArn"],
            EventStartTime=since - timedelta(seconds=1),
            EventEndTime=datetime.now(UTC) + timedelta(seconds=1),
            Destination={"Arn": str(outputs.user_events_bus_arn), "FilterArns": [rule["Arn"]]},
        )
        eventually(lambda: events.describe_replay(ReplayName=name)["State"], lambda state: state == "COMPLETED")


def wait_for_lines(path: Path, count: int, newer_than: int, seconds: float = 60.0) -> None:
    """Wait until a file that was written after a time (of `st_mtime_ns`) has so many lines."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(FileNotFoundError):
            lines = path.read_text(encoding="utf-8").splitlines()
            if len(lines) >= count and path.stat().st_mtime_ns > newer_than:
                return
        assert time.monotonic() < deadline, f"{path} has fewer than {count} new lines after {seconds} s"
        time.sleep(0.005)
