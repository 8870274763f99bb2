"""What only tables show: the form of items, imported users, and many requests at once."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from functions.activity.closing_item import deletion_note, erasure
from functions.users.service import change_user, register, registration_request, remove_user
from functions.users.user import AlreadyTakenError, Deletion, StaleVersionError, UserError, held_keys, keys_of
from tests.support.users.people import registration, with_values
from tests.support.users.users_api import UsersApi
from tests.support.users.users_in_dynamodb import UsersInDynamoDB

ALICE = registration(email="Alice@Example.com", username="Alice")
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
ARN = "arn:aws:sts::123456789012:assumed-role/Support/eve"


@pytest.fixture(params=["dynamodb_emulator", pytest.param("dynamodb_local", marks=pytest.mark.java)])
def tables(request: pytest.FixtureRequest) -> UsersInDynamoDB:
    return UsersInDynamoDB(request.getfixturevalue(request.param).client(connections=64))


def test_a_registration_writes_the_user_and_a_key_for_each_unique_value(tables: UsersInDynamoDB) -> None:
    user_id = register(tables.store, ALICE, idempotency_key="a key", now=NOW)
    request = registration_request(ALICE, "a key", NOW)
    assert tables.items() == [
        {
            "userId": {"S": user_id},
            **{name: {"S": value} for name, value in ALICE.items()},
            "version": {"N": "1"},
            "createdAt": {"S": "2026-11-23T10:00:00.000Z"},
            "updatedAt": {"S": "2026-11-23T10:00:00.000Z"},
            "schemaVersion": {"N": "1"},
            "requestKey": {"S": request.key},
            "changedBy": {"M": {"actor": {"S": "self"}, "version": {"N": "1"}}},
        }
    ]
    assert tables.owners() == dict.fromkeys([*keys_of(ALICE).values(), request.key], user_id)
    assert tables.key_item(request.key) == {
        "key": {"S": request.key},
        "userId": {"S": user_id},
        "registrationDigest": {"S": request.digest},
        "expiresAt": {"N": str(request.expires_at)},
    }


def test_without_a_key_no_request_is_kept(tables: UsersInDynamoDB) -> None:
    user_id = register(tables.store, ALICE, idempotency_key=None, now=NOW)
    assert "requestKey" not in tables.items()[0]
    assert tables.owners() == dict.fromkeys(keys_of(ALICE).values(), user_id)


def test_a_change_removes_the_digest_of_an_earlier_registration(tables: UsersInDynamoDB) -> None:
    tables.put_user(userId="1", name="Alice", registrationDigest="95ab")
    change_user(tables.store, "1", {"name": "Eve"}, precondition=None, actor=ARN, now=NOW)
    assert "registrationDigest" not in tables.items()[0]


@pytest.mark.parametrize("text", ["", "email#al@example.com", "request#" + "x" * 2048, "x" * 4096])
def test_an_imported_request_key_that_is_none_frees_nothing(tables: UsersInDynamoDB, text: str) -> None:
    owner = register(tables.store, ALICE, idempotency_key=None, now=NOW)
    tables.put_user(userId="1", name="Alice", requestKey=text)
    remove_user(tables.store, "1", precondition=None, actor=ARN, now=NOW)
    assert [item["userId"]["S"] for item in tables.items()] == [owner]
    assert tables.owners() == dict.fromkeys(keys_of(ALICE).values(), owner)


TYPED = "Carol@B\u00fccher.example"
STORED = "Carol@xn--bcher-kva.example"


def test_an_internationalized_address_is_stored_for_mail_systems_and_shown_as_typed(tables: UsersInDynamoDB) -> None:
    user_id = register(tables.store, {**ALICE, "email": TYPED}, idempotency_key=None, now=NOW)
    (item,) = tables.items()
    assert (item["email"], item["asTyped"]) == ({"S": STORED}, {"M": {"email": {"S": TYPED}}})
    assert tables.owners()["email#carol@xn--bcher-kva.example"] == user_id
    read = tables.store.get(user_id)
    assert read is not None
    assert read.values == {**ALICE, "email": TYPED}

    for name, value, shown in [
        ("name", "Eve", TYPED),
        ("email", TYPED.upper(), TYPED.upper()),
        ("email", STORED, STORED),
        ("email", TYPED, TYPED),
        ("email", "eve@example.com", "eve@example.com"),
    ]:
        change_user(tables.store, user_id, {name: value}, precondition=None, actor=ARN, now=NOW)
        read = tables.store.get(user_id)
        assert read is not None
        assert read.values["email"] == shown
    (item,) = tables.items()
    assert (item["email"], "asTyped" in item) == ({"S": "eve@example.com"}, False)
    remove_user(tables.store, user_id, precondition=None, actor=ARN, now=NOW)
    assert tables.owners() == {}


def test_a_value_that_was_written_past_the_api_is_shown_and_no_longer_what_was_typed(tables: UsersInDynamoDB) -> None:
    user_id = register(tables.store, {**ALICE, "email": TYPED}, idempotency_key=None, now=NOW)
    (item,) = tables.items()
    tables.client.put_item(TableName=tables.tables.users, Item={**item, "email": {"S": "new@example.com"}})
    read = tables.store.get(user_id)
    assert read is not None
    assert read.values["email"] == "new@example.com"
    assert change_user(tables.store, user_id, {"name": "Eve"}, precondition=None, actor=ARN, now=NOW).version == 2


# What earlier releases and imports may have stored, and nobody could register with today.
BEFORE = [
    {"email": "a..b@localhost", "username": "admin", "name": "\u2800"},
    {"email": TYPED, "username": "zoe\u0308", "name": "zoe\u0308"},
    {"email": "a@\u2603.\u3164", "username": "\u0430" * 1_100, "name": ""},
    {"email": "@", "username": "\u200d", "name": "\u0301"},
]


@pytest.mark.parametrize("values", BEFORE, ids=["rules", "spelling", "long", "odd"])
def test_a_stored_value_that_today_s_rules_refuse_stands_in_no_way(
    tables: UsersInDynamoDB, values: dict[str, str]
) -> None:
    tables.put_user(userId="1", **values)
    api = UsersApi(tables.store)
    assert api.get("1").body.items() >= values.items()
    assert api.patch("1", {"name": "Eve"}).body.items() >= {**values, "name": "Eve"}.items()
    changed = api.patch("1", {"email": "new@example.com"})
    assert changed.body.items() >= {**values, "name": "Eve", "email": "new@example.com"}.items()
    (item,) = tables.items()
    assert item["username"] == {"S": values["username"]}
    assert tables.owners() == {"email#new@example.com": "1"}
    assert api.delete("1").status == 204
    assert tables.owners() == {}


def test_an_imported_address_is_changed_to_another_spelling_of_it(tables: UsersInDynamoDB) -> None:
    tables.put_user(userId="1", email=TYPED)
    api = UsersApi(tables.store)
    assert api.patch("1", {"email": TYPED.upper()}).body["email"] == TYPED.upper()
    assert api.get("1").body["email"] == TYPED.upper()
    assert api.delete("1").status == 204


def test_of_usernames_that_look_alike_one_is_refused_and_free_again(tables: UsersInDynamoDB) -> None:
    api = UsersApi(tables.store)
    first = api.register(registration(1, username="Ivan"))
    second = api.register(registration(2, username="lvan"))
    assert (first.status, second.status, second.problem_fields) == (201, 409, ["username"])
    assert api.find(username="lvan").body["items"] == []
    assert api.patch(first.body["userId"], {"username": "ivan"}).status == 200
    assert api.register(registration(2, username="lvan")).status == 201
    assert api.patch(first.body["userId"], {"username": "IVAN"}).status == 409
    assert api.delete(first.body["userId"]).status == 204
    assert {*tables.owners()} == {"email#alice-2@example.com", "username#lvan"}


def test_a_change_leaves_what_it_does_not_name(tables: UsersInDynamoDB) -> None:
    tables.put_user(userId="1", name="Alice", favourite="blue")
    change_user(tables.store, "1", {"name": "Eve"}, precondition=None, actor=ARN, now=NOW)
    assert tables.items() == [
        {
            "userId": {"S": "1"},
            "name": {"S": "Eve"},
            "favourite": {"S": "blue"},
            "version": {"N": "2"},
            "updatedAt": {"S": "2026-11-23T10:00:00.000Z"},
            "changedBy": {"M": {"actor": {"S": ARN}, "version": {"N": "2"}}},
        }
    ]


def test_a_user_from_before_versions_is_guarded_too(tables: UsersInDynamoDB) -> None:
    tables.put_user(userId="1", name="Alice")
    first = tables.store.get("1")
    assert first is not None
    assert first.version == 1
    tables.store.replace(first, with_values(first, name="Eve")._replace(version=2))
    with pytest.raises(StaleVersionError):
        tables.store.replace(first, with_values(first, name="Mallory")._replace(version=2))
    with pytest.raises(StaleVersionError):
        tables.store.remove(first)


def test_a_user_without_a_version_is_no_later_version(tables: UsersInDynamoDB) -> None:
    tables.put_user(userId="1", name="Alice")
    first = tables.store.get("1")
    assert first is not None
    with pytest.raises(StaleVersionError):
        tables.store.remove(first._replace(version=2))


def test_a_key_that_is_another_users_stays_theirs(tables: UsersInDynamoDB) -> None:
    # An imported user who holds no keys, and one who registered with the same email since.
    tables.put_user(userId="old", name="Alice", email="alice@example.com", username="alice")
    owner = register(
        tables.store, registration(2, email="alice@example.com", username="al-2"), idempotency_key=None, now=NOW
    )
    held = tables.owners()
    with pytest.raises(AlreadyTakenError):
        change_user(
            tables.store, "old", {"email": "new@example.com", "username": "AL-2"}, precondition=None, actor=ARN, now=NOW
        )
    assert tables.owners() == held
    change_user(tables.store, "old", {"email": "new@example.com"}, precondition=None, actor=ARN, now=NOW)
    assert tables.owners() == held | {"email#new@example.com": "old"}
    change_user(tables.store, owner, {"username": "alice"}, precondition=None, actor=ARN, now=NOW)
    remove_user(tables.store, "old", precondition=None, actor=ARN, now=NOW)
    assert tables.owners() == {"email#alice@example.com": owner, "username#alice": owner}


def test_a_removal_leaves_its_note(tables: UsersInDynamoDB) -> None:
    user_id = register(tables.store, ALICE, idempotency_key=None, now=NOW)
    assert tables.activity() == []
    remove_user(tables.store, user_id, precondition=None, actor=ARN, now=NOW)
    month = 30 * 86_400
    assert tables.activity() == [
        deletion_note(
            user_id,
            actor=ARN,
            version=1,
            occurred_at="2026-11-23T10:00:00.000Z",
            expires_at=int(NOW.timestamp()) + month,
        )
    ]


def test_a_stale_removal_leaves_no_note(tables: UsersInDynamoDB) -> None:
    tables.put_user(userId="1", name="Alice")
    first = tables.store.get("1")
    assert first is not None
    with pytest.raises(StaleVersionError):
        tables.store.remove(first._replace(version=2), Deletion(ARN, NOW))
    assert tables.activity() == []


def test_the_next_removal_of_the_same_id_leaves_its_own_note(tables: UsersInDynamoDB) -> None:
    for actor in ("first", "second"):
        tables.put_user(userId="1", name="Alice")
        remove_user(tables.store, "1", precondition=None, actor=actor, now=NOW)
    (note,) = tables.activity()
    assert note["actor"] == {"S": "second"}


def test_a_removal_never_takes_the_marker_of_an_erased_user_away(tables: UsersInDynamoDB) -> None:
    user_id = register(tables.store, ALICE, idempotency_key=None, now=NOW)
    marker: Any = erasure(user_id, actor="eraser", occurred_at="2026-11-23T09:59:00.000Z", expires_at=4_000_000_000)
    tables.client.put_item(TableName=tables.tables.activity, Item=marker)
    remove_user(tables.store, user_id, precondition=None, actor=ARN, now=NOW)
    assert tables.activity() == [marker]
    assert (tables.items(), tables.owners()) == ([], {})


@pytest.mark.parametrize("act", ["change", "remove"])
@pytest.mark.parametrize("meanwhile", ["left", "left, and the key was claimed"])
def test_a_key_that_comes_home_between_two_tries_is_freed_too(
    tables: UsersInDynamoDB, act: str, meanwhile: str
) -> None:
    tables.put_user(userId="old", name="Alice", email="alice@example.com", username="alice")
    rival = registration(email="alice@example.com", username="al-2")
    owner = register(tables.store, rival, idempotency_key=None, now=NOW)
    tries: list[int] = []

    def between_the_first_two(**_: object) -> None:
        tries.append(len(tries))
        if len(tries) == 2:
            remove_user(tables.store, owner, precondition=None, actor=ARN, now=NOW)
            if "claimed" in meanwhile:
                item = {"key": {"S": "email#alice@example.com"}, "userId": {"S": "old"}}
                tables.client.put_item(TableName=tables.tables.user_keys, Item=item)

    tables.client.meta.events.register("before-call.dynamodb.TransactWriteItems", between_the_first_two)
    if act == "remove":
        remove_user(tables.store, "old", precondition=None, actor=ARN, now=NOW)
    else:
        change_user(tables.store, "old", {"email": "new@example.com"}, precondition=None, actor=ARN, now=NOW)
    # One was the rival's removal. The rival's key is no longer theirs then: a third try frees it.
    assert len(tries) == 4
    assert tables.owners() == ({} if act == "remove" else {"email#new@example.com": "old"})


def outcome(call: Callable[[], object]) -> str:
    try:
        call()
    except UserError as error:
        return type(error).__name__
    return "done"


def test_of_200_registrations_of_one_email_at_once_one_succeeds(tables: UsersInDynamoDB) -> None:
    def attempt(number: int) -> str:
        rival = registration(number, email="alice@example.com")
        return outcome(lambda: register(tables.store, rival, idempotency_key=None, now=NOW))

    with ThreadPoolExecutor(50) as pool:
        outcomes = Counter(pool.map(attempt, range(200)))
    assert outcomes == {"done": 1, "AlreadyTakenError": 199}
    (item,) = tables.items()
    values = {name: item[name]["S"] for name in ("email", "username")}
    assert tables.owners() == dict.fromkeys(held_keys(values), item["userId"]["S"])


def test_of_many_tries_with_one_idempotency_key_all_give_the_same_user(tables: UsersInDynamoDB) -> None:
    def attempt(_number: int) -> str:
        return register(tables.store, ALICE, idempotency_key="one key", now=NOW)

    with ThreadPoolExecutor(20) as pool:
        user_ids = set(pool.map(attempt, range(60)))
    assert user_ids == {item["userId"]["S"] for item in tables.items()}


@pytest.mark.parametrize("seed", range(4))
def test_after_a_storm_every_key_is_its_users_and_every_user_holds_theirs(tables: UsersInDynamoDB, seed: int) -> None:
    def turn(number: int) -> str:
        random = Random(f"{seed}/{number}")  # noqa: S311  to be able to play a storm again
        email, username = f"{random.choice('abc')}@example.com", f"user-{random.choice('abc')}"
        user_id = random.choice([item["userId"]["S"] for item in tables.items()] or ["nobody"])
        return outcome(
            random.choice(
                [
                    lambda: register(
                        tables.store,
                        registration(number, email=email, username=username),
                        idempotency_key=random.choice([None, "one", "two"]),
                        now=NOW,
                    ),
                    lambda: change_user(tables.store, user_id, {"email": email}, precondition=None, actor=ARN, now=NOW),
                    lambda: change_user(
                        tables.store, user_id, {"username": username}, precondition=None, actor=ARN, now=NOW
                    ),
                    lambda: remove_user(tables.store, user_id, precondition=None, actor=ARN, now=NOW),
                ]
            )
        )

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(turn, range(120)))
    expected: dict[str, str] = {}
    for item in tables.items():
        for key in (f"email#{item['email']['S']}", f"username#{item['username']['S']}"):
            assert key not in expected
            expected[key] = item["userId"]["S"]
        if "requestKey" in item:
            expected[item["requestKey"]["S"]] = item["userId"]["S"]
    assert tables.owners() == expected


def test_changes_at_once_are_all_kept_or_told_of(tables: UsersInDynamoDB) -> None:
    user_id = register(tables.store, ALICE, idempotency_key=None, now=NOW)

    def attempt(number: int) -> str:
        return outcome(
            lambda: change_user(tables.store, user_id, {"name": f"A{number}"}, precondition=None, actor=ARN, now=NOW)
        )

    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(attempt, range(40)))
    stored = tables.store.get(user_id)
    assert stored is not None
    assert stored.version == 1 + outcomes["done"]
    assert set(outcomes) <= {"done", "UnavailableError"}
