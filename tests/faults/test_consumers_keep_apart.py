"""Two consumers of one stack get every change, whatever happens to the other one or to the poller.

`make faults CHANGES=10000` runs the same test with more changes.
"""

import os
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from functions.runtime.json_log import JsonObject
from infra.consumers import publish_user_events
from local.events import archived_events
from local.state import clients_of, read_local_stack
from tests.faults.conftest import OwnStack
from tests.support.faults.audit import Audit, AuditResult
from tests.support.faults.random_changes import write_changes
from tests.support.local.mapped_function import eventually

CHANGES = int(os.environ.get("USERSTREAM_FAULT_CHANGES", "1000"))
SEED = int(os.environ.get("USERSTREAM_FAULT_SEED", "1"))
KILLS = 3

VISIBILITY_SECONDS = 60
"""Of the consumer's queue, in place of minutes: so long a throttled message waits. After
five such times it is given up, which a slow machine must not reach."""

CONSUMER = publish_user_events.CONSUMER

pytestmark = [
    pytest.mark.local,
    pytest.mark.skipif(sys.platform != "linux", reason="as the other tests under faults"),
    pytest.mark.timeout(max(900, CHANGES // 4)),
]


def test_each_consumer_gets_all_while_another_is_throttled_or_poisoned_and_the_poller_killed(
    own_stack: OwnStack,
) -> None:
    stack, directory = own_stack
    clients, audit = clients_of(stack), Audit(stack)
    patience_seconds = 400 + CHANGES / 20
    queue_url = getattr(stack.outputs, "publish_user_events_queue_url")  # noqa: B009  made from the declaration
    clients.sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)})
    publisher = CONSUMER.function_name(stack.outputs.environment)
    clients.lambda_.put_function_concurrency(FunctionName=publisher, ReservedConcurrentExecutions=0)
    # Names no change: poison for the consumer of this queue alone.
    clients.sqs.send_message(
        QueueUrl=queue_url, MessageBody="{}", MessageGroupId="nobody", MessageDeduplicationId="nobody"
    )

    write_changes(stack, CHANGES, SEED, denied=0)
    for _ in range(KILLS):
        _kill_poller(directory)
        time.sleep(1)
    # The change of a schema that nobody knows is poison for log_user_changes alone.
    logged = eventually(audit.result, lambda result: len(_ended(result)) == CHANGES, patience_seconds)
    assert logged.is_sound, str(logged)
    assert logged.dead_lettered, "no change was unsupported"
    assert archived_events(stack, clients) == [], "the throttled consumer published"

    clients.lambda_.delete_function_concurrency(FunctionName=publisher)
    _kill_poller(directory)
    changes = {item["eventId"]["S"]: item for items in audit.activity().values() for item in items}
    events = eventually(
        lambda: [event["detail"] for event in archived_events(stack, clients)],
        lambda details: {detail["eventId"] for detail in details} >= changes.keys(),
        patience_seconds + 5 * VISIBILITY_SECONDS,
    )

    assert {detail["eventId"] for detail in events} == changes.keys()
    for detail in events:
        assert detail["changeId"] == changes[detail["eventId"]]["changeId"]["S"]
    assert _first_order(events) == {user: sorted(ids) for user, ids in _first_order(events).items()}
    letters = eventually(lambda: _dead_letters(audit), bool, patience_seconds)
    assert [letter["kind"] for letter in letters] == ["permanent"]


def _kill_poller(directory: Path) -> None:
    """Kill the poller as `kill -9` does; the supervisor starts the next one."""
    before = read_local_stack(directory).poller_pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    eventually(
        lambda: read_local_stack(directory).poller_pid,
        lambda pid: pid not in (None, before),
        60,
    )


def _ended(result: AuditResult) -> set[str]:
    return result.kept | result.dead_lettered | result.in_both


def _dead_letters(audit: Audit) -> list[JsonObject]:
    audit.take_dead_letters()
    return [
        letter
        for letters in audit.envelopes.values()
        for letter in letters
        if CONSUMER.base_name in letter["sourceFunction"]
    ]


def _first_order(events: list[JsonObject]) -> dict[str, list[str]]:
    """Return each user's change ids in the order in which they were first published."""
    order: dict[str, dict[str, None]] = defaultdict(dict)
    for event in events:
        order[event["userId"]][event["changeId"]] = None
    return {user: list(ids) for user, ids in order.items()}
