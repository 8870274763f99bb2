"""Imported users, whatever their items look like: every route answers by its contract."""

import json
from base64 import b64decode
from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contract.responses import ActivityPage as ActivityAnswer
from contract.responses import User as UserAnswer
from functions.activity.items import activity_entry, activity_item
from functions.activity.table import ActivityPage
from functions.http_api.endpoint import answer
from functions.manage_users.handler import manage_endpoint
from functions.runtime.json_log import is_object
from functions.stream_records.attribute_values import AttributeValue, Image, convert_binary
from functions.stream_records.user_change import parse_user_change
from functions.users.attributes import ATTRIBUTES
from functions.users.user import INTERNAL_ATTRIBUTES, has_path, keys_of
from ops.aws.tables import binary_as_base64
from tests.support.local.users_over_http import person
from tests.support.records.record_strategies import plain_values, stream_record, texts
from tests.support.records.typed_values import marshal
from tests.support.users.http_api_events import http_event, read_answer
from tests.support.users.users_api import UsersApi, no_activity
from tests.support.users.users_in_dynamodb import UsersInDynamoDB

OWN = (*(each.name for each in ATTRIBUTES), "version", "createdAt", "updatedAt", *INTERNAL_ATTRIBUTES, "favourite")


@pytest.fixture(scope="module", params=["dynamodb_emulator", pytest.param("dynamodb_local", marks=pytest.mark.java)])
def tables(request: pytest.FixtureRequest) -> UsersInDynamoDB:
    return UsersInDynamoDB(request.getfixturevalue(request.param).client())


def stored_values() -> st.SearchStrategy[AttributeValue]:
    """A value of any type, those more often that come close to a right one."""
    near = st.sampled_from(
        ["", "7", "alice@example.com", "x" * 3000, "\u00df" * 600, "2024-05-05", "2024-05-05T05:05:05Z", "yesterday"]
    )
    versions = st.sampled_from([0, 1, 2, 41, -1, Decimal("1.5"), Decimal("7.25"), 2**53 - 1, 2**53, 10**37])
    return (near | versions | plain_values(max_leaves=4).filter(_storable)).map(marshal).map(_as_botocore_takes_it)


def _storable(value: Any) -> bool:
    """Remove what DynamoDB refuses: numbers out of its range, map members with an empty name."""
    if isinstance(value, Decimal):
        return value == 0 or -130 <= value.adjusted() <= 125
    if is_object(value):
        return all(name and _storable(member) for name, member in value.items())
    return all(map(_storable, cast("list[Any]", value))) if isinstance(value, list | set) else True


def _as_botocore_takes_it(value: AttributeValue) -> AttributeValue:
    return convert_binary(value, b64decode)


ITEMS = st.fixed_dictionaries({}, optional=dict.fromkeys(OWN, stored_values()))
EXAMPLES = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def imported(tables: UsersInDynamoDB, item: Image) -> str:
    user_id = f"customer {uuid4().hex[:8]}"
    tables.client.put_item(TableName=tables.tables.users, Item={**item, "userId": {"S": user_id}})
    return user_id


@EXAMPLES
@given(item=ITEMS)
@example({})
@example({"version": {"N": "1.5"}, "email": {"N": "5"}})
@example({"version": {"N": "7.25"}, "username": {"S": "x" * 3000}})
@example({"version": {"N": "1" + "0" * 37}, "createdAt": {"S": ""}})
@example({"version": {"N": str(2**53 - 1)}, "updatedAt": {"S": "yesterday"}})
@example({"version": {"S": "3"}, "createdAt": {"N": "1795428000"}})
def test_an_imported_user_is_read_changed_and_deleted(tables: UsersInDynamoDB, item: Image) -> None:
    api, user_id = UsersApi(tables.store), imported(tables, item)

    read = api.get(user_id)
    assert read.status == 200
    user = UserAnswer.model_validate_json(json.dumps(read.body), strict=True)
    assert read.headers["etag"] == f'"{user.version}"'
    for attribute in ATTRIBUTES:
        stored = item.get(attribute.name, {}).get("S")
        assert read.body.get(attribute.name) == stored
        assert (attribute.name in read.body) == (attribute.required or stored is not None)

    changes = person()
    changed = api.patch(user_id, changes, if_match=read.headers["etag"])
    assert changed.status == 200
    UserAnswer.model_validate_json(json.dumps(changed.body), strict=True)
    assert changed.body["createdAt"] == read.body["createdAt"]
    assert changed.body == api.get(user_id).body
    assert changed.headers["etag"] != read.headers["etag"]
    owners = tables.owners()
    assert {owners[key] for key in keys_of(changes).values()} == {user_id}

    assert api.patch(user_id, {"name": "Mallory"}, if_match=read.headers["etag"]).status == 412
    assert api.delete(user_id, if_match=read.headers["etag"]).status == 412
    assert api.delete(user_id, if_match=changed.headers["etag"]).status == 204
    assert api.get(user_id).status == 404
    assert user_id not in tables.owners().values()


