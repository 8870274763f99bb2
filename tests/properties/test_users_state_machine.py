"""The real handlers against a plain dict of users: over the fake store, and over DynamoDB."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from functions.users.fields import Fields
from functions.users.user import UsersStore
from tests.support.aws.dynamodb_endpoints import DynamoDBEndpoint
from tests.support.users.declarations import NICKNAME, SHIPPED
from tests.support.users.http_api_events import Answer
from tests.support.users.users_api import UsersApi
from tests.support.users.users_in_dynamodb import UsersInDynamoDB
from tests.support.users.users_in_memory import InMemoryUsers

# Few texts, so that requests collide: each with the text that it is compared as.
EMAILS = {
    "alice@example.com": "a",
    "ALICE@Example.com": "a",
    "bob@example.com": "b",
    "carol@b\u00fccher.example": "c",
    "Carol@B\u00dcCHER.example": "c",
    "carol@xn--bcher-kva.example": "c",
}
USERNAMES = {
    "alice": "a",
    "Alice": "a",
    "\uff41\uff4c\uff49\uff43\uff45": "a",
    "stra\u00dfe": "s",
    "STRASSE": "s",
    "bob": "b",
    "b0b": "0",
    "\u0430lice": "cyrillic",
}
ALIKE = {"b0b": "b", "\u0430lice": "a"}
"""What a username looks like, as USERNAMES names it, without being the same."""
NICKNAMES = {"Al": "a", "AL": "a", "bo": "b"}
SAME = {"email": EMAILS, "username": USERNAMES, "nickname": NICKNAMES}
KEYS = ["idempotency-key-1", "idempotency-key-2"]

# The attributes that are shipped, and one that users may lack.
ATTRIBUTES = (*SHIPPED, NICKNAME)
FIELDS = Fields(ATTRIBUTES)

emails, usernames, names = st.sampled_from([*EMAILS]), st.sampled_from([*USERNAMES]), st.sampled_from(["Alice", "Bob"])
required = {"name": names, "email": emails, "username": usernames}
nicknames = st.sampled_from([*NICKNAMES])
bodies = st.fixed_dictionaries(required, optional={"nickname": nicknames})
changes = st.fixed_dictionaries({}, optional={**required, "nickname": nicknames | st.none()}).filter(bool)
Body = Mapping[str, str | None]


def marks(field: str, value: str) -> set[str]:
    """Return what nobody else may have who has this value: itself, and what it looks like."""
    return {SAME[field][value], *filter(None, [ALIKE.get(value) if field == "username" else None])}


class Place(NamedTuple):
    """A store, and a function that returns who owns which key."""

    store: UsersStore
    owners: Callable[[], Mapping[str, str]]


class UsersMachine(RuleBasedStateMachine):
    """Every answer and every stored key is what the model predicts."""

    def __init__(self) -> None:
        super().__init__()
        self.place = self.new_place()
        self.api = UsersApi(self.place.store, FIELDS)
        self.users: dict[str, dict[str, Any]] = {}
        self.by_key: dict[str, tuple[str, Body]] = {}
        self.seen: set[str] = set()

    def new_place(self) -> Place:
        raise NotImplementedError

    def taken(self, body: Body, besides: str | None) -> list[str]:
        others = [user for user_id, user in self.users.items() if user_id != besides]
        return [
            field
            for field in SAME
            if (value := body.get(field))
            and any(field in other and marks(field, other[field]) & marks(field, value) for other in others)
        ]

    def known(self, draw: st.DataObject) -> str:
        # In order of registration: ids are random, and a run must be repeatable.
        return draw.draw(st.sampled_from([*self.users]), "user")

    def condition(self, draw: st.DataObject, version: int) -> tuple[str | None, bool]:
        """Draw an If-Match, and whether it accepts this version."""
        return draw.draw(
            st.sampled_from(
                [
                    (None, True),
                    ("*", True),
                    (f'"{version}"', True),
                    (f'"{version + 5}", "{version}"', True),
                    (f'"{version - 1}"', False),
                    (f'W/"{version}"', False),
                    ('"0"', False),
                ]
            ),
            "If-Match",
        )

    @rule(body=bodies, key=st.sampled_from([None, *KEYS]))
    def register(self, body: Body, key: str | None) -> None:
        answer = self.api.register(body, key=key)
        earlier = self.by_key.get(key) if key else None
        if earlier and earlier[0] in self.users:
            self.expect_retry(answer, earlier, body)
        elif taken := self.taken(body, None):
            assert (answer.status, answer.problem) == (409, "already-taken")
            assert answer.problem_fields == taken
        else:
            assert answer.status == 201
            user_id: str = answer.body["userId"]
            # Nobody gets the id, and so the history, of a user who was there before.
            assert user_id not in self.seen
            self.seen.add(user_id)
            assert answer.headers["location"] == f"/users/{user_id}"
            assert answer.headers["etag"] == '"1"'
            self.users[user_id] = {**body, "version": 1}
            if key:
                self.by_key[key] = (user_id, body)

    @precondition(lambda self: any(user_id in self.users for user_id, _ in self.by_key.values()))
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from([key for key, (user_id, _) in self.by_key.items() if user_id in self.users]))
        earlier = self.by_key[key]
        self.expect_retry(self.api.register(earlier[1], key=key), earlier, earlier[1])

    def expect_retry(self, answer: Answer, earlier: tuple[str, Body], body: Body) -> None:
        if body == earlier[1]:
            assert answer.status == 201
            assert answer.body["userId"] == earlier[0]
        else:
            assert (answer.status, answer.problem) == (422, "idempotency-key-reused")

    @rule(value=st.sampled_from([(name, value) for name, same in SAME.items() for value in same]))
    def find(self, value: tuple[str, str]) -> None:
        name, text = value
        same = SAME[name]
        holders = [user_id for user_id, user in self.users.items() if same.get(user.get(name, "")) == same[text]]
        answer = self.api.find(value)
        assert (answer.status, answer.body["nextToken"]) == (200, None)
        assert [user["userId"] for user in answer.body["items"]] == holders

    @precondition(lambda self: self.users)
    @rule(data=st.data(), body=changes)
    def change(self, data: st.DataObject, body: Body) -> None:
        user_id = self.known(data)
        user = self.users[user_id]
        if_match, fits = self.condition(data, user["version"])
        answer = self.api.patch(user_id, body, if_match=if_match)
        changed = {field: value for field, value in {**user, **body}.items() if value is not None}
        if not fits:
            assert (answer.status, answer.problem) == (412, "version-conflict")
        elif changed != user and (taken := self.taken(body, user_id)):
            assert (answer.status, answer.problem) == (409, "already-taken")
            assert answer.problem_fields == taken
        else:
            if changed != user:
                self.users[user_id] = {**changed, "version": user["version"] + 1}
            self.expect_user(answer, user_id)

    @precondition(lambda self: self.users)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        user_id = self.known(data)
        if_match, fits = self.condition(data, self.users[user_id]["version"])
        answer = self.api.delete(user_id, if_match=if_match)
        if fits:
            assert answer.status == 204
            del self.users[user_id]
        else:
            assert (answer.status, answer.problem) == (412, "version-conflict")

    @rule(body=changes, if_match=st.sampled_from([None, "*", '"1"']))
    def reach_for_nobody(self, body: Body, if_match: str | None) -> None:
        for user_id in ("nobody", *(user_id for user_id, _ in self.by_key.values() if user_id not in self.users)):
            for answer in (
                self.api.get(user_id),
                self.api.patch(user_id, body, if_match=if_match),
                self.api.delete(user_id, if_match=if_match),
            ):
                assert (answer.status, answer.problem) == (404, "not-found")

    def expect_user(self, answer: Answer, user_id: str) -> None:
        user = self.users[user_id]
        assert answer.status == 200
        assert answer.headers["etag"] == f'"{user["version"]}"'
        shown = dict(answer.body)
        assert shown.pop("createdAt") <= shown.pop("updatedAt")
        assert shown == {"userId": user_id, **user}

    @invariant()
    def all_users_are_as_the_model_has_them(self) -> None:
        for user_id in self.users:
            self.expect_user(self.api.get(user_id), user_id)

    @invariant()
    def each_value_is_held_by_its_user_alone(self) -> None:
        unique = [
            user_id
            for user_id, user in self.users.items()
            for field in SAME
            if field in user
            for _ in marks(field, user[field])
        ]
        # And a user's request, by which a repeat is recognized.
        requests = [user_id for user_id, _ in self.by_key.values() if user_id in self.users]
        assert sorted(self.place.owners().values()) == sorted([*unique, *requests])


def test_users_over_the_in_memory_store() -> None:
    class Machine(UsersMachine):
        def new_place(self) -> Place:
            users = InMemoryUsers(ATTRIBUTES)
            return Place(users, lambda: users.owners)

    # Draws are slow on a busy machine, whatever the code does.
    patient = settings(suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(Machine, settings=patient)  # pyright: ignore[reportUnknownMemberType]


def test_users_over_dynamodb(dynamodb_emulator: DynamoDBEndpoint) -> None:
    client = dynamodb_emulator.client()

    class Machine(UsersMachine):
        def new_place(self) -> Place:
            tables = UsersInDynamoDB(client, ATTRIBUTES)
            return Place(tables.store, tables.owners)

    # Each step costs several requests to the emulator; the in-memory test searches widely.
    bounded = settings(max_examples=10, stateful_step_count=15, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(Machine, settings=bounded)  # pyright: ignore[reportUnknownMemberType]
