"""Keys of users deleted past the API, in real tables and on the running stack."""

import json
from time import sleep
from typing import Any

import pytest

from functions.log_user_changes.left_keys import LeftKeys
from functions.stream_records.user_change import parse_user_change
from local.state import clients_of
from tests.support.aws.signature_v4 import Signer
from tests.support.local.local_stack import LocalStack
from tests.support.local.users_over_http import UsersOverHttp, person
from tests.support.records.record_processing_fakes import ManualClock
from tests.support.records.record_strategies import stream_record
from tests.support.users.users_in_dynamodb import UsersInDynamoDB

DYNAMODB = ["dynamodb_emulator", pytest.param("dynamodb_local", marks=pytest.mark.java)]


@pytest.fixture(params=DYNAMODB)
def tables(request: pytest.FixtureRequest) -> UsersInDynamoDB:
    return UsersInDynamoDB(request.getfixturevalue(request.param).client())


def free(tables: UsersInDynamoDB, user_id: str, **values: str) -> str | None:
    """Process the deletion of a user with these values."""
    image = {name: {"S": value} for name, value in {"userId": user_id, **values}.items()}
    names = tables.tables
    keys = LeftKeys(tables.client, users_table=names.users, user_keys_table=names.user_keys, clock=ManualClock())
    return keys.free(parse_user_change(stream_record("REMOVE", 0, user_id, image, None)))


def put_key(tables: UsersInDynamoDB, key: str, owner: str) -> None:
    tables.client.put_item(TableName=tables.tables.user_keys, Item={"key": {"S": key}, "userId": {"S": owner}})


def test_the_keys_of_a_deleted_user_are_freed_and_again_changes_nothing(tables: UsersInDynamoDB) -> None:
    put_key(tables, "email#a@example.com", "1")
    put_key(tables, "username#alice", "1")
    put_key(tables, "username#bob", "2")
    for _ in range(2):
        assert free(tables, "1", email="A@example.com", username="Alice") is None
        assert tables.owners() == {"username#bob": "2"}


def test_a_key_of_another_user_stays_and_keeps_no_other_back(tables: UsersInDynamoDB) -> None:
    put_key(tables, "email#a@example.com", "2")
    put_key(tables, "username#alice", "1")

    assert free(tables, "1", email="a@example.com", username="alice") is None
    assert tables.owners() == {"email#a@example.com": "2"}


def test_a_user_who_is_stored_again_keeps_the_keys(tables: UsersInDynamoDB) -> None:
    tables.put_user(userId="1", email="a@example.com")
    put_key(tables, "email#a@example.com", "1")

    assert free(tables, "1", email="a@example.com") is None
    assert tables.owners() == {"email#a@example.com": "1"}


@pytest.mark.local
def test_the_values_of_a_user_deleted_in_the_console_can_be_registered(
    local_stack: LocalStack, api_caller: Signer
) -> None:
    users, somebody = UsersOverHttp(local_stack, api_caller), person()
    user_id = json.loads(users.register(somebody).body)["userId"]
    assert users.register(somebody).status == 409
    key: Any = {"userId": {"S": user_id}}
    clients_of(local_stack).dynamodb.delete_item(TableName=local_stack.outputs.users_table_name, Key=key)

    for _ in range(100):
        if users.register(somebody).status == 201:
            return
        sleep(0.1)
    raise AssertionError("the keys stay")
