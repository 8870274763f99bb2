"""Keys claimed in real tables: what the fakes assume, and many concurrent writes of others."""

import json
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from functions.users.dynamodb_store import user_of
from functions.users.service import change_user, register, remove_user
from functions.users.user import UserError, keys_of
from local.aws_clients import Clients
from local.state import clients_of
from ops.aws.tables import ClaimRefusal, KeyClaim, UserKeysTable, UsersReader
from ops.errors import DeniedError, NotFoundError
from ops.job import Job
from ops.users.key_claims import KeyClaims, KeyClaimsReport, KeyOutcome
from tests.support.aws.signature_v4 import Signer
from tests.support.local.local_stack import LocalStack
from tests.support.local.ops_stack import answer, run_ops, services_of
from tests.support.local.users_over_http import UsersOverHttp, person
from tests.support.ops.user_keys_in_memory import UserKeysInMemory
from tests.support.users.people import registration
from tests.support.users.users_in_dynamodb import UsersInDynamoDB

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DYNAMODB = ["dynamodb_emulator", pytest.param("dynamodb_local", marks=pytest.mark.java)]


def claim_all(client: Any, users: str, user_keys: str) -> KeyClaimsReport:
    work = Job()
    table = UserKeysTable(client, user_keys, users)
    return KeyClaims(UsersReader(client, users), table, work, users_per_second=1e9).run()


class Place:
    """The two tables behind a `UserKeysTable`."""

    def __init__(self, table: UserKeysTable, put: Callable[..., None], keys: Callable[[], dict[str, str]]) -> None:
        self.table, self.put, self.keys = table, put, keys

    def claim(self, user_id: str, **values: str) -> ClaimRefusal | None:
        keys = keys_of(values)
        (refusal,) = self.table.claim([KeyClaim(user_id, values, keys)])
        return refusal


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


def test_a_claim_writes_the_keys_and_again_changes_nothing(place: Place) -> None:
    place.put(userId="1", email="A@example.com", username="Alice")
    for _ in range(2):
        assert place.claim("1", email="A@example.com", username="Alice") is None
        assert place.keys() == {"email#a@example.com": "1", "username#alice": "1"}
    assert place.table.owners(["email#a@example.com", "email#b@example.com", "email#a@example.com"]) == {
        "email#a@example.com": "1"
    }


def test_nothing_is_claimed_for_a_user_stored_with_other_values_or_deleted(place: Place) -> None:
    place.put(userId="1", email="new@example.com", username="alice")
    assert place.claim("1", email="old@example.com", username="alice") == ClaimRefusal(
        {"userId": {"S": "1"}, "email": {"S": "new@example.com"}, "username": {"S": "alice"}}
    )
    assert place.claim("2", email="old@example.com") == ClaimRefusal({})
    assert place.keys() == {}


def test_the_owner_of_a_key_is_reported_and_keeps_it(place: Place) -> None:
    place.put(userId="1", email="a@example.com", username="alice")
    place.put(userId="2", email="a@example.com", username="bob")
    assert place.claim("1", email="a@example.com", username="alice") is None
    assert place.claim("2", email="a@example.com", username="bob") == ClaimRefusal(owners={"email": "1"})
    assert place.claim("2", username="bob") is None
    assert place.keys() == {"email#a@example.com": "1", "username#alice": "1", "username#bob": "2"}


def test_the_owners_of_hundreds_of_keys_are_read(place: Place) -> None:
    for number in range(3):
        place.put(userId=f"{number}", email=f"{number}@example.com")
        place.claim(f"{number}", email=f"{number}@example.com")
    asked = [f"email#{number}@example.com" for number in range(450)]
    assert place.table.owners(asked) == {f"email#{number}@example.com": f"{number}" for number in range(3)}
    assert place.table.owners([]) == {}


def test_missing_tables_are_reported(tables: UsersInDynamoDB) -> None:
    missing = UserKeysTable(tables.client, "Nowhere", tables.tables.users)
    with pytest.raises(NotFoundError, match="Nowhere"):
        missing.owners(["email#a@example.com"])


