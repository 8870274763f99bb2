"""What people may type: each value is visible and in one spelling, and no two users look alike."""

import re
from collections.abc import Iterable
from typing import Any
from unicodedata import is_normalized, normalize

import jsonschema_rs
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from contract.openapi import openapi_document
from functions.users.confusables import PROTOTYPES
from functions.users.email_address import LOCAL_PART
from functions.users.fields import FIELDS
from functions.users.user import InvalidFieldsError
from functions.users.visible_text import is_visible
from tests.support.users.people import registration
from tests.support.users.users_api import UsersApi
from tests.support.users.users_in_memory import InMemoryUsers

SCHEMA: dict[str, Any] = openapi_document()["components"]["schemas"]["Registration"]
VALIDATORS = {name: jsonschema_rs.validator_for(schema) for name, schema in SCHEMA["properties"].items()}


def taken(field: str, typed: str) -> str | None:
    """Return a value as it is taken, None if it is refused."""
    try:
        return FIELDS.parse_changes({field: typed})[field]
    except InvalidFieldsError:
        return None


def near(examples: Iterable[str], characters: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Text of these characters, between and in place of parts of the examples."""
    parts = st.sampled_from([part for each in examples for part in (each, each[: len(each) // 2])])
    return st.lists(parts | characters, max_size=6).map("".join)


UNSEEN = "\u00ad\u034f\u115f\u17b4\u200b\u200c\u200d\u200e\u2060\u2800\u3164\ufe0f\uffa0\U000e0041 \u00a0\u0301"
MIXED = st.characters(exclude_categories=["Cs"]) | st.sampled_from(UNSEEN)
NAMES = near(["Alice", "\u092a\u094d\u0930", "zoe\u0308"], MIXED)
# Characters of usernames, those first that look like others.
ALIKE = "".join(sorted(map(chr, PROTOTYPES), key=lambda each: (len(each.encode()), each))[:900])
LETTERS = st.sampled_from("aoeicxpyrnmlI10O._-" + ALIKE) | st.characters(categories=["L", "M", "Nd"])
USERNAMES = st.text(LETTERS, min_size=3, max_size=8)
EMAILS = near(["alice", "@", ".", "@example.com", "b\u00fccher.example", "xn--bcher-kva.de"], st.text(max_size=2))
PLAIN = st.text(st.sampled_from("ab1.-_@+!\"[]: \\'"), max_size=12)


def expect_settled(field: str, typed: str) -> None:
    value = taken(field, typed)
    if value is not None:
        assert is_normalized("NFC", value)
        assert is_visible(value)
        assert value == normalize("NFC", typed)
        assert taken(field, value) == value
        assert VALIDATORS[field].is_valid(value), "the contract refuses what is taken"


@given(NAMES)
@example("\u2800")
@example("e\u0301" * 200)
def test_a_name_that_is_taken_is_visible_and_settled(name: str) -> None:
    expect_settled("name", name)


@given(USERNAMES)
def test_a_username_that_is_taken_is_visible_and_settled(username: str) -> None:
    expect_settled("username", username)


@given(st.text(st.sampled_from(UNSEEN), min_size=1, max_size=8))
def test_nothing_that_nobody_sees_is_taken(unseen: str) -> None:
    for field in ("name", "email", "username"):
        assert taken(field, unseen) is None


@given(EMAILS | PLAIN.map(lambda text: f"{text}@example.com") | PLAIN)
def test_an_email_that_is_taken_meets_the_contract(email: str) -> None:
    expect_settled("email", email)


@given(
    PLAIN
    | PLAIN.map(lambda local: f"{local}@example.com")
    | PLAIN.map(lambda domain: f"a@{domain}.com")
    | st.from_regex(re.compile(SCHEMA["properties"]["email"]["pattern"], re.ASCII), fullmatch=True)
)
@example("a" * 64 + "@example.com")
@example("a@" + ".".join(["b" * 63] * 3) + ".com")
def test_of_plain_ascii_the_contract_and_the_server_take_the_same_addresses(email: str) -> None:
    assume(email.isascii() and "xn--" not in email.casefold())
    shortened = len(email.rpartition("@")[0]) <= LOCAL_PART
    assert (taken("email", email) is not None) == (VALIDATORS["email"].is_valid(email) and shortened)


@pytest.mark.parametrize("part", ["a", "a.", "-", "\u00fc", "\u00fc-", "\u3002", "\u3002\u00fc", "a\u00fc"])
def test_a_client_that_tries_every_way_through_the_pattern_comes_to_an_end(part: str) -> None:
    pattern = SCHEMA["properties"]["email"]["pattern"]
    for text in (f"a@{part * 120}!", f"{part * 120}!"):
        assert re.fullmatch(pattern, text) is None


def test_the_contract_promises_no_format_that_nobody_checks() -> None:
    assert not [name for name, schema in SCHEMA["properties"].items() if "format" in schema]


def skeleton(text: str) -> str:
    """UTS 39, section 4, in its own words, on what a reader sees."""
    mapped = "".join(PROTOTYPES.get(ord(each), each) for each in normalize("NFD", normalize("NFKC", text)))
    return normalize("NFD", mapped.replace("\u200c", "").replace("\u200d", ""))


def alike(username: str) -> st.SearchStrategy[str]:
    """Usernames of which each letter is one that looks like it."""
    same: dict[str, list[str]] = {}
    for code, prototype in PROTOTYPES.items():
        same.setdefault(prototype, [prototype]).append(chr(code))
    letters = [same.get(PROTOTYPES.get(ord(each), each), [each]) for each in username]
    return st.tuples(*map(st.sampled_from, letters)).map("".join)


@given(data=st.data())
def test_of_usernames_that_look_alike_one_user_has_one(data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(["scope", "paypal", "modern", "\u0441\u0430\u0445\u0430\u0440"]) | USERNAMES)
    other = data.draw(alike(one))
    assume(skeleton(one) == skeleton(other))  # a mark may change places
    api = UsersApi(InMemoryUsers())
    first = api.register(registration(1, username=one))
    assume(first.status == 201)
    second = api.register(registration(2, username=other))

    assert second.status in {409, 422}, f"{one!a} and {other!a}"
    third = api.register(registration(2, username="somebody else".replace(" ", "-")))
    renamed = api.patch(third.body["userId"], {"username": other})
    assert renamed.status == second.status
