"""The UserKeys table as the commands use it: the owners of keys, and claims of keys."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from typing_extensions import override

from functions.stream_records.attribute_values import Image
from functions.users.transaction import claim_key, transact
from functions.users.user import UnavailableError
from ops.aws.sqs import CONCURRENT_CALLS
from ops.aws.tables import KEYS_PER_CALL, batch_get
from ops.errors import OpsError, translate
from ops.job import in_batches

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient


class KeyClaim(NamedTuple):
    """A request to give keys to a user, if the user is stored with the values of the keys."""

    user_id: str
    values: Mapping[str, str]
    """By attribute, as stored."""
    keys: Mapping[str, str]
    """By the same attributes."""


class ClaimRefusal(NamedTuple):
    """Why nothing of a claim was written."""

    stored: Image | None = None
    """The user as stored now, if the values changed; {} if the user was deleted."""
    owners: Mapping[str, str] = {}
    """By attribute, the other user who owns its key."""
    busy: bool = False
    """Every attempt met another write of the same items."""


class UserKeysTable(Protocol):
    """The keys that make emails and usernames unique."""

    def owners(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Return the user who owns each key; free keys are missing."""
        ...

    def claim(self, claims: Sequence[KeyClaim]) -> Sequence[ClaimRefusal | None]:
        """Write each claim whole or not at all; return None for each claim that is written."""
        ...


class DynamoUserKeysTable(UserKeysTable):
    """The table in DynamoDB; a claim is one transaction, which also checks the user."""

    def __init__(self, client: "DynamoDBClient", name: str, users_name: str) -> None:
        self._client = client
        self._name = name
        self._users_name = users_name
        self._pool = ThreadPoolExecutor(CONCURRENT_CALLS, thread_name_prefix="user-keys")

    @override
    def owners(self, keys: Sequence[str]) -> Mapping[str, str]:
        batches = in_batches(list(dict.fromkeys(keys)), KEYS_PER_CALL)
        return {key: owner for found in self._pool.map(self._owners, batches) for key, owner in found.items()}

    def _owners(self, keys: Sequence[str]) -> Mapping[str, str]:
        request = {"Keys": [{"key": {"S": key}} for key in keys], "ConsistentRead": True}
        items = batch_get(self._client, self._name, request)
        return {item["key"]["S"]: _owner(item) for item in items if "userId" in item}

    @override
    def claim(self, claims: Sequence[KeyClaim]) -> Sequence[ClaimRefusal | None]:
        return list(self._pool.map(self._claim, claims))

    def _claim(self, claim: KeyClaim) -> ClaimRefusal | None:
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
            stored, *existing = transact(self._client, [check, *writes], time.sleep)
        except (BotoCoreError, ClientError) as error:
            raise translate(error, what) from error
        except UnavailableError as error:
            cause = error.__cause__
            if cause is None:
                return ClaimRefusal(busy=True)
            if isinstance(cause, BotoCoreError | ClientError):
                raise translate(cause, what) from error
            raise OpsError(f"{what}: the response can't be read", "run the same command again") from error
        owners = {name: _owner(item) for name, item in zip(claim.keys, existing, strict=True) if item is not None}
        return ClaimRefusal(stored, owners) if stored is not None or owners else None


def _owner(item: Image) -> str:
    (owner,) = item["userId"].values()  # text, unless it was written by hand
    return str(owner)


class DryRunKeys(UserKeysTable):
    """Keeps claims in a temporary database, so that users who share a value are found as well."""

    def __init__(self, table: UserKeysTable) -> None:
        self._table = table
        # Without a name the database is a temporary file, deleted with the connection: memory stays
        # flat.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("CREATE TABLE claimed (key TEXT PRIMARY KEY, user_id TEXT NOT NULL) WITHOUT ROWID")

    def close(self) -> None:
        """Delete the database."""
        self._database.close()

    @override
    def owners(self, keys: Sequence[str]) -> Mapping[str, str]:
        found = dict(self._table.owners(keys))
        claimed = {key: owner for key in keys if key not in found and (owner := self._claimed(key)) is not None}
        return found | claimed

    @override
    def claim(self, claims: Sequence[KeyClaim]) -> Sequence[ClaimRefusal | None]:
        return [self._claim(claim) for claim in claims]

    def _claim(self, claim: KeyClaim) -> ClaimRefusal | None:
        # The caller claims only keys that are free in the table.
        owners = {name: self._claimed(key) for name, key in claim.keys.items()}
        others = {name: owner for name, owner in owners.items() if owner not in (None, claim.user_id)}
        if others:
            return ClaimRefusal(owners=others)
        self._database.executemany(
            "INSERT OR IGNORE INTO claimed VALUES (?, ?)", [(key, claim.user_id) for key in claim.keys.values()]
        )
        return None

    def _claimed(self, key: str) -> str | None:
        row = self._database.execute("SELECT user_id FROM claimed WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]