def test_concurrent_writers_leave_every_key_with_its_user(tables: UsersInDynamoDB) -> None:
    """Users register, change and leave while their keys are claimed by two commands at once."""
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
                    lambda: change_user(tables.store, user_id, {"email": email}, precondition=None, now=NOW),
                    lambda: change_user(tables.store, user_id, {"username": username}, precondition=None, now=NOW),
                    lambda: remove_user(tables.store, user_id, precondition=None),
                ]
            )()

    names = tables.tables
    with ThreadPoolExecutor(8) as pool:
        claiming = [pool.submit(claim_all, tables.client, names.users, names.user_keys) for _ in range(2)]
        list(pool.map(turn, range(100)))
        assert [report.result().error for report in claiming] == [None, None]
    report = claim_all(tables.client, names.users, names.user_keys)

    stored = {item["userId"]["S"]: item for item in tables.items()}
    owners = tables.owners()
    wanted = {(user_id, key) for user_id, item in stored.items() for key in keys_of(user_of(item).values).values()}
    assert {(holder, key) for key, holder in owners.items()} <= wanted
    assert {key for _, key in wanted} == set(owners)
    assert report.left == report.outcomes[KeyOutcome.TAKEN] == len(wanted) - len(owners)


@pytest.mark.local
def test_after_the_command_an_imported_email_can_not_be_registered(local_stack: LocalStack, api_caller: Signer) -> None:
    imported, user_id = person(name="Alice"), f"customer {uuid4().hex[:8]}"
    item: Any = {"userId": {"S": user_id}, "email": {"S": imported["email"].upper()}}
    clients_of(local_stack).dynamodb.put_item(TableName=local_stack.outputs.users_table_name, Item=item)

    planned = run_ops(services_of(local_stack), "claim-keys", "--dry-run")
    done = run_ops(services_of(local_stack), "claim-keys")

    assert answer(planned)["values"]["claimed"] == answer(done)["values"]["claimed"] >= 1
    users = UsersOverHttp(local_stack, api_caller)
    refused = users.register(imported)
    assert (refused.status, [error["field"] for error in json.loads(refused.body)["errors"]]) == (409, ["email"])


LEAST = {
    "dynamodb:Scan": "users",
    "dynamodb:ConditionCheckItem": "users",
    "dynamodb:BatchGetItem": "keys",
    "dynamodb:PutItem": "keys",
}
"""As docs/ops.md names them."""


@pytest.fixture
def operator(local_stack: LocalStack) -> Generator[Callable[[Sequence[str]], Clients]]:
    """Gives the clients of a user who may do these actions and no others."""
    iam = clients_of(local_stack).iam
    name = f"operator-{uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    outputs = local_stack.outputs
    tables = {"users": outputs.users_table_name, "keys": outputs.user_keys_table_name}

    def allow(actions: Sequence[str]) -> Clients:
        statements = [
            {"Effect": "Allow", "Action": action, "Resource": f"arn:aws:dynamodb:*:*:table/{tables[LEAST[action]]}"}
            for action in actions
        ]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
        return Clients(local_stack.endpoint_url, local_stack.region, key["AccessKeyId"], key["SecretAccessKey"])

    yield allow
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=name, PolicyName="p")
    iam.delete_user(UserName=name)


@pytest.mark.local
@pytest.mark.parametrize("missing", [None, *LEAST])
def test_it_needs_these_actions_and_no_others(
    local_stack: LocalStack, operator: Callable[[Sequence[str]], Clients], missing: str | None
) -> None:
    outputs = local_stack.outputs
    email = f"{uuid4().hex}@example.com"
    item: Any = {"userId": {"S": uuid4().hex}, "email": {"S": email}}
    clients_of(local_stack).dynamodb.put_item(TableName=outputs.users_table_name, Item=item)

    client = operator([action for action in LEAST if action != missing]).dynamodb
    report = claim_all(client, outputs.users_table_name, outputs.user_keys_table_name)

    if missing is None:
        assert (report.error, report.finished) == (None, True)
    else:
        assert isinstance(report.error, DeniedError)
