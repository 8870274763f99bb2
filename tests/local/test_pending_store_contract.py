"""The contract of every `PendingStore`: the fake, and the tables on each endpoint here."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from functions.users.confirmation import MAILS_PER_ADDRESS, MAILS_SECONDS, PendingRegistration, PendingStore
from functions.users.dynamodb_store import DynamoDBUsersStore
from functions.users.pending_store import DynamoDBPendingRegistrations
from functions.users.user import (
    AlreadyTakenError,
    ConfirmationLinkError,
    RegistrationRequest,
    RepeatedRequestError,
    User,
    UserIdTakenError,
    UsersStore,
)
from tests.support.users.pending_in_memory import InMemoryPending
from tests.support.users.people import registration
from tests.support.users.users_in_dynamodb import UsersInDynamoDB
from tests.support.users.users_in_memory import InMemoryUsers

NOW = 1_795_000_000
LATER = NOW + 86_400
REQUEST = RegistrationRequest("request#" + "0" * 64, "digest", LATER)
ALICE = PendingRegistration("1", registration(email="Alice@example.com", username="alice"), LATER, REQUEST, b"a" * 32)
ALICE_AGAIN = ALICE._replace(user_id="2", request=None, registration={**ALICE.registration, "username": "alice-2"})
BOB = PendingRegistration("3", registration(2, email="bob@example.com", username="bob"), LATER, None, b"b" * 32)


class Place(NamedTuple):
    """A store, and the users beside it."""

    store: PendingStore
    users: UsersStore


def no_pause(_seconds: float) -> None:
    """Go on at once."""


@pytest.fixture(params=["in memory", "dynamodb_emulator", pytest.param("dynamodb_local", marks=pytest.mark.java)])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "in memory":
        users = InMemoryUsers()
        return Place(InMemoryPending(users), users)
    tables = UsersInDynamoDB(request.getfixturevalue(request.param).client())
    names = tables.tables
    store = DynamoDBPendingRegistrations(
        tables.client, user_keys_table=names.user_keys, users_table=names.users, pause=no_pause
    )
    return Place(store, tables.store)


def user_of(pending: PendingRegistration) -> User:
    moment = "2026-11-23T10:00:00.000Z"
    return User(pending.user_id, pending.registration, 1, created_at=moment, updated_at=moment, changed_by="self")


def confirm(place: Place, pending: PendingRegistration, now: int = NOW) -> None:
    place.store.confirm(pending, user_of(pending), pending.request, now)


def test_a_registration_is_read_as_kept_until_it_expires(place: Place) -> None:
    place.store.add(ALICE, NOW)
    assert place.store.get("1", LATER - 1) == ALICE
    assert place.store.get("1", LATER) is None
    assert place.store.get("4", NOW) is None


def test_an_id_is_kept_once(place: Place) -> None:
    place.store.add(ALICE, NOW)
    with pytest.raises(UserIdTakenError):
        place.store.add(BOB._replace(user_id="1"), NOW)


def test_it_holds_the_username_and_not_the_address(place: Place) -> None:
    place.store.add(ALICE, NOW)
    with pytest.raises(AlreadyTakenError) as refused:
        place.store.add(BOB._replace(registration={**BOB.registration, "username": "ALICE"}), NOW)
    assert refused.value.fields == ("username",)
    place.store.add(ALICE_AGAIN, NOW)


def test_an_expired_one_holds_nothing(place: Place) -> None:
    place.store.add(ALICE, NOW)
    again = ALICE._replace(user_id="5", expires_at=LATER + 86_400)
    place.store.add(again._replace(request=REQUEST._replace(expires_at=LATER + 86_400)), LATER)
    found = place.store.get("5", LATER)
    assert found is not None
    assert found.registration == ALICE.registration


def test_a_request_is_recognized_before_and_after_its_confirmation(place: Place) -> None:
    place.store.add(ALICE, NOW)
    for repeat in range(2):
        with pytest.raises(RepeatedRequestError) as repeated:
            place.store.add(ALICE._replace(user_id=f"again-{repeat}"), NOW)
        assert (repeated.value.user_id, repeated.value.digest) == ("1", "digest")
        if not repeat:
            confirm(place, ALICE)


def test_a_confirmed_one_is_a_user_with_all_values(place: Place) -> None:
    place.store.add(ALICE, NOW)
    confirm(place, ALICE)
    assert place.users.get("1") == user_of(ALICE)._replace(request_key=REQUEST.key)
    assert {key: place.users.owner(key) for key in ("email#alice@example.com", "username#alice")} == {
        "email#alice@example.com": "1",
        "username#alice": "1",
    }
    assert place.store.is_registered("email#alice@example.com", LATER + 1)
    with pytest.raises(AlreadyTakenError):
        place.users.add(user_of(BOB)._replace(values=ALICE.registration), None)


def test_a_user_from_a_confirmation_is_removed_whole(place: Place) -> None:
    place.store.add(ALICE, NOW)
    confirm(place, ALICE)
    user = place.users.get("1")
    assert user is not None
    place.users.remove(user)
    place.store.add(ALICE._replace(user_id="6"), NOW)
    assert place.users.owner(REQUEST.key) in {None, "6"}


@pytest.mark.parametrize("now", [NOW, LATER])
def test_one_is_confirmed_once_and_in_time(place: Place, now: int) -> None:
    place.store.add(ALICE, NOW)
    if now == NOW:
        confirm(place, ALICE)
    with pytest.raises(ConfirmationLinkError):
        confirm(place, ALICE, now)
    assert place.store.get("1", now) is None


def test_of_two_for_one_address_the_first_confirmed_gets_it(place: Place) -> None:
    place.store.add(ALICE, NOW)
    place.store.add(ALICE_AGAIN, NOW)
    assert not place.store.is_registered("email#alice@example.com", NOW)
    confirm(place, ALICE_AGAIN)
    with pytest.raises(AlreadyTakenError) as refused:
        confirm(place, ALICE)
    assert refused.value.fields == ("email",)
    assert place.store.get("1", NOW) == ALICE
    assert place.users.get("1") is None


def test_mails_to_an_address_are_counted(place: Place) -> None:
    counted = [place.store.count_mail("mails#a", NOW + second) for second in range(MAILS_PER_ADDRESS + 2)]
    assert counted == [True] * MAILS_PER_ADDRESS + [False] * 2
    assert place.store.count_mail("mails#b", NOW)
    assert place.store.count_mail("mails#a", NOW + MAILS_SECONDS)


@pytest.mark.parametrize("change", [False, True], ids=["registration", "change"])
def test_who_registers_at_once_meets_a_held_name_until_it_expires(dynamodb_emulator: Any, *, change: bool) -> None:
    """After registrationAnswers went back to explicit, or by the signed routes."""
    tables = UsersInDynamoDB(dynamodb_emulator.client())
    names = tables.tables
    pending = DynamoDBPendingRegistrations(tables.client, user_keys_table=names.user_keys, pause=no_pause)
    pending.add(ALICE, NOW)
    bob = user_of(BOB)
    wanted = {**bob.values, "username": "alice"}

    def attempt(clock: Callable[[], float]) -> None:
        store = DynamoDBUsersStore(
            tables.client, users_table=names.users, user_keys_table=names.user_keys, clock=clock, pause=no_pause
        )
        if change:
            store.replace(bob, bob._replace(values=wanted, version=2))
        else:
            store.add(bob._replace(values=wanted), None)

    if change:
        tables.store.add(bob, None)
    with pytest.raises(AlreadyTakenError):
        attempt(lambda: NOW)
    attempt(lambda: LATER)
    assert tables.store.owner("username#alice") == "3"
    item = tables.key_item("username#alice")
    assert item is not None
    assert item.keys() == {"key", "userId"}
