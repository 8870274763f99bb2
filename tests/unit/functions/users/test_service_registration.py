"""The ids of registrations, and the digest that recognizes a repeated body."""

from datetime import UTC, datetime
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.users.attributes import ATTRIBUTES
from functions.users.service import REQUEST_DAYS, register, registration_request
from functions.users.user import IdempotencyKeyReusedError, Registration, RegistrationRequest, User
from tests.support.users.people import registration
from tests.support.users.users_in_memory import InMemoryUsers

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
ALICE = registration(email="Alice@Example.com", username="Alice")

texts = st.text(st.characters(codec="utf-8"), max_size=5)
keys = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=255)
registrations = st.fixed_dictionaries(
    {each.name: texts for each in ATTRIBUTES if each.required},
    optional={each.name: texts for each in ATTRIBUTES if not each.required},
)


class ForgetfulUsers(InMemoryUsers):
    """A store whose first answer is lost, so that botocore sends the request again."""

    def add(self, user: User, request: RegistrationRequest | None) -> None:
        super().add(user, request)
        super().add(user, request)


def test_a_new_user_is_stored_as_typed_in_version_1() -> None:
    users = InMemoryUsers()
    user_id = register(users, ALICE, idempotency_key=None, now=NOW)
    assert users.get(user_id) == User(
        user_id=user_id,
        values=ALICE,
        version=1,
        created_at="2026-11-23T10:00:00.000Z",
        updated_at="2026-11-23T10:00:00.000Z",
        changed_by="self",
    )


def test_no_id_derives_from_a_key() -> None:
    ids = [register(InMemoryUsers(), ALICE, idempotency_key=key, now=NOW) for key in (None, None, "a", "a", "b")]
    assert len(set(ids)) == 5


@pytest.mark.parametrize("key", [None, "a key"])
def test_a_registration_whose_first_answer_was_lost_succeeds(key: str | None) -> None:
    users = ForgetfulUsers()
    assert register(users, ALICE, idempotency_key=key, now=NOW) in users.users


def test_a_repeat_is_the_same_user_and_another_body_is_refused() -> None:
    users = InMemoryUsers()
    user_id = register(users, ALICE, idempotency_key="a", now=NOW)
    assert register(users, ALICE, idempotency_key="a", now=NOW) == user_id
    with pytest.raises(IdempotencyKeyReusedError):
        register(users, registration(2), idempotency_key="a", now=NOW)
    assert list(users.users) == [user_id]


@given(registrations, registrations, keys)
def test_who_registers_with_a_deleted_users_key_is_another_person(
    first: Registration, second: Registration, key: str
) -> None:
    users = InMemoryUsers()
    gone = register(users, first, idempotency_key=key, now=NOW)
    users.remove(users.users[gone])
    assert users.owners == {}
    assert register(users, second, idempotency_key=key, now=NOW) != gone


@given(registrations, registrations, keys, keys)
def test_digests_are_equal_exactly_when_key_and_body_are(
    one: Registration, other: Registration, key: str, other_key: str
) -> None:
    first, second = registration_request(one, key, NOW), registration_request(other, other_key, NOW)
    assert (first.digest == second.digest) == (one == other and key == other_key)
    assert (first.key == second.key) == (key == other_key)


def test_the_digest_ignores_the_order_of_fields() -> None:
    requests = {registration_request(dict(order), "a", NOW) for order in permutations(ALICE.items())}
    assert len(requests) == 1


# Literals, because if one changed, a repeat during a deployment would be refused.
def test_what_is_stored_of_a_request_never_changes() -> None:
    body = {"name": "Alice", "email": "Alice@Example.com", "username": "Alice"}
    assert registration_request(body, "a key", NOW) == RegistrationRequest(
        key="request#8fa3aab2faa9b79e0a0398da5b5abd0780142442a5be80b9a64608d718cb1fcd",
        digest="a2af1926b5287f8b6b197516920268f3894a8aab4444d368648adea19beb7ac8",
        expires_at=int(NOW.timestamp()) + REQUEST_DAYS * 86_400,
    )
