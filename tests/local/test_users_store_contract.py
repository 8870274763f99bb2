"""The contract of every `UsersStore`: the fake, and the tables on each endpoint of this machine."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest

from functions.users.user import (
    AlreadyTakenError,
    RegistrationRequest,
    RepeatedRequestError,
    StaleVersionError,
    User,
    UserIdTakenError,
    UsersStore,
)
from tests.support.users.declarations import NICKNAME, SHIPPED
from tests.support.users.people import registration, user, with_values
from tests.support.users.users_in_dynamodb import UsersInDynamoDB
from tests.support.users.users_in_memory import InMemoryUsers

# The attributes that are shipped, and one that users may lack.
ATTRIBUTES = (*SHIPPED, NICKNAME)
ALICE = user("1", registration(None, ATTRIBUTES, email="Alice@Example.com", username="Alice"))
BOB = user("2", registration(2, ATTRIBUTES, name="Bob", email="bob@example.com", username="bob"))
ALICE_KEYS = {"email#alice@example.com": "1", "username#alice": "1"}
REQUEST = RegistrationRequest("request#" + "0" * 64, "digest", 1_795_000_000)
BOB_KEYS = {"email#bob@example.com": "2", "username#bob": "2"}


class Place(NamedTuple):
    """A store, and a look at which keys are held by whom."""

    store: UsersStore
    owners: Callable[[], Mapping[str, str]]


@pytest.fixture(params=["in memory", "dynamodb_emulator", pytest.param("dynamodb_local", marks=pytest.mark.java)])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "in memory":
        users = InMemoryUsers(ATTRIBUTES)
        return Place(users, lambda: users.owners)
    tables = UsersInDynamoDB(request.getfixturevalue(request.param).client(), ATTRIBUTES)
    return Place(tables.store, tables.owners)


def changed(user: User, **values: str) -> User:
    later = with_values(user, **values)
    return later._replace(version=user.version + 1, updated_at="2026-11-23T11:00:00.000Z")


def test_a_user_is_read_as_added(place: Place) -> None:
    place.store.add(ALICE, None)
    assert place.store.get("1") == ALICE
    assert place.owners() == ALICE_KEYS


def test_nobody_is_found_under_an_unknown_id(place: Place) -> None:
    assert place.store.get("1") is None


def test_the_owner_of_a_key_is_told(place: Place) -> None:
    place.store.add(ALICE, None)
    assert {key: place.store.owner(key) for key in ALICE_KEYS} == ALICE_KEYS
    assert place.store.owner("email#bob@example.com") is None


def test_pages_hold_each_user_once(place: Place) -> None:
    people = [user(str(number), registration(number, ATTRIBUTES)) for number in range(7)]
    for each in people:
        place.store.add(each, None)
    found: list[User] = []
    after, sizes = None, list[int]()
    while after is not None or not sizes:
        page = place.store.page(3, after)
        found += page.users
        sizes.append(len(page.users))
        after = page.after
    assert sorted(found) == people
    assert sizes == [3, 3, 1]


def test_a_page_that_is_just_full_is_the_last(place: Place) -> None:
    place.store.add(ALICE, None)
    assert place.store.page(1, None) == ([ALICE], None)


def test_every_taken_field_is_named(place: Place) -> None:
    place.store.add(ALICE, None)
    for rival, fields in (
        (with_values(BOB, email="alice@example.COM"), ("email",)),
        (with_values(BOB, username="ALICE"), ("username",)),
        (with_values(BOB, email="ALICE@example.com", username="alice"), ("email", "username")),
    ):
        with pytest.raises(AlreadyTakenError) as refusal:
            place.store.add(rival, None)
        assert refusal.value.fields == fields
    assert place.store.get("2") is None
    assert place.owners() == ALICE_KEYS


def test_a_request_in_use_gives_back_its_user_and_digest(place: Place) -> None:
    place.store.add(ALICE, REQUEST)
    with pytest.raises(RepeatedRequestError) as refusal:
        place.store.add(ALICE._replace(user_id="2"), REQUEST._replace(digest="other"))
    assert (refusal.value.user_id, refusal.value.digest) == ("1", "digest")
    assert place.store.get("2") is None
    assert place.owners() == ALICE_KEYS | {REQUEST.key: "1"}


def test_a_request_is_known_until_its_user_is_removed(place: Place) -> None:
    place.store.add(ALICE, REQUEST)
    stored = ALICE._replace(request_key=REQUEST.key)
    assert place.store.get("1") == stored
    later = changed(stored, name="Eve", email="eve@example.com")
    place.store.replace(stored, later)
    with pytest.raises(RepeatedRequestError):
        place.store.add(BOB, REQUEST)
    place.store.remove(later)
    assert place.owners() == {}
    place.store.add(BOB, REQUEST)
    assert place.owners() == BOB_KEYS | {REQUEST.key: "2"}


def test_removal_leaves_a_request_that_is_anothers(place: Place) -> None:
    place.store.add(ALICE, REQUEST)
    place.store.add(BOB, None)
    place.store.remove(BOB._replace(request_key=REQUEST.key))
    assert place.owners() == ALICE_KEYS | {REQUEST.key: "1"}


def test_an_id_in_use_comes_before_all_else(place: Place) -> None:
    place.store.add(ALICE, REQUEST)
    place.store.add(BOB, None)
    with pytest.raises(UserIdTakenError):
        place.store.add(BOB._replace(user_id="1"), REQUEST)


def test_a_change_moves_the_keys(place: Place) -> None:
    place.store.add(ALICE, None)
    renamed = changed(ALICE, name="Eve", email="eve@example.com", username="kichwa")
    place.store.replace(ALICE, renamed)
    assert place.store.get("1") == renamed
    assert place.owners() == {"email#eve@example.com": "1", "username#kichwa": "1"}


def test_what_a_change_gave_up_is_free(place: Place) -> None:
    place.store.add(ALICE, None)
    place.store.replace(ALICE, changed(ALICE, username="kichwa"))
    place.store.add(with_values(BOB, username="alice"), None)
    assert place.owners()["username#alice"] == "2"


def test_a_change_of_case_alone_keeps_the_keys(place: Place) -> None:
    place.store.add(ALICE, None)
    respelt = changed(ALICE, email="alice@example.com", username="aLiCe")
    place.store.replace(ALICE, respelt)
    assert place.store.get("1") == respelt
    assert place.owners() == ALICE_KEYS


def test_a_change_to_taken_values_is_refused_whole(place: Place) -> None:
    place.store.add(ALICE, None)
    place.store.add(BOB, None)
    with pytest.raises(AlreadyTakenError) as refusal:
        place.store.replace(BOB, changed(BOB, name="Al", email="ALICE@example.com", username="alice"))
    assert refusal.value.fields == ("email", "username")
    with pytest.raises(AlreadyTakenError) as refusal:
        place.store.replace(BOB, changed(BOB, email="new@example.com", username="alice"))
    assert refusal.value.fields == ("username",)
    assert place.store.get("2") == BOB
    assert place.owners() == ALICE_KEYS | BOB_KEYS


def test_a_stale_change_is_refused_before_taken_values(place: Place) -> None:
    place.store.add(ALICE, None)
    place.store.add(BOB, None)
    newer = changed(BOB, name="Bobby")
    place.store.replace(BOB, newer)
    with pytest.raises(StaleVersionError):
        place.store.replace(BOB, changed(BOB, username="alice"))
    assert place.store.get("2") == newer
    assert place.owners() == ALICE_KEYS | BOB_KEYS


def test_nobody_can_be_changed_or_removed(place: Place) -> None:
    with pytest.raises(StaleVersionError):
        place.store.replace(ALICE, changed(ALICE, name="Eve"))
    with pytest.raises(StaleVersionError):
        place.store.remove(ALICE)
    assert place.owners() == {}


def test_removal_frees_the_keys(place: Place) -> None:
    place.store.add(ALICE, None)
    place.store.add(BOB, None)
    place.store.remove(ALICE)
    assert place.store.get("1") is None
    assert place.owners() == BOB_KEYS


def test_a_stale_removal_is_refused(place: Place) -> None:
    place.store.add(ALICE, None)
    place.store.replace(ALICE, changed(ALICE, username="kichwa"))
    with pytest.raises(StaleVersionError):
        place.store.remove(ALICE)
    assert place.store.get("1") is not None


@pytest.mark.parametrize("returned", [{"email": "new@example.com"}, {"username": "new"}, {"nickname": "al"}])
def test_who_came_back_with_the_same_id_and_version_is_another(place: Place, returned: dict[str, str]) -> None:
    # As a user does who was removed and is imported again.
    place.store.add(ALICE, None)
    place.store.remove(ALICE)
    place.store.add(with_values(ALICE, **returned), None)
    held = dict(place.owners())
    with pytest.raises(StaleVersionError):
        place.store.replace(ALICE, changed(ALICE, email="eve@example.com", username="kichwa"))
    with pytest.raises(StaleVersionError):
        place.store.remove(ALICE)
    assert place.owners() == held


def test_an_optional_value_that_is_taken_away_is_free(place: Place) -> None:
    alice = with_values(ALICE, nickname="Al")
    place.store.add(alice, None)
    assert place.owners() == ALICE_KEYS | {"nickname#al": "1"}
    with pytest.raises(AlreadyTakenError) as refusal:
        place.store.add(with_values(BOB, nickname="AL"), None)
    assert refusal.value.fields == ("nickname",)

    without = changed(alice)._replace(values=ALICE.values)
    place.store.replace(alice, without)

    assert place.store.get("1") == without
    assert place.owners() == ALICE_KEYS
    place.store.add(with_values(BOB, nickname="AL"), None)
    assert place.owners() == ALICE_KEYS | BOB_KEYS | {"nickname#al": "2"}


def test_a_user_without_an_optional_value_takes_one(place: Place) -> None:
    place.store.add(ALICE, None)
    named = changed(ALICE, nickname="Al")
    place.store.replace(ALICE, named)
    assert place.store.get("1") == named
    assert place.owners() == ALICE_KEYS | {"nickname#al": "1"}
    with pytest.raises(StaleVersionError):
        place.store.replace(ALICE, changed(ALICE, name="Eve"))
