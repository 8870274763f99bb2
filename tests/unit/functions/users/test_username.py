"""Which usernames count as the same, which look alike, and which are no usernames."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.users.confusables import PROTOTYPES, UNICODE_VERSION
from functions.users.reserved_usernames import RESERVED_USERNAMES
from functions.users.user import held_keys, keys_of
from functions.users.username import compatibility_caseless, is_username, lookalikes


def key(username: str) -> str:
    return keys_of({"username": username})["username"]


def held(username: str) -> set[str]:
    return {*held_keys({"username": username})}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("alice", "ALICE"),
        ("stra\u00dfe", "STRASSE"),
        ("stra\u00dfe", "STRA\u1e9eE"),
        # Two small sigmas, one capital.
        ("\u03c3\u03b9\u03c3\u03c5\u03c6\u03bf\u03c2", "\u03a3\u0399\u03a3\u03a5\u03a6\u039f\u03a3"),
        ("\uff41\uff4c\uff49\uff43\uff45", "alice"),
        ("\ufb01sh", "fish"),
        ("zo\u00eb", "zoe\u0308"),
        ("\u212bngstr\u00f6m", "\u00e5ngstr\u00f6m"),
        ("\u0661\u0662\u0663", "\u0661\u0662\u0663"),
        ("\u0e01\u0e33", "\u0e01\u0e4d\u0e32"),  # Thai, in one character and in two
    ],
)
def test_equivalent_usernames_share_a_key(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("alice", "alice1"), ("zoe", "zo\u00eb"), ("al.ice", "alice"), ("ian", "lan"), ("alice", "al-ice")],
)
def test_different_usernames_share_no_key(one: str, other: str) -> None:
    assert held(one).isdisjoint(held(other))


LOOKALIKES = [
    ("alice", "\u0430lice"),  # Cyrillic a
    ("alice", "\uff41lic\u0435"),
    ("coco", "\u0441\u043e\u0441\u043e"),  # Cyrillic alone
    ("HATA", "\u041d\u0410\u0422\u0410"),  # Cyrillic capitals, whose small letters look otherwise
    ("hata", "\u041d\u0410\u0422\u0410"),
    ("BOB", "\u0392\u039f\u0392"),  # Greek capitals
    ("alice", "\u0251lice"),  # a Latin letter for sounds
    ("apple", "\u13aapple"),  # Cherokee
    ("ALICE", "\ua4eeLICE"),  # Lisu
    ("ilgin", "\u0131lg\u0131n"),
    ("ipek", "\u0130pek"),
    ("ipek", "i\u0307pek"),  # a dot that nobody sees
    ("paypal", "paypaI"),
    ("paypal", "paypa1"),
    ("paypal", "PAYPAL"),
    ("lan", "Ian"),
    ("LAN", "Ian"),
    ("root", "r00t"),
    ("modem", "modern"),
    ("m0dern", "modem"),
    ("bob", "b\u03bfb"),
    ("\u0645\u06cc\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
    ("\u0639\u0644\u06cc", "\u0639\u0644\u064a"),  # Arabic and Persian yeh
    ("ooo", "\u0e50\u0e50\u0e50"),
    ("ooo", "\u0d20\u0d20\u0d20"),
    ("ooo", "000"),
    ("lll", "\u05df\u05df\u05df"),
    ("lll", "\u0627\u0627\u0627"),
    ("bob", "\u042c\u043e\u042c"),
    ("token", "\u0422\u041e\u041a\u0415N"),
    ("gro\xdfe", "gro\u03b2e"),
    ("\xe6on", "aeon"),
    ("dzabc", "\u02a3abc"),
    ("\u65e5\u672c\u30fc", "\u65e5\u672c\u4e00"),
    ("\u30ed\u30ed\u30ed", "\u53e3\u53e3\u53e3"),
    ("\u0639\u0644\u064a", "\u0639\u0644\u0649"),
    ("\u0643\u062a\u0627\u0628", "\u06a9\u062a\u0627\u0628"),
    ("\u0e9d\u0edd", "\u0e9d\u0eab\u0ea1"),
]


@pytest.mark.parametrize(("one", "other"), LOOKALIKES)
def test_usernames_that_look_alike_share_a_key(one: str, other: str) -> None:
    assert held(one) & held(other)


@pytest.mark.parametrize("username", ["alice", "bob", "al.ice_7-x", "berta", "zo\u00eb", "kichwa", "tom"])
def test_a_username_that_is_its_own_skeleton_costs_one_key(username: str) -> None:
    assert held(username) == {key(username)}


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


ASCII = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"), max_size=12)


@given(ASCII | st.text("rnmil1IoO0", max_size=8))
def test_the_short_way_for_ascii_says_what_the_table_says(text: str) -> None:
    # A Cyrillic letter that looks like none of ASCII makes a text go by the table.
    marked = lookalikes(text + "\u0436") | {compatibility_caseless(text + "\u0436")}
    assert {form.removesuffix("\u0436") for form in marked} == lookalikes(text) | {compatibility_caseless(text)}


def test_the_table_is_of_whole_prototypes() -> None:
    assert UNICODE_VERSION == "18.0.0"
    assert len(PROTOTYPES) > 2_000
    assert not [prototype for prototype in PROTOTYPES.values() if any(ord(each) in PROTOTYPES for each in prototype)]


def test_the_reserved_names_are_usernames_each_listed_once() -> None:
    assert len({*RESERVED_USERNAMES}) == len(RESERVED_USERNAMES)
    assert {"admin", "root", "support", "postmaster", "abuse", "hostmaster", "webmaster"} <= {*RESERVED_USERNAMES}
    for name in RESERVED_USERNAMES:
        assert name == name.lower()
        assert name.isascii()


@given(st.text(max_size=40))
def test_any_text_is_a_username_or_is_none(text: str) -> None:
    assert is_username(text) in {True, False}
