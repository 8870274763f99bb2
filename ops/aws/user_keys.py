"""The UserKeys table: its keys, read together with their users, and changed by conditional writes.

A repair says what it was decided from: which users are stored with which values, and who owns each
key. One transaction checks all of it and writes, so nothing that others wrote meanwhile is undone.
Limits: DynamoDB API reference, "TransactWriteItems", "TransactGetItems" (100 items, none twice).
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from functions.runtime.aws import error_code
from functions.stream_records.attribute_values import AttributeValue, Image
from functions.users.transaction import transact
from functions.users.user import UnavailableError
from ops.aws.queues import CONCURRENT_CALLS
from ops.aws.tables import ITEMS_PER_PAGE, KEYS_PER_CALL, batch_get
from ops.errors import OpsError, translate, translate_aws_errors
from ops.job import in_batches

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

ITEMS_PER_TRANSACTION = 100


class KeysPage(NamedTuple):
    """Some keys, and where the next page starts."""

    items: list[Image]
    next_after: str | None  # None after the last page


@dataclass(frozen=True)
class Snapshot:
    """Users and keys as they were stored at one moment; None for what wasn't."""

    users: Mapping[str, Image | None]
    keys: Mapping[str, Image | None]

    def owner(self, key: str) -> str | None:
        """Return the id of the key's user; None for a free key."""
        item = self.keys[key]
        return None if item is None else owner_of(item)


class KeyChange(NamedTuple):
    """A key gets another owner, or none, if it has this owner, or none."""

    before: str | None
    after: str | None


@dataclass(frozen=True)
class KeyRepair:
    """Changes of keys, and the users from whom they follow."""

    users: Mapping[str, Mapping[str, AttributeValue | None] | None]
    """By id, values that a user must have, None for none; or None if no such user may be stored."""
    keys: Mapping[str, KeyChange] = field(default_factory=dict[str, KeyChange])

    @property
    def items(self) -> set[tuple[str, str]]:
        """What a transaction must not name twice."""
        return {("user", user_id) for user_id in self.users} | {("key", key) for key in self.keys}