@EXAMPLES
@given(item=ITEMS)
def test_an_imported_user_is_deleted_as_it_came(tables: UsersInDynamoDB, item: Image) -> None:
    api, user_id = UsersApi(tables.store), imported(tables, item)
    assert api.delete(user_id).status == 204
    assert api.get(user_id).status == 404


@EXAMPLES
@given(item=ITEMS)
def test_the_history_of_an_imported_user_is_shown(tables: UsersInDynamoDB, item: Image) -> None:
    user_id = uuid4().hex
    image = {name: binary_as_base64(value) for name, value in item.items()} | {"userId": {"S": user_id}}
    record = stream_record("INSERT", 0, user_id, None, image)
    stored = activity_item(parse_user_change(record), 30)
    table = tables.tables.activity
    tables.client.put_item(TableName=table, Item=stored)

    def read_page(_user_id: str, _limit: int, _after: str | None) -> ActivityPage:
        key: Any = {name: stored[name] for name in ("userId", "changeId")}
        kept: Any = tables.client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
        return ActivityPage([activity_entry(kept)], None)

    event = http_event("GET /users/{userId}/activity", path={"userId": user_id})
    shown = read_answer(answer(event, lambda request: manage_endpoint(request, tables.store, read_page)))
    assert shown.status == 200
    page = ActivityAnswer.model_validate_json(json.dumps(shown.body), strict=True)
    assert set(page.items[0].changes) == set(image) - set(INTERNAL_ATTRIBUTES)


LARGEST_ITEM = 409_600  # bytes (DynamoDB developer guide, "Quotas")


@pytest.mark.parametrize("room", [0, 60, 150, 1000])
def test_a_change_for_which_an_item_has_no_room_is_refused_and_says_why(tables: UsersInDynamoDB, room: int) -> None:
    """A user with attributes of an import, which leave `room` bytes."""
    api, user_id = UsersApi(tables.store), imported(tables, {})
    notes = LARGEST_ITEM - len("userId" + user_id + "notes") - room
    item: Image = {"userId": {"S": user_id}, "notes": {"S": "x" * notes}}
    tables.client.put_item(TableName=tables.tables.users, Item=item)
    email = f"{uuid4().hex}@example.com"

    refused = api.patch(user_id, {"name": "n" * 100, "email": email})

    if room < 1000:
        assert (refused.status, refused.problem) == (409, "user-too-large")
        assert api.get(user_id).body["name"] is None
        assert keys_of({"email": email})["email"] not in tables.owners()
    else:
        assert refused.status == 200
    assert api.delete(user_id).status == 204


@settings(EXAMPLES, max_examples=30)
@given(user_id=texts(min_size=1, max_size=40) | st.text("ab", min_size=120, max_size=140))
def test_an_id_is_found_when_a_path_can_name_it(tables: UsersInDynamoDB, user_id: str) -> None:
    tables.put_user(userId=user_id)
    event = http_event("GET /users/{userId}", path={"userId": user_id})
    shown = read_answer(answer(event, lambda request: manage_endpoint(request, tables.store, no_activity)))
    if has_path(user_id):
        assert UserAnswer.model_validate_json(json.dumps(shown.body), strict=True).user_id == user_id
    else:
        assert shown.status == 404
