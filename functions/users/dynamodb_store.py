"""Users in DynamoDB: an item in Users, and in UserKeys one item per value that only one user may hold.

A user and both keys are written in one transaction, so two users never share a value whatever happens at the same time,
and no key is left behind. UserKeys is a table of its own so that its items don't show in the stream of Users.
"""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast

from functions.aws_clients import dynamodb
from functions.environment import read_text
from functions.users.availability import unavailability
from functions.users.errors import AlreadyTakenError, StaleVersionError
from functions.users.store import UserIdTakenError
from functions.users.transaction import Item, transact
from functions.users.uniqueness import email_key, username_key
from functions.users.user import User

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

SCHEMA_VERSION = 1
"""The form of the items written here; whoever reads the stream tells by it whether they know the form."""


@cache
def store_from_environment() -> DynamoDBUsersStore:
    """Give the store of this function's environment, made once.

    Raises:
        SettingError: USERS_TABLE or USER_KEYS_TABLE isn't set.
    """
    users_table, user_keys_table = read_text("USERS_TABLE"), read_text("USER_KEYS_TABLE")
    return DynamoDBUsersStore(dynamodb(), users_table=users_table, user_keys_table=user_keys_table)


class DynamoDBUsersStore:
    """The `UsersStore` of the deployed stack."""

    def __init__(
        self,
        client: DynamoDBClient,
        *,
        users_table: str,
        user_keys_table: str,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Keep users in two tables.

        Args:
            client: botocore's client.
            users_table: Users, whose key is userId.
            user_keys_table: UserKeys, whose key is key.
            pause: Waits for so many seconds.
        """
        self._client = client
        self._users_table = users_table
        self._user_keys_table = user_keys_table
        self._pause = pause

    def add(self, user: User, registration_digest: str | None) -> None:
        """See `UsersStore.add`."""
        keys = {"email": email_key(user.email), "username": username_key(user.username)}
        stored, taken = self._write(self._put_user(user, registration_digest), user.user_id, take=keys, free=())
        if stored is not None:
            raise UserIdTakenError(stored["registrationDigest"]["S"] if "registrationDigest" in stored else None)
        if taken:
            raise AlreadyTakenError(taken)

    def get(self, user_id: str) -> User | None:
        """See `UsersStore.get`."""
        key: Item = {"userId": {"S": user_id}}
        with unavailability():
            answer = self._client.get_item(TableName=self._users_table, Key=key, ConsistentRead=True)
        return _user_of(cast("Item", answer["Item"])) if "Item" in answer else None

    def replace(self, current: User, changed: User) -> None:
        """See `UsersStore.replace`."""
        before = {"email": email_key(current.email), "username": username_key(current.username)}
        after = {"email": email_key(changed.email), "username": username_key(changed.username)}
        take = {field: key for field, key in after.items() if key != before[field]}
        free = [before[field] for field in take]
        stale, taken = self._write(self._update_user(current, changed), changed.user_id, take=take, free=free)
        if stale is not None:
            raise StaleVersionError
        if taken:
            raise AlreadyTakenError(taken)

    def remove(self, user: User) -> None:
        """See `UsersStore.remove`."""
        free = [email_key(user.email), username_key(user.username)]
        stale, _ = self._write(self._delete_user(user), user.user_id, take={}, free=free)
        if stale is not None:
            raise StaleVersionError

    def _write(
        self, user: TransactWriteItemTypeDef, owner: str, *, take: Mapping[str, str], free: Sequence[str]
    ) -> tuple[Item | None, list[str]]:
        """Write a user and its keys at once.

        Args:
            user: What happens to the item in Users.
            owner: The user's id.
            take: Per field, the key that becomes the user's.
            free: The keys that are the user's no longer.

        Returns:
            The stored item, when `user`'s condition refused it ({} when there is none), and the fields whose keys are
            another user's. None and nothing when all was written.
        """
        keys = [self._put_key(key, owner) for key in take.values()] + [self._delete_key(key, owner) for key in free]
        refused_user, *refused_keys = transact(self._client, [user, *keys], self._pause)
        taken = [field for field, refused in zip(take, refused_keys, strict=False) if refused is not None]
        foreign = {key for key, refused in zip(free, refused_keys[len(take) :], strict=True) if refused is not None}
        if refused_user is None and not taken and foreign:
            # A user who came in by other ways than registration may share a value with the user who holds its key: that
            # key stays theirs.
            return self._write(user, owner, take=take, free=[key for key in free if key not in foreign])
        return refused_user, taken

    def _put_user(self, user: User, registration_digest: str | None) -> TransactWriteItemTypeDef:
        item: Item = {
            "userId": {"S": user.user_id},
            "name": {"S": user.name},
            "email": {"S": user.email},
            "username": {"S": user.username},
            "version": {"N": str(user.version)},
            "createdAt": {"S": user.created_at},
            "updatedAt": {"S": user.updated_at},
            "schemaVersion": {"N": str(SCHEMA_VERSION)},
        }
        if registration_digest is not None:
            item["registrationDigest"] = {"S": registration_digest}
        return {
            "Put": {
                "TableName": self._users_table,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(userId)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _update_user(self, current: User, changed: User) -> TransactWriteItemTypeDef:
        values = {
            "name": (current.name, changed.name),
            "email": (current.email, changed.email),
            "username": (current.username, changed.username),
            "updatedAt": (current.updated_at, changed.updated_at),
        }
        new = {attribute: {"S": after} for attribute, (before, after) in values.items() if before != after}
        new["version"] = {"N": str(changed.version)}
        unchanged = _unchanged(current)
        return {
            "Update": {
                "TableName": self._users_table,
                "Key": {"userId": {"S": current.user_id}},
                "UpdateExpression": "SET " + ", ".join(f"#{attribute} = :{attribute}" for attribute in new),
                "ConditionExpression": unchanged.expression,
                "ExpressionAttributeNames": {**unchanged.names, **{f"#{attribute}": attribute for attribute in new}},
                "ExpressionAttributeValues": {
                    **unchanged.values,
                    **{f":{attribute}": value for attribute, value in new.items()},
                },
            }
        }

    def _delete_user(self, user: User) -> TransactWriteItemTypeDef:
        unchanged = _unchanged(user)
        return {
            "Delete": {
                "TableName": self._users_table,
                "Key": {"userId": {"S": user.user_id}},
                "ConditionExpression": unchanged.expression,
                "ExpressionAttributeNames": unchanged.names,
                "ExpressionAttributeValues": unchanged.values,
            }
        }

    def _put_key(self, key: str, owner: str) -> TransactWriteItemTypeDef:
        return {
            "Put": {
                "TableName": self._user_keys_table,
                "Item": {"key": {"S": key}, "userId": {"S": owner}},
                "ConditionExpression": "attribute_not_exists(userId) OR userId = :owner",
                "ExpressionAttributeValues": {":owner": {"S": owner}},
            }
        }

    def _delete_key(self, key: str, owner: str) -> TransactWriteItemTypeDef:
        return {
            "Delete": {
                "TableName": self._user_keys_table,
                "Key": {"key": {"S": key}},
                "ConditionExpression": "attribute_not_exists(userId) OR userId = :owner",
                "ExpressionAttributeValues": {":owner": {"S": owner}},
            }
        }


class Condition(NamedTuple):
    """A condition on an item, with the names and values that it speaks of."""

    expression: str
    names: dict[str, str]
    values: Item


def _unchanged(user: User) -> Condition:
    """Hold a write to the user as it was read.

    The version alone isn't enough: a user who is removed, and registers anew with the same Idempotency-Key, comes back
    with the same id and version 1. Were email and username others by then, the wrong keys would be freed. What an item
    lacks counts as `_user_of` reads it.
    """
    read: Item = {"version": {"N": str(user.version)}, "email": {"S": user.email}, "username": {"S": user.username}}
    lacking: Item = {"version": {"N": "1"}, "email": {"S": ""}, "username": {"S": ""}}
    holds = [
        f"(#{name} = :read_{name} OR attribute_not_exists(#{name}))"
        if read[name] == lacking[name]
        else f"#{name} = :read_{name}"
        for name in read
    ]
    return Condition(
        " AND ".join(["attribute_exists(userId)", *holds]),
        {f"#{name}": name for name in read},
        {f":read_{name}": value for name, value in read.items()},
    )


def _user_of(item: Item) -> User:
    """Read an item, with "" for what one from before registration (or by another way) doesn't have."""

    def text(attribute: str) -> str:
        return item.get(attribute, {}).get("S", "")

    return User(
        user_id=text("userId"),
        name=text("name"),
        email=text("email"),
        username=text("username"),
        version=int(item.get("version", {}).get("N", "1")),
        created_at=text("createdAt"),
        updated_at=text("updatedAt"),
    )
