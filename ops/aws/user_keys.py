"""The UserKeys table as the commands use it: who holds a key, and claims of keys for users as they are stored."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from functions.stream_records.attribute_values import Image
from functions.users.transaction import claim_key, transact
from functions.users.user import UnavailableError
from ops.aws.sqs import CALLS_AT_A_TIME
from ops.errors import OpsError, explain, explained

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient


KEYS_PER_CALL = 100
"""BatchGetItem's limit (API reference)."""

ATTEMPTS = 8
"""Of one call that DynamoDB leaves unfinished; the client itself waits and repeats throttled ones."""


class Claim(NamedTuple):
    """The wish that keys become a user's, as long as the user is stored with the values they are of."""

    user_id: str
    values: Mapping[str, str]
    """By attribute, as stored."""
    keys: Mapping[str, str]
    """By the same attributes."""


class Refusal(NamedTuple):
    """Why nothing of a claim was written."""

    stored: Image | None = None
    """The user as stored now, when the values are no longer those; {} when the user is gone."""
    holders: Mapping[str, str] = {}
    """By attribute, the other user who holds its key."""
    busy: bool = False
    """Others were writing the same items at each try."""


class UserKeysTable(Protocol):
    """The keys that make emails and usernames unique."""

    def holders(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Return the user who holds each key; a key that is missing is free."""
        ...

    def claim(self, claims: Sequence[Claim]) -> Sequence[Refusal | None]:
        """Write each claim whole or not at all; None for one that is written."""
        ...


class DynamoUserKeysTable:
    """The table in DynamoDB; reads are consistent, and a claim is one transaction with a check of the user."""

    def __init__(self, client: "DynamoDBClient", name: str, users_name: str) -> None:
        self._client = client
        self._name = name
        self._users_name = users_name
        self._calls = ThreadPoolExecutor(CALLS_AT_A_TIME, thread_name_prefix="user-keys")

    def holders(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Read a hundred keys with each call."""
        distinct = list(dict.fromkeys(keys))
        parts = [distinct[start : start + KEYS_PER_CALL] for start in range(0, len(distinct), KEYS_PER_CALL)]
        return {key: holder for found in self._calls.map(self._holders, parts) for key, holder in found.items()}

    def _holders(self, keys: Sequence[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        wanted: Any = {self._name: {"Keys": [{"key": {"S": key}} for key in keys], "ConsistentRead": True}}
        for _ in range(ATTEMPTS):
            with explained(f"the table {self._name}"):
                answer = self._client.batch_get_item(RequestItems=wanted)
            items: Any = answer.get("Responses", {}).get(self._name, [])
            found |= {item["key"]["S"]: _holder(item) for item in items if "userId" in item}
            wanted = answer.get("UnprocessedKeys", {})
            if not wanted:
                return found
        raise OpsError(
            f"The table {self._name} leaves reads unprocessed, time and again", "run the same command again later"
        )

    def claim(self, claims: Sequence[Claim]) -> Sequence[Refusal | None]:
        """Write some claims at a time."""
        return list(self._calls.map(self._claim, claims))

    def _claim(self, claim: Claim) -> Refusal | None:
        check: Any = {
            "ConditionCheck": {
                "TableName": self._users_name,
                "Key": {"userId": {"S": claim.user_id}},
                "ConditionExpression": " AND ".join(f"#{name} = :{name}" for name in claim.values),
                "ExpressionAttributeNames": {f"#{name}": name for name in claim.values},
                "ExpressionAttributeValues": {f":{name}": {"S": text} for name, text in claim.values.items()},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        writes = [claim_key(self._name, key, claim.user_id) for key in claim.keys.values()]
        what = f"the tables {self._users_name} and {self._name}"
        try:
            with explained(what):
                stored, *met = transact(self._client, [check, *writes], time.sleep)
        except UnavailableError as error:
            cause = error.__cause__
            if cause is None:
                return Refusal(busy=True)
            if isinstance(cause, BotoCoreError | ClientError):
                raise explain(cause, what) from error
            raise OpsError(f"{what}: no answer that can be read", "run the same command again") from error
        holders = {name: _holder(item) for name, item in zip(claim.keys, met, strict=True) if item is not None}
        return Refusal(stored, holders) if stored is not None or holders else None


def _holder(item: Image) -> str:
    (holder,) = item["userId"].values()  # text, unless it was written by hand
    return str(holder)


# Claims on paper: what a run would write is kept beside the table, so that users who share a value
# meet here too.


class PlannedKeys:
    """A `UserKeysTable` that writes nothing to the one it stands on."""

    def __init__(self, table: UserKeysTable) -> None:
        self._table = table
        # Without a name it is a file of SQLite's own, gone with the connection: memory stays flat.
        self._plan = sqlite3.connect("", isolation_level=None)
        self._plan.execute("CREATE TABLE planned (key TEXT PRIMARY KEY, user_id TEXT NOT NULL) WITHOUT ROWID")

    def close(self) -> None:
        """Forget the plan."""
        self._plan.close()

    def holders(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Ask the table first, then the plan."""
        found = dict(self._table.holders(keys))
        planned = {key: holder for key in keys if key not in found and (holder := self._planned(key)) is not None}
        return found | planned

    def claim(self, claims: Sequence[Claim]) -> Sequence[Refusal | None]:
        """Plan each claim; the keys are free in the table, or nobody would claim them."""
        return [self._claim(claim) for claim in claims]

    def _claim(self, claim: Claim) -> Refusal | None:
        holders = {name: self._planned(key) for name, key in claim.keys.items()}
        others = {name: holder for name, holder in holders.items() if holder not in (None, claim.user_id)}
        if others:
            return Refusal(holders=others)
        self._plan.executemany(
            "INSERT OR IGNORE INTO planned VALUES (?, ?)", [(key, claim.user_id) for key in claim.keys.values()]
        )
        return None

    def _planned(self, key: str) -> str | None:
        row = self._plan.execute("SELECT user_id FROM planned WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]
