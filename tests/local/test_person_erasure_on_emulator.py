"""`person erase` on a running stack: nothing of the person is in any service, byte by byte."""

import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from functions.activity.closing_item import CLOSING_CHANGE_ID
from functions.runtime.json_log import json_line
from functions.users.user import held_keys
from local.state import clients_of
from ops.errors import ExitCode
from ops.job import STATE_VARIABLE, Job
from ops.person.erase import Erasure
from ops.person.places import places_of
from ops.person.queues import DeadLetters, Pointers
from tests.support.local.erasure import HasteClock, leave_failures, records_of
from tests.support.local.local_stack import LocalStack, running_local_stack
from tests.support.local.mapped_function import eventually
from tests.support.local.ops_stack import answer, run_ops, services_of
from tests.support.local.users_over_http import UsersOverHttp, person, root_signer
from tests.support.ops.ops_in_memory import envelope, of_stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalStack]:
    with running_local_stack(tmp_path_factory.mktemp("erasure")) as running:
        yield running


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "ops"))


def held(stack: LocalStack) -> Iterator[str]:
    """Yield all that the tables, the queues and the bucket hold, as text."""
    clients, outputs = clients_of(stack), stack.outputs
    for table in (outputs.users_table_name, outputs.user_keys_table_name, outputs.activity_table_name):
        yield json_line(clients.dynamodb.scan(TableName=table)["Items"])
    services = services_of(stack)
    for queue in [place.queue for place in places_of(services) if isinstance(place, DeadLetters | Pointers)]:
        received: list[str] = []
        while messages := queue.receive(2):
            received += [message.body for message in messages]
        yield json_line(received)
    bucket = outputs.failed_records_bucket_name
    for version in clients.s3.list_object_versions(Bucket=bucket).get("Versions", []):
        body: Any = clients.s3.get_object(
            Bucket=bucket, Key=version.get("Key", ""), VersionId=version.get("VersionId", "")
        )
        yield body["Body"].read().decode()


def test_nothing_of_an_erased_person_is_found_and_others_stay(stack: LocalStack) -> None:
    users = UsersOverHttp(stack, root_signer(stack))
    names = {one: f"{one} {uuid4().hex}" for one in ("Eve", "Adam")}
    people = {one: person(name=name) for one, name in names.items()}
    ids = {one: users.registered(people[one], uuid4().hex) for one in names}
    for one, user_id in ids.items():
        assert users.patch(user_id, {"name": names[one] + " since"}).status == 200
        eventually(lambda user_id=user_id: users.activity(user_id), lambda changes: len(changes) == 2)
        leave_failures(stack, user_id, names[one])
    before = sorted(text.count(names["Adam"]) for text in held(stack) if names["Adam"] in text)
    assert any(names["Eve"] in text for text in held(stack))
    clock = HasteClock()

    report = Erasure(services_of(stack), ids["Eve"], Job(now=clock.now, sleep=clock.sleep)).run()

    assert report.complete, report
    removed = {one.place: one.removed for one in report.places}
    assert (removed["users"], removed["activity"]) == (1, 2)
    assert removed["user-keys"] == len({*held_keys(people["Eve"]), "of the request"})
    assert (removed["dead-letter-queue"], removed["failure-redrive-queue"], removed["large-records"]) == (1, 1, 2)
    assert not [text for text in held(stack) if names["Eve"] in text]
    assert sorted(text.count(names["Adam"]) for text in held(stack) if names["Adam"] in text) == before
    assert users.get(ids["Eve"]).status == 404
    assert [change["kind"] for change in users.activity(ids["Adam"])] == ["ADDED", "UPDATED"]

    # The deletion's own record, and one that comes again, bring nothing back.
    record = of_stack(envelope(records_of(ids["Eve"], names["Eve"])[0]), stack.outputs).record
    record["dynamodb"]["NewImage"]["schemaVersion"] = {"N": "1"}
    clients_of(stack).lambda_.invoke(
        FunctionName=stack.outputs.log_user_changes_function_name,
        Payload=json.dumps({"Records": [record]}).encode(),
    )
    items = clients_of(stack).dynamodb.query(
        TableName=stack.outputs.activity_table_name,
        KeyConditionExpression="userId = :user",
        ExpressionAttributeValues={":user": {"S": ids["Eve"]}},
    )["Items"]
    assert [item["changeId"].get("S") for item in items] == [CLOSING_CHANGE_ID]


def test_a_user_of_a_restored_table_is_erased_again_by_the_command(stack: LocalStack) -> None:
    clients, outputs = clients_of(stack), stack.outputs
    users = UsersOverHttp(stack, root_signer(stack))
    user_id = users.registered(person())
    key: Any = {"userId": {"S": user_id}}
    stored: Any = clients.dynamodb.get_item(TableName=outputs.users_table_name, Key=key).get("Item")
    clock = HasteClock()
    first = Erasure(services_of(stack), user_id, Job(now=clock.now, sleep=clock.sleep)).run()
    assert first.complete, first
    # The marker is an hour old, so the command needn't wait.
    clients.dynamodb.update_item(
        TableName=outputs.activity_table_name,
        Key={**key, "changeId": {"S": CLOSING_CHANGE_ID}},
        UpdateExpression="SET occurredAt = :then",
        ExpressionAttributeValues={":then": {"S": "2026-01-01T00:00:00.000Z"}},
    )
    clients.dynamodb.put_item(TableName=outputs.users_table_name, Item=stored)

    counted = run_ops(services_of(stack), "person", "erase", user_id, "--dry-run")
    again = run_ops(services_of(stack), "person", "erase", user_id, "--yes")

    assert counted.exit_code == ExitCode.OK, counted.output
    assert again.exit_code == ExitCode.OK, again.output
    assert answer(again)["erasedAt"] == "2026-01-01T00:00:00.000Z"
    for result in (counted, again):
        assert {one["place"]: one["removed"] for one in answer(result)["places"]}["users"] == 1
    assert "Item" not in clients.dynamodb.get_item(TableName=outputs.users_table_name, Key=key)
