"""The history of deleted users, in real tables and on the running stack."""

import json
from datetime import datetime
from typing import Any

import pytest

from functions.activity.closing_item import CLOSING_CHANGE_ID
from functions.activity.deleted_history import has_values
from functions.activity.items import SECONDS_PER_DAY, activity_item
from functions.log_user_changes.deleted_history import DeletedHistory
from functions.runtime.json_log import JsonObject
from functions.stream_records.user_change import parse_user_change
from local.state import clients_of
from tests.support.aws.signature_v4 import Signer
from tests.support.local.local_stack import LocalStack
from tests.support.local.mapped_function import eventually
from tests.support.local.users_over_http import UsersOverHttp, person
from tests.support.records.record_processing_fakes import ManualClock
from tests.support.records.record_strategies import stream_record
from tests.support.users.users_in_dynamodb import UsersInDynamoDB

DYNAMODB = ["dynamodb_emulator", pytest.param("dynamodb_local", marks=pytest.mark.java)]
RETENTION_DAYS = 365


@pytest.fixture(params=DYNAMODB)
def tables(request: pytest.FixtureRequest) -> UsersInDynamoDB:
    return UsersInDynamoDB(request.getfixturevalue(request.param).client())


def image(user_id: str, number: int) -> JsonObject:
    return {"userId": {"S": user_id}, "name": {"S": f"secret {number}"}, "about": {"S": "x" * 90_000}}


def put_history(tables: UsersInDynamoDB, user_id: str, changes: int) -> JsonObject:
    """Store the history of a user, of several pages; return the record of the deletion."""
    images = [image(user_id, number) for number in range(changes)]
    added = stream_record("INSERT", 0, user_id, None, images[0])
    updates = [
        stream_record("MODIFY", at, user_id, images[at - 1] | {"about": {"S": "y" * 90_000}}, images[at])
        for at in range(1, changes)
    ]
    deleted = stream_record("REMOVE", changes, user_id, images[-1], None)
    for record in (added, *updates, deleted):
        item: Any = activity_item(parse_user_change(record), RETENTION_DAYS)
        tables.client.put_item(TableName=tables.tables.activity, Item=item)
    return deleted


@pytest.mark.parametrize("days", [0, 7])
def test_a_history_of_several_pages_is_limited_and_again_changes_nothing(tables: UsersInDynamoDB, days: int) -> None:
    deletion = parse_user_change(put_history(tables, "eve", 20))
    put_history(tables, "adam", 2)
    others = [item for item in tables.activity() if item["userId"] == {"S": "adam"}]
    rule = DeletedHistory(
        tables.client, tables.tables.activity, days=days, retention_days=RETENTION_DAYS, clock=ManualClock()
    )
    assert rule.limit(deletion, noted=False) is None
    limited = tables.activity()
    assert rule.limit(deletion, noted=False) is None
    assert sorted(tables.activity(), key=str) == sorted(limited, key=str)

    assert [item for item in limited if item["userId"] == {"S": "adam"}] == others
    entries = [item for item in limited if item["userId"] == {"S": "eve"} and item["changeId"]["S"] < CLOSING_CHANGE_ID]
    assert len(entries) == 21
    if days:
        ends = {int(entry["expiresAt"]["N"]) for entry in entries}
        assert ends == {int(deletion.occurred_seconds) + days * SECONDS_PER_DAY}
        assert all(map(has_values, entries))
    else:
        assert not any(map(has_values, entries))
        assert "secret" not in str(entries)


@pytest.mark.local
def test_the_history_of_a_user_deleted_through_the_api_expires_as_the_setting_says(
    local_stack: LocalStack, api_caller: Signer
) -> None:
    users, outputs, clients = UsersOverHttp(local_stack, api_caller), local_stack.outputs, clients_of(local_stack)
    function = clients.lambda_.get_function_configuration(FunctionName=outputs.log_user_changes_function_name)
    days = int(function.get("Environment", {}).get("Variables", {})["DELETED_USER_HISTORY_DAYS"])
    user_id = json.loads(users.register(person()).body)["userId"]

    def history() -> list[JsonObject]:
        request: Any = {
            "TableName": outputs.activity_table_name,
            "KeyConditionExpression": "userId = :user",
            "ExpressionAttributeValues": {":user": {"S": user_id}},
        }
        items: Any = clients.dynamodb.query(**request)["Items"]
        return [item for item in items if item["changeId"]["S"] != CLOSING_CHANGE_ID]

    eventually(history, lambda items: len(items) == 1)
    users.patch(user_id, {"name": "Alice"})
    users.delete(user_id)
    eventually(history, lambda items: len(items) == 3)
    deleted = history()[-1]
    ends = datetime.fromisoformat(deleted["occurredAt"]["S"]).timestamp() + days * SECONDS_PER_DAY
    eventually(
        lambda: {int(item["expiresAt"]["N"]) for item in history()}, lambda ends_at: all(end <= ends for end in ends_at)
    )
