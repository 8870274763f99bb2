"""Verification on real tables: what the fakes assume, and many concurrent writes of others."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import sleep
from typing import Any
from uuid import uuid4

import pytest

from functions.activity.items import activity_item
from functions.stream_records.user_change import parse_user_change
from functions.users.dynamodb_store import user_of
from functions.users.service import change_user, register, remove_user
from functions.users.user import UserError, held_keys, keys_of
from local.state import clients_of
from ops.aws.tables import ActivityKey, ActivityReader, UsersReader
from ops.aws.user_keys import KeyChange, KeyRepair, UserKeysTable
from ops.errors import ExitCode, NotFoundError
from ops.job import STATE_VARIABLE, Job
from ops.users.findings import Problem
from ops.users.verify import Verify, VerifyReport
from ops.users.verify_db import VerifyDb
from tests.support.aws.signature_v4 import Signer
from tests.support.local.local_stack import LocalStack
from tests.support.local.ops_stack import answer, delete_unsupported_users, run_ops, services_of
from tests.support.local.users_over_http import UsersOverHttp, person
from tests.support.ops.ops_in_memory import StackInMemory
from tests.support.ops.user_keys_in_memory import UserKeysInMemory
from tests.support.records.record_strategies import stream_record
from tests.support.users.people import registration
from tests.support.users.users_in_dynamodb import UsersInDynamoDB

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DYNAMODB = ["dynamodb_emulator", pytest.param("dynamodb_local", marks=pytest.mark.java)]


class StackOnDynamoDB(StackInMemory):
    """A stack whose users and keys are real tables."""

    def __init__(self, client: Any, users: str, user_keys: str) -> None:
        super().__init__()
        self._tables = UsersReader(client, users), UserKeysTable(client, user_keys, users)
        self.history: Any = None
        """The history as a real table, if it is one."""

    def users(self) -> Any:
        return self._tables[0]

    def user_keys(self) -> Any:
        return self._tables[1]

    def activity(self) -> Any:
        return self.history or super().activity()


def repair_all(folder: Path, tables: UsersInDynamoDB) -> VerifyReport:
    stack = StackOnDynamoDB(tables.client, tables.tables.users, tables.tables.user_keys)
    progress = VerifyDb(folder / f"{uuid4().hex}.sqlite")
    work = Job(now=stack.clock.now, sleep=stack.clock.pass_by)
    try:
        return Verify(stack, progress, work, items_per_second=1e9, repair=True).run()
    finally:
        progress.close(delete=True)


class Place:
    """The two tables behind a `UserKeysTable`."""

    def __init__(self, table: UserKeysTable, put: Callable[..., None], keys: Callable[[], dict[str, str]]) -> None:
        self.table, self.put, self.keys = table, put, keys

    def give(self, user_id: str, before: str | None = None, **values: str) -> bool:
        keys = keys_of(values)
        typed = {name: {"S": value} for name, value in values.items()}
        change = KeyChange(before, user_id)
        (written,) = self.table.repair([KeyRepair({user_id: typed}, dict.fromkeys(keys.values(), change))])
        return written


@pytest.fixture(params=["memory", *DYNAMODB])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "memory":
        keys: dict[str, str] = {}
        users: dict[str, Any] = {}

        def put(**attributes: str) -> None:
            users[attributes["userId"]] = {name: {"S": value} for name, value in attributes.items()}

        return Place(UserKeysInMemory(keys, users.get), put, lambda: keys)
    tables = UsersInDynamoDB(request.getfixturevalue(request.param).client())
    table = UserKeysTable(tables.client, tables.tables.user_keys, tables.tables.users)
    return Place(table, tables.put_user, tables.owners)


@pytest.fixture(params=DYNAMODB)
def tables(request: pytest.FixtureRequest) -> UsersInDynamoDB:
    return UsersInDynamoDB(request.getfixturevalue(request.param).client(connections=64))


def test_a_free_key_is_given_once(place: Place) -> None:
    place.put(userId="1", email="A@example.com", username="Alice")
    assert place.give("1", email="A@example.com", username="Alice")
    assert not place.give("1", email="A@example.com", username="Alice")
    assert place.keys() == {"email#a@example.com": "1", "username#alice": "1"}


def test_nothing_is_given_to_a_user_stored_with_other_values_or_deleted(place: Place) -> None:
    place.put(userId="1", email="new@example.com", username="alice")
    assert not place.give("1", email="old@example.com", username="alice")
    assert not place.give("2", email="old@example.com")
    assert place.keys() == {}


def test_a_key_leaves_its_owner_only_if_the_owner_is_as_it_was_seen(place: Place) -> None:
    place.put(userId="1", email="a@example.com")
    assert place.give("1", email="a@example.com")
    free = {"email#a@example.com": KeyChange("1", None)}

    def repair(seen: Any) -> bool:
        return place.table.repair([KeyRepair({"1": seen}, free)])[0]

    assert not repair(None)
    assert not repair({"email": {"S": "b@example.com"}})
    assert not repair({"email": None})
    assert not place.table.repair([KeyRepair({"1": {}}, {"email#a@example.com": KeyChange("2", None)})])[0]
    assert place.keys() == {"email#a@example.com": "1"}
    assert repair({"email": {"S": "a@example.com"}, "username": None})
    assert place.keys() == {}


def test_a_refused_repair_keeps_none_of_the_others_back(place: Place) -> None:
    repairs: list[KeyRepair] = []
    for number in range(60):
        place.put(userId=f"{number}", email=f"{number}@example.com")
        values = {"email": {"S": f"{number if number % 7 else 'other'}@example.com"}}
        repairs.append(KeyRepair({f"{number}": values}, {f"email#{number}@example.com": KeyChange(None, f"{number}")}))
    # Two of one user, and two of one key, can't be in the same transaction.
    repairs += [repairs[1], KeyRepair({}, {"email#2@example.com": KeyChange("2", None)})]

    written = place.table.repair(repairs)

    assert written == [bool(number % 7) for number in range(60)] + [False, True]
    assert place.keys() == {
        f"email#{number}@example.com": f"{number}" for number in range(60) if number % 7 and number != 2
    }


def test_users_and_keys_are_read_as_of_one_moment(place: Place) -> None:
    place.put(userId="1", email="a@example.com")
    place.give("1", email="a@example.com")
    snapshot = place.table.snapshot({"1", "2"}, {"email#a@example.com", "email#b@example.com"})
    assert snapshot is not None
    assert snapshot.users == {"1": {"userId": {"S": "1"}, "email": {"S": "a@example.com"}}, "2": None}
    assert snapshot.owner("email#a@example.com") == "1"
    assert snapshot.owner("email#b@example.com") is None


def test_all_keys_are_read_page_by_page(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.aws.user_keys.ITEMS_PER_PAGE", 2)
    for number in range(7):
        place.put(userId=f"{number}", email=f"{number}@example.com")
        place.give(f"{number}", email=f"{number}@example.com")
    found: list[str] = []
    after: str | None = None
    while True:
        page = place.table.page(after)
        found += [item["key"]["S"] for item in page.items]
        after = page.next_after
        if after is None:
            break
    assert sorted(found) == [f"email#{number}@example.com" for number in range(7)]
    assert place.table.owners([*found, "email#b@example.com"]) == {
        f"email#{number}@example.com": f"{number}" for number in range(7)
    }
    assert place.table.owners([]) == {}


def test_missing_tables_are_reported(tables: UsersInDynamoDB) -> None:
    missing = UserKeysTable(tables.client, "Nowhere", tables.tables.users)
    for read in (lambda: missing.owners(["email#a@example.com"]), lambda: missing.page(None)):
        with pytest.raises(NotFoundError, match="Nowhere"):
            read()
    with pytest.raises(NotFoundError, match="Nowhere"):
        missing.snapshot(["1"], ["email#a@example.com"])


def test_concurrent_writers_leave_every_key_with_its_user(tables: UsersInDynamoDB, tmp_path: Path) -> None:
    """Users register, change and leave while two commands at once repair their keys."""
    for number in range(40):
        tables.put_user(userId=f"old-{number:02}", email=f"{number % 30}@example.com", username=f"user-{number}")

    def turn(number: int) -> None:
        dice = Random(f"claims {number}")  # noqa: S311  to be able to play a storm again
        user_id = f"old-{dice.randrange(40):02}"
        email, username = f"{dice.randrange(35)}@example.com", f"user-{dice.randrange(45)}"
        with suppress(UserError):
            dice.choice(
                [
                    lambda: register(
                        tables.store,
                        registration(number, email=email, username=username),
                        idempotency_key=None,
                        now=NOW,
                    ),
                    lambda: change_user(
                        tables.store, user_id, {"email": email}, precondition=None, actor="an ARN", now=NOW
                    ),
                    lambda: change_user(
                        tables.store, user_id, {"username": username}, precondition=None, actor="an ARN", now=NOW
                    ),
                    lambda: remove_user(tables.store, user_id, precondition=None, actor="an ARN", now=NOW),
                ]
            )()

    with ThreadPoolExecutor(8) as pool:
        repairing = [pool.submit(repair_all, tmp_path, tables) for _ in range(2)]
        list(pool.map(turn, range(100)))
        assert [report.result().error for report in repairing] == [None, None]
    report = repair_all(tmp_path, tables)

    stored = {item["userId"]["S"]: item for item in tables.items()}
    owners = tables.owners()
    wanted = {(user_id, key) for user_id, item in stored.items() for key in held_keys(user_of(item).values)}
    assert {(holder, key) for key, holder in owners.items()} <= wanted
    assert {key for _, key in wanted} == set(owners)
    assert report.found[Problem.TAKEN] + report.found[Problem.ALIKE] == len(wanted) - len(owners)


USERS = 1_000
LETTERS = str.maketrans("0123456789", "abcdefghjk")
"""Digits may look like letters, and a username with such ones has a key more."""
RECORDS_PER_CALL = 10
"""At least: a tenth of the calls of a verification that reads record by record."""


def test_a_verification_reads_many_records_a_call(tables: UsersInDynamoDB, tmp_path: Path) -> None:
    changes = tables.tables.activity
    for start in range(0, USERS, 25):
        numbers = range(start, start + 25)
        users: list[Any] = [user_item(number) for number in numbers]
        keys: list[Any] = [
            {"key": {"S": key}, "userId": item["userId"]}
            for item in users
            for key in held_keys({"email": item["email"]["S"], "username": item["username"]["S"]})
        ]
        added: list[Any] = [
            activity_item(parse_user_change(stream_record("INSERT", number, str(number), None, item)), 30)
            for number, item in zip(numbers, users, strict=True)
        ]
        put_all(tables, {tables.tables.users: users, changes: added})
        put_all(tables, {tables.tables.user_keys: keys[:25]})
        put_all(tables, {tables.tables.user_keys: keys[25:]})
    calls: list[str] = []

    def note(model: Any, **_: object) -> None:
        calls.append(model.name)

    tables.client.meta.events.register("before-call.dynamodb", note)
    stack = StackOnDynamoDB(tables.client, tables.tables.users, tables.tables.user_keys)
    stack.history = ActivityReader(tables.client, changes)
    progress = VerifyDb(tmp_path / "verify.sqlite")
    work = Job(now=stack.clock.now, sleep=stack.clock.pass_by)

    report = Verify(stack, progress, work, items_per_second=1e9, repair=False).run()
    progress.close(delete=True)

    assert (report.error, report.found.total(), report.finished) == (None, 0, True)
    assert report.read == {"users": USERS, "keys": 2 * USERS, "changes": USERS}
    assert sum(report.read.values()) >= RECORDS_PER_CALL * len(calls), Counter(calls)


def user_item(number: int) -> dict[str, Any]:
    values = {
        "userId": str(number),
        "email": f"{number}@example.com",
        "username": "user-" + str(number).translate(LETTERS),
    }
    return {name: {"S": value} for name, value in values.items()}


def put_all(tables: UsersInDynamoDB, items: dict[str, list[Any]]) -> None:
    for table, some in items.items():
        requests: Any = {table: [{"PutRequest": {"Item": item}} for item in some]}
        assert not tables.client.batch_write_item(RequestItems=requests)["UnprocessedItems"]


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))


@pytest.mark.local
def test_on_a_running_stack_it_finds_and_mends_each_kind_of_problem(
    local_stack: LocalStack, api_caller: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.users.verify.LOCAL_SETTLE_SECONDS", 3)
    services, dynamodb = services_of(local_stack), clients_of(local_stack).dynamodb
    users, outputs = UsersOverHttp(local_stack, api_caller), local_stack.outputs
    delete_unsupported_users(local_stack)
    run_ops(services, "verify", "--repair")  # what other tests left
    imported, user_id = person(name="Alice"), f"customer {uuid4().hex[:8]}"
    item: Any = {"userId": {"S": user_id}, "email": {"S": imported["email"].upper()}}
    dynamodb.put_item(TableName=outputs.users_table_name, Item=item)
    gone = person(name="Bob")
    gone_id = json.loads(users.register(gone).body)["userId"]
    for key in keys_of({"email": gone["email"], "username": gone["username"]}).values():
        dynamodb.put_item(TableName=outputs.user_keys_table_name, Item={"key": {"S": key}, "userId": {"S": "nobody"}})
    changes = ActivityReader(dynamodb, outputs.activity_table_name)
    forgotten = json.loads(users.register(person(name="Carol")).body)["userId"]
    wait_until(lambda: list(changes.history(forgotten)))
    for change in changes.history(forgotten):
        key: Any = {"userId": change["userId"], "changeId": change["changeId"]}
        dynamodb.delete_item(TableName=outputs.activity_table_name, Key=key)

    found = run_ops(services, "verify")
    mended = run_ops(services, "verify", "--repair")
    again = run_ops(services, "verify")

    assert found.exit_code == ExitCode.UNFINISHED
    kinds = {(one["problem"], one["userId"]) for one in answer(found)["problems"]}
    assert kinds >= {("user-without-key", user_id), ("user-without-key", gone_id), ("user-without-history", forgotten)}
    assert ("key-without-user", "nobody") in kinds
    assert (mended.exit_code, answer(again)["problems"]) == (ExitCode.OK, []), mended.output
    refused = users.register(imported)
    assert (refused.status, [error["field"] for error in json.loads(refused.body)["errors"]]) == (409, ["email"])
    assert [change["kind"]["S"] for change in changes.history(forgotten)] == ["ADDED"]


def wait_until(done: Callable[[], object]) -> None:
    for _ in range(100):
        if done():
            return
        sleep(0.1)
    raise AssertionError("it never came")


@pytest.mark.local
def test_histories_are_read_in_statements_and_pages(local_stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.aws.tables.ITEMS_PER_PAGE", 3)
    dynamodb, table = clients_of(local_stack).dynamodb, local_stack.outputs.activity_table_name
    names = [f"reader {uuid4().hex}" for _ in range(3)]
    for name in names:
        for change in range(4):
            item: Any = {"userId": {"S": name}, "changeId": {"S": f"{change:040}"}, "kind": {"S": "UPDATED"}}
            dynamodb.put_item(TableName=table, Item=item)
    reader = ActivityReader(dynamodb, table)

    def keys_in(items: Any) -> list[tuple[str, str]]:
        return [(item["userId"]["S"], item["changeId"]["S"]) for item in items]

    wanted = {(name, f"{change:040}") for name in names for change in range(4)}
    assert {key for part in reader.each_history([*names, "nobody"], keys_in) for key in part} == wanted
    scanned: set[tuple[str, str]] = set()
    after: ActivityKey | None = None
    while True:
        page = reader.page(after)
        assert len(page.items) <= 3
        scanned.update(keys_in(page.items))
        after = page.next_after
        if after is None:
            break
    assert scanned >= wanted
    for user_id, change_id in wanted:
        dynamodb.delete_item(TableName=table, Key={"userId": {"S": user_id}, "changeId": {"S": change_id}})
