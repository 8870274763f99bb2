"""`GET /users`: one user by a unique value, all users page by page, and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.http_api.paging import next_token
from functions.users.fields import Fields
from functions.users.user import User
from tests.support.users.declarations import NICKNAME, SHIPPED
from tests.support.users.people import registration, user, with_values
from tests.support.users.users_api import UsersApi
from tests.support.users.users_in_memory import InMemoryUsers

ALICE = user()
BOB = user("8", registration(8))


def store_of(*people: User) -> InMemoryUsers:
    users = InMemoryUsers()
    for each in people:
        users.add(each, None)
    return users


def ids(body: dict[str, list[dict[str, str]]]) -> list[str]:
    return [each["userId"] for each in body["items"]]


@pytest.mark.parametrize(
    ("name", "value"),
    [("email", "alice@example.com"), ("email", "ALICE@Example.com"), ("username", "\uff21lice")],
)
def test_a_user_is_found_by_whatever_form_counts_as_the_same_value(name: str, value: str) -> None:
    api = UsersApi(store_of(ALICE, BOB))

    answered = api.find((name, value))

    assert answered.status == 200
    assert answered.body == {"items": [api.get("7").body], "nextToken": None}


@pytest.mark.parametrize(
    "value", ["carol@example.com", "alice@example.co", "alice", " ", "\x00", "\ud800", "x" * 5000, "a,b", "%"]
)
def test_nobody_found_is_an_empty_list(value: str) -> None:
    answered = UsersApi(store_of(ALICE)).find(email=value)
    assert (answered.status, answered.body) == (200, {"items": [], "nextToken": None})


def test_a_key_that_its_user_left_behind_finds_nobody() -> None:
    users = store_of(ALICE, BOB)
    users.owners["email#former@example.com"] = "7"
    users.owners["email#gone@example.com"] = "9"
    users.users["7"] = with_values(ALICE, username="other")

    api = UsersApi(users)

    for value in ({"email": "former@example.com"}, {"email": "gone@example.com"}, {"username": "alice"}):
        assert api.find(**value).body["items"] == []


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ([("name", "Alice")], "one of these parameters: email, username"),
        ([("Email", "alice@example.com")], "one of these parameters"),
        ([("email", "alice@example.com"), ("username", "alice")], "one parameter alone"),
        ([("email", "alice@example.com"), ("email", "bob@example.com")], "more than once"),
        ([("email", "alice@example.com"), ("email", "alice@example.com")], "more than once"),
        ([("limit", "1"), ("limit", "1")], "more than once"),
        ([("email", "alice@example.com"), ("limit", "1")], "one parameter alone"),
        ([("email", "")], "email is empty"),
        ([("limit", "0")], "limit takes"),
        ([("limit", "101")], "limit takes"),
        ([("limit", "\u0663")], "limit takes"),
        ([("nextToken", "")], "nextToken isn't"),
        ([("nextToken", "!")], "nextToken isn't"),
        ([("nextToken", next_token("x" * 2049))], "nextToken isn't"),
    ],
)
def test_another_query_is_refused_with_the_reason(query: list[tuple[str, str]], word: str) -> None:
    answered = UsersApi(store_of(ALICE)).find(*query)

    assert (answered.status, answered.problem) == (400, "malformed-request")
    assert word in answered.body["detail"]
    assert "alice" not in json.dumps(answered.body)


@given(st.integers(0, 12), st.integers(1, 5))
def test_the_pages_hold_every_user_once(people: int, limit: int) -> None:
    users = store_of(*(user(f"id-{number}", registration(number)) for number in range(people)))
    api = UsersApi(users)
    found: list[str] = []
    query = {"limit": str(limit)}
    while True:
        answered = api.find(**query)
        assert len(answered.body["items"]) <= limit
        found += ids(answered.body)
        if answered.body["nextToken"] is None:
            break
        query["nextToken"] = answered.body["nextToken"]

    assert sorted(found) == sorted(users.users)


def test_a_page_of_large_users_ends_early_and_the_next_continues() -> None:
    # Imported users, whom no rule of registration bound.
    large = [user(f"id-{number}", {"name": "\x01" * 300_000}) for number in range(5)]
    users = InMemoryUsers()
    users.users = {each.user_id: each for each in large}
    api = UsersApi(users)

    first = api.find(limit="100")
    second = api.find(limit="100", nextToken=first.body["nextToken"])

    assert ids(first.body) == ["id-0", "id-1"]
    assert ids(second.body) == ["id-2", "id-3"]


def test_without_unique_attributes_users_are_only_listed() -> None:
    api = UsersApi(store_of(ALICE), Fields([SHIPPED[0]]))
    assert ids(api.find().body) == ["7"]
    assert "parameters: limit and nextToken" in api.find(email="alice@example.com").body["detail"]


def test_an_attribute_that_is_declared_unique_is_searched_by() -> None:
    attributes = (*SHIPPED, NICKNAME)
    users = InMemoryUsers(attributes)
    users.add(user("7", registration(None, attributes, nickname="Al")), None)
    assert ids(UsersApi(users, Fields(attributes)).find(nickname="AL").body) == ["7"]


def test_the_log_names_the_user_found_and_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    UsersApi(store_of(ALICE)).find(email="alice@example.com")
    line = capsys.readouterr().out
    assert json.loads(line)["userId"] == "7"
    assert "alice" not in line
