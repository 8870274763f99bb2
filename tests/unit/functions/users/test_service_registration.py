"""The ids of registrations, and the digest that recognizes a repeated body."""

from datetime import UTC, datetime
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.users.attributes import ATTRIBUTES
from functions.users.service import register, registration_digest
from functions.users.user import IdempotencyKeyReusedError, Registration, User, UserIdTakenError
from tests.support.users.people import registration
from tests.support.users.users_in_memory import InMemoryUsers

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
ALICE = registration(email="Alice@Example.com", username="Alice")

texts = st.text(st.characters(codec="utf-8"), max_size=5)
registrations = st.fixed_dictionaries(
    {each.name: texts for each in ATTRIBUTES if each.required},
    optional={each.name: texts for each in ATTRIBUTES if not each.required},
)


class ForgetfulUsers(InMemoryUsers):
    """A store whose first answer is lost, so that botocore sends the request again."""

    def add(self, user: User, registration_digest: str | None) -> None:
        super().add(user, registration_digest)
        super().add(user, registration_digest)


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


def test_ids_are_random_without_a_key_and_derive_from_one() -> None:
    ids = [register(InMemoryUsers(), ALICE, idempotency_key=key, now=NOW) for key in (None, None, "a", "a", "b")]
    assert len(set(ids)) == 4
    assert ids[2] == ids[3]


# A literal, because if it changed, retries during a deployment would register twice.
def test_the_id_of_a_key_never_changes() -> None:
    assert register(InMemoryUsers(), ALICE, idempotency_key="a", now=NOW) == "f00beb26-c922-5438-a3db-57eb722d9dee"


@pytest.mark.parametrize("key", [None, "a key"])
def test_a_registration_whose_first_answer_was_lost_succeeds(key: str | None) -> None:
    users = ForgetfulUsers()
    assert register(users, ALICE, idempotency_key=key, now=NOW) in users.users


def test_a_user_stored_without_a_digest_is_not_a_retry() -> None:
    users = InMemoryUsers()
    user_id = register(users, ALICE, idempotency_key="a", now=NOW)
    stored = users.users[user_id]
    users.remove(stored)
    users.add(stored, None)
    with pytest.raises(IdempotencyKeyReusedError) as refusal:
        register(users, ALICE, idempotency_key="a", now=NOW)
    assert isinstance(refusal.value.__cause__, UserIdTakenError)


@given(registrations, registrations)
def test_digests_are_equal_exactly_when_bodies_are(one: Registration, other: Registration) -> None:
    assert (registration_digest(one) == registration_digest(other)) == (one == other)


def test_the_digest_ignores_the_order_of_fields() -> None:
    digests = {registration_digest(dict(order)) for order in permutations(ALICE.items())}
    assert len(digests) == 1


# A literal, because if it changed, a retry would be refused as another body.
def test_the_digest_of_a_stored_user_never_changes() -> None:
    body = {"name": "Alice", "email": "Alice@Example.com", "username": "Alice"}
    assert registration_digest(body) == "95aba38c46868c2acf8613f6172c63197756bf8b97c53e15f2582aa1b4a6ef84"


def test_a_digest_is_hex_and_hides_the_body() -> None:
    digest = registration_digest(ALICE)
    assert len(digest) == 64
    assert int(digest, 16)
    assert "Alice" not in digest
