"""Which emails and usernames count as the same, and which values have a key."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.users.user import LONGEST_KEY, keys_of
from functions.users.username import compatibility_caseless


def username_key(username: str) -> str:
    return keys_of({"username": username})["username"]


def email_key(email: str) -> str:
    return keys_of({"email": email})["email"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("alice", "ALICE"),
        ("stra\u00dfe", "STRASSE"),
        ("stra\u00dfe", "STRA\u1e9eE"),
        (
            "\u03c3\u03b9\u03c3\u03c5\u03c6\u03bf\u03c2",
            "\u03a3\u0399\u03a3\u03a5\u03a6\u039f\u03a3",
        ),  # two small sigmas, one capital
        ("\uff41\uff4c\uff49\uff43\uff45", "alice"),
        ("\ufb01sh", "fish"),
        ("zo\u00eb", "zoe\u0308"),
        ("\u212bngstr\u00f6m", "\u00e5ngstr\u00f6m"),
        ("\u0661\u0662\u0663", "\u0661\u0662\u0663"),
    ],
)
def test_equivalent_usernames_share_a_key(one: str, other: str) -> None:
    assert username_key(one) == username_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("alice", "alice1"),
        ("zoe", "zo\u00eb"),
        ("al.ice", "alice"),
        ("123", "\u0661\u0662\u0663"),
        ("alice", "\u0430lice"),
    ],
)
def test_different_usernames_have_different_keys(one: str, other: str) -> None:
    assert username_key(one) != username_key(other)


def test_emails_that_differ_by_case_alone_share_a_key() -> None:
    assert email_key("Alice@Example.COM") == email_key("alice@example.com") == "email#alice@example.com"
    assert email_key("al.ice@example.com") != email_key("alice@example.com")


def test_an_email_and_a_username_never_share_a_key() -> None:
    assert email_key("alice") != username_key("alice")


def test_the_key_of_a_key_is_the_same_for_every_character() -> None:
    for number in range(sys.maxunicode + 1):
        letter = chr(number)
        form = compatibility_caseless(letter)
        assert compatibility_caseless(form) == form
        assert form in (compatibility_caseless(letter.upper()), compatibility_caseless(letter.lower())), hex(number)


@given(st.text())
def test_the_key_of_a_key_is_the_same_and_ignores_case(text: str) -> None:
    form = compatibility_caseless(text)
    assert compatibility_caseless(form) == form
    assert compatibility_caseless(text.casefold()) == form


def test_only_values_that_fit_into_a_key_have_one() -> None:
    assert keys_of({"name": "A", "email": "A@b", "username": "Al"}) == {"email": "email#a@b", "username": "username#al"}
    assert keys_of({"username": ""}) == {}
    longest = "\u00e9" * ((LONGEST_KEY - len("email#")) // 2)
    assert keys_of({"email": longest}) == {"email": f"email#{longest}"}
    assert keys_of({"email": longest + "e"}) == {}
