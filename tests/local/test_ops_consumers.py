"""A consumer's failure on a running stack: in its own part of the list, replayed into itself."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from infra.consumers import publish_user_events
from local.events import archived_events
from local.state import clients_of
from ops.errors import ExitCode
from ops.job import STATE_VARIABLE
from tests.support.local.local_stack import LocalStack, running_local_stack
from tests.support.local.mapped_function import eventually
from tests.support.local.ops_stack import answer, run_ops, services_of
from tests.support.local.users_over_http import UsersOverHttp, person, root_signer
from tests.support.ops.declared_consumers import failed_record, queue_record
from tests.support.ops.ops_in_memory import of_stack


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[LocalStack]:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "ops"))
    with running_local_stack(tmp_path) as running:
        yield running


def test_a_failure_of_a_consumer_with_a_queue_is_replayed_into_it(stack: LocalStack) -> None:
    consumer = publish_user_events.CONSUMER
    users = UsersOverHttp(stack, root_signer(stack))
    user_id = users.registered(person())
    (added,) = eventually(lambda: users.activity(user_id), lambda changes: len(changes) == 1)
    good = queue_record(0, user_id, consumer=consumer)
    message = json.loads(good["body"]) | {"changeId": added["changeId"]}
    records = [
        good | {"body": json.dumps(message)},
        good | {"messageId": "refused", "body": json.dumps(message | {"kind": "NO SUCH KIND", "eventId": "b" * 32})},
    ]
    for record in records:
        failed = of_stack(failed_record(record, consumer), stack.outputs)
        clients_of(stack).sqs.send_message(QueueUrl=stack.outputs.dead_letter_queue_url, MessageBody=failed.to_json())
    services = services_of(stack)

    def published() -> int:
        return sum(user_id in json.dumps(event) for event in archived_events(stack, clients_of(stack)))

    eventually(published, lambda events: events == 1)  # by its own delivery
    replayed = run_ops(services, "dlq", "replay", "--consumer", "publish-user-events")

    assert replayed.exit_code == ExitCode.UNFINISHED, replayed.output
    (of_consumer,) = answer(replayed)["consumers"]
    assert (of_consumer["replayed"], of_consumer["refusedAgain"]) == (1, 1)
    (left,) = answer(replayed)["failures"]
    assert (left["failureId"], left["detail"][:16]) == (f"publish-user-events.{'b' * 32}", "kind must be one")
    listed = answer(run_ops(services, "dlq", "list"))["consumers"]
    assert listed == [{"consumer": "publish-user-events", "failures": 1, "messages": 1}]
    eventually(published, lambda events: events == 2)
    assert run_ops(services, "dlq", "discard", left["failureId"], "--yes").exit_code == 0
    health = {one["consumer"]: one for one in answer(run_ops(services, "status"))["consumers"]}
    assert health["publish-user-events"]["queue"]["name"] == consumer.queue_name("local")