class UserKeysTable:
    """The keys that make values unique."""

    def __init__(self, client: "DynamoDBClient", name: str, users_name: str) -> None:
        self._client = client
        self._name = name
        self._users_name = users_name
        self._what = f"the tables {users_name} and {name}"
        self._pool = ThreadPoolExecutor(CONCURRENT_CALLS, thread_name_prefix="user-keys")

    def owners(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Return the user who owns each key; free keys are missing."""
        batches = in_batches(list(dict.fromkeys(keys)), KEYS_PER_CALL)
        return {key: owner for found in self._pool.map(self._owners, batches) for key, owner in found.items()}

    def _owners(self, keys: Sequence[str]) -> Mapping[str, str]:
        request = {"Keys": [{"key": {"S": key}} for key in keys], "ConsistentRead": True}
        items = batch_get(self._client, self._name, request)
        return {item["key"]["S"]: owner_of(item) for item in items if "userId" in item}

    def pages_of(self, user_id: str) -> Iterator[list[Image]]:
        """Read the whole table, and yield of each page the items that are the user's."""
        request: Any = {
            "TableName": self._name,
            "FilterExpression": "userId = :user",
            "ExpressionAttributeValues": {":user": {"S": user_id}},
            "ConsistentRead": True,
        }
        while True:
            with translate_aws_errors(f"the table {self._name}"):
                response: Any = self._client.scan(**request)
            yield response["Items"]
            if "LastEvaluatedKey" not in response:
                return
            request["ExclusiveStartKey"] = response["LastEvaluatedKey"]

    def page(self, after: str | None) -> KeysPage:
        """Return the keys after this one, in the table's own order."""
        request: Any = {"TableName": self._name, "Limit": ITEMS_PER_PAGE, "ConsistentRead": True}
        if after is not None:
            request["ExclusiveStartKey"] = {"key": {"S": after}}
        with translate_aws_errors(f"the table {self._name}"):
            response: Any = self._client.scan(**request)
        return KeysPage(response["Items"], response.get("LastEvaluatedKey", {}).get("key", {}).get("S"))

    def snapshot(self, user_ids: Collection[str], keys: Collection[str]) -> Snapshot | None:
        """Read at most 100 items as of one moment; None while others write them."""
        items: list[tuple[str, dict[str, Any]]] = [
            *((self._users_name, {"userId": {"S": user_id}}) for user_id in user_ids),
            *((self._name, {"key": {"S": key}}) for key in keys),
        ]
        try:
            with translate_aws_errors(self._what):
                answer: Any = self._client.transact_get_items(
                    TransactItems=[{"Get": {"TableName": table, "Key": key}} for table, key in items]
                )
        except OpsError as error:
            if isinstance(error.__cause__, ClientError) and error_code(error.__cause__) in _IN_CONFLICT:
                return None
            raise
        found = iter([response.get("Item") for response in answer["Responses"]])
        return Snapshot({user_id: next(found) for user_id in user_ids}, {key: next(found) for key in keys})

    def repair(self, repairs: Sequence[KeyRepair]) -> list[bool]:
        """Write each repair if all that it was decided from still holds; say which were written."""
        written = [False] * len(repairs)
        for pack in _packs(repairs):
            for at in self._write(pack, repairs):
                written[at] = True
        return written

    def _write(self, pack: Sequence[int], repairs: Sequence[KeyRepair]) -> Sequence[int]:
        """Write the repairs of a pack in one transaction, again without those that are refused."""
        while pack:
            writes = [(at, write) for at in pack for write in self._writes(repairs[at])]
            try:
                answers = transact(self._client, [write for _, write in writes], time.sleep)
            except (BotoCoreError, ClientError) as error:
                raise translate(error, self._what) from error
            except UnavailableError as error:
                if isinstance(error.__cause__, BotoCoreError | ClientError):
                    raise translate(error.__cause__, self._what) from error
                if len(pack) == 1:
                    return ()
                half = len(pack) // 2  # one of them keeps meeting other writes
                return [*self._write(pack[:half], repairs), *self._write(pack[half:], repairs)]
            refused = {at for (at, _), answer in zip(writes, answers, strict=True) if answer is not None}
            if not refused:
                return pack
            pack = [at for at in pack if at not in refused]
        return ()

    def _writes(self, repair: KeyRepair) -> Iterator[Any]:
        for user_id, values in repair.users.items():
            check = {"TableName": self._users_name, "Key": {"userId": {"S": user_id}}, **_is(values)}
            yield {"ConditionCheck": check}
        for key, change in repair.keys.items():
            condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(userId)"}
            if change.before is not None:
                owner = {":before": {"S": change.before}}
                condition = {"ConditionExpression": "userId = :before", "ExpressionAttributeValues": owner}
            if change.after is None:
                yield {"Delete": {"TableName": self._name, "Key": {"key": {"S": key}}, **condition}}
            else:
                item = {"key": {"S": key}, "userId": {"S": change.after}}
                yield {"Put": {"TableName": self._name, "Item": item, **condition}}


_IN_CONFLICT = frozenset({"TransactionCanceledException", "TransactionInProgressException"})


def _is(values: Mapping[str, AttributeValue | None] | None) -> dict[str, Any]:
    """Return the condition that a user is stored with these values; for None, that it isn't."""
    if values is None:
        return {"ConditionExpression": "attribute_not_exists(userId)"}
    terms = ["attribute_exists(userId)"]
    terms += [
        f"attribute_not_exists(#{name})" if value is None else f"#{name} = :{name}" for name, value in values.items()
    ]
    condition: dict[str, Any] = {"ConditionExpression": " AND ".join(terms)}
    if values:
        condition["ExpressionAttributeNames"] = {f"#{name}": name for name in values}
    if present := {f":{name}": value for name, value in values.items() if value is not None}:
        condition["ExpressionAttributeValues"] = present
    return condition


def _packs(repairs: Sequence[KeyRepair]) -> Iterator[list[int]]:
    """Yield which repairs go into one transaction, in order."""
    pack: list[int] = []
    items: set[tuple[str, str]] = set()
    for at, repair in enumerate(repairs):
        if pack and (len(items) + len(repair.items) > ITEMS_PER_TRANSACTION or items & repair.items):
            yield pack
            pack, items = [], set()
        pack.append(at)
        items |= repair.items
    if pack:
        yield pack


def owner_of(item: Image) -> str:
    """Return the id of the user to whom a key belongs."""
    (owner,) = item.get("userId", {"S": ""}).values()  # text, unless it was written by hand
    return str(owner)
