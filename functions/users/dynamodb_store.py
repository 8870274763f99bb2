"""Users in DynamoDB: an item in Users, and in UserKeys one item per value that only one user may hold.

A user and both keys are written in one transaction, so two users never share a value whatever happens at the same time,
and no key is left behind. UserKeys is a table of its own so that its items don't show in the stream of Users.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast

from functions.runtime.aws import dynamodb
from functions.runtime.invocation import read_text
from functions.users.transaction import Item, transact, unavailability
from functions.users.user import (
    FIRST_VERSION,
    LAST_VERSION,
    REGISTRATION_DIGEST,
    AlreadyTakenError,
    StaleVersionError,
    UnavailableError,
    User,
    UserIdTakenError,
    keys_of,
    timestamp,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from functions.users.transaction import Item


# Writes of UserKeys' items, for a transaction: a key is claimed, released, or held to be another
# user's.
#
# Whoever writes there writes so, hence no key is taken from the user who holds it.

_FREE_OR_OWN = "attribute_not_exists(userId) OR userId = :owner"


def claim_key(table: str, key: str, owner: str) -> TransactWriteItemTypeDef:
    """Make a key the owner's; refused where it is another user's."""
    return {
        "Put": {
            "TableName": table,
            "Item": {"key": {"S": key}, "userId": {"S": owner}},
            "ConditionExpression": _FREE_OR_OWN,
            "ExpressionAttributeValues": {":owner": {"S": owner}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def release_key(table: str, key: str, owner: str) -> TransactWriteItemTypeDef:
    """Free a key; refused, with the item that is there, where it is another user's."""
    return {
        "Delete": {
            "TableName": table,
            "Key": {"key": {"S": key}},
            "ConditionExpression": _FREE_OR_OWN,
            "ExpressionAttributeValues": {":owner": {"S": owner}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def hold_key(table: str, item: Item) -> TransactWriteItemTypeDef:
    """Write another user's key as it is; refused, with what is there, where it is no longer theirs.

    A condition check would do the same, but for it a role needs one more permission.
    """
    return {
        "Put": {
            "TableName": table,
            "Item": item,
            "ConditionExpression": "userId = :other",
            "ExpressionAttributeValues": {":other": item["userId"]},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


# A user's item read, whatever its shape, and the condition that holds a write to what was read.
#
# Registration writes every attribute. An item that came by another way, as one of a table from
# before, may lack some or have them of other types: such a value counts as none, and such a version
# as the first.


class Condition(NamedTuple):
    """A condition on an item, with the names and values that it speaks of."""

    expression: str
    names: dict[str, str]
    values: Item


def user_of(item: Item) -> User:
    """Read an item of Users; it has a userId, since that is the table's key."""
    return User(
        user_id=item["userId"]["S"],
        name=_text(item, "name"),
        email=_text(item, "email"),
        username=_text(item, "username"),
        version=_version(item),
        created_at=_moment(item, "createdAt"),
        updated_at=_moment(item, "updatedAt"),
    )


def unchanged(user: User) -> Condition:
    """Hold a write to an item that `user_of` reads as this version, email and username.

    The version alone isn't enough: a user who is removed, and registers anew with the same Idempotency-Key, comes back
    with the same id and version 1. Were email and username others by then, the wrong keys would be freed.
    """
    holds: list[str] = []
    values: Item = {}
    if user.version == FIRST_VERSION:
        # Whatever isn't a number of a later version; a comparison doesn't hold for what is missing or no number.
        holds.append("(NOT attribute_type(#version, :number) OR #version < :second OR #version >= :beyond)")
        values |= {":number": {"S": "N"}, ":second": {"N": "2"}, ":beyond": {"N": str(LAST_VERSION + 1)}}
    else:
        holds.append("#version >= :read_version AND #version < :next_version")
        values |= {":read_version": {"N": str(user.version)}, ":next_version": {"N": str(user.version + 1)}}
    for name, text in (("email", user.email), ("username", user.username)):
        if text is None:
            holds.append(f"NOT attribute_type(#{name}, :text)")
            values[":text"] = {"S": "S"}
        else:
            holds.append(f"#{name} = :read_{name}")
            values[f":read_{name}"] = {"S": text}
    names = {f"#{name}": name for name in ("version", "email", "username")}
    return Condition(" AND ".join(["attribute_exists(userId)", *holds]), names, values)


def _text(item: Item, attribute: str) -> str | None:
    return item.get(attribute, {}).get("S")


def _version(item: Item) -> int:
    """Read a whole number; a fraction counts as the whole below it."""
    number = Decimal(item.get("version", {}).get("N", FIRST_VERSION))
    return int(number) if FIRST_VERSION < number < LAST_VERSION + 1 else FIRST_VERSION


def _moment(item: Item, attribute: str) -> str | None:
    """Read any form of ISO 8601, one without a zone as UTC, into the form that registration writes."""
    try:
        moment = datetime.fromisoformat(_text(item, attribute) or "")
        return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


SCHEMA_VERSION = 1
"""The form of the items written here; whoever reads the stream tells by it whether they know the form."""

HANDS = 4
"""So often may a key that a user gives up change hands between two tries: each time its holder wrote in between."""


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
        keys = keys_of(user.email, user.username)
        stored, taken = self._write(self._put_user(user, registration_digest), user.user_id, take=keys, free=())
        if stored is not None:
            raise UserIdTakenError(stored.get(REGISTRATION_DIGEST, {}).get("S"))
        if taken:
            raise AlreadyTakenError(taken)

    def get(self, user_id: str) -> User | None:
        """See `UsersStore.get`."""
        key: Item = {"userId": {"S": user_id}}
        with unavailability():
            answer = self._client.get_item(TableName=self._users_table, Key=key, ConsistentRead=True)
        return user_of(cast("Item", answer["Item"])) if "Item" in answer else None

    def replace(self, current: User, changed: User) -> None:
        """See `UsersStore.replace`."""
        before, after = keys_of(current.email, current.username), keys_of(changed.email, changed.username)
        take = {field: key for field, key in after.items() if key != before.get(field)}
        free = [before[field] for field in take if field in before]
        stale, taken = self._write(self._update_user(current, changed), changed.user_id, take=take, free=free)
        if stale is not None:
            raise StaleVersionError
        if taken:
            raise AlreadyTakenError(taken)

    def remove(self, user: User) -> None:
        """See `UsersStore.remove`."""
        free = [*keys_of(user.email, user.username).values()]
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
        claims = [claim_key(self._user_keys_table, key, owner) for key in take.values()]
        # A user who came in by other ways than registration may share a value with the user who holds its key: that key
        # stays theirs. It must be theirs still when this is written, or it would have to be freed.
        others: dict[str, Item] = {}
        for _ in range(HANDS):
            releases = [
                hold_key(self._user_keys_table, others[key])
                if key in others
                else release_key(self._user_keys_table, key, owner)
                for key in free
            ]
            refused_user, *refused_keys = transact(self._client, [user, *claims, *releases], self._pause)
            taken = [field for field, refused in zip(take, refused_keys, strict=False) if refused is not None]
            met = zip(free, refused_keys[len(take) :], strict=True)
            changed_hands = {key: item for key, item in met if item is not None}
            if refused_user is not None or taken or not changed_hands:
                return refused_user, taken
            for key, item in changed_hands.items():
                if item.get("userId") in (None, {"S": owner}):
                    others.pop(key, None)
                else:
                    others[key] = item
        raise UnavailableError("a key changed hands at each try")

    def _put_user(self, user: User, registration_digest: str | None) -> TransactWriteItemTypeDef:
        texts = {
            "userId": user.user_id,
            "name": user.name,
            "email": user.email,
            "username": user.username,
            "createdAt": user.created_at,
            "updatedAt": user.updated_at,
        }
        item: Item = {attribute: {"S": text} for attribute, text in texts.items() if text is not None}
        item |= {"version": {"N": str(user.version)}, "schemaVersion": {"N": str(SCHEMA_VERSION)}}
        if registration_digest is not None:
            item[REGISTRATION_DIGEST] = {"S": registration_digest}
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
        condition = unchanged(current)
        return {
            "Update": {
                "TableName": self._users_table,
                "Key": {"userId": {"S": current.user_id}},
                "UpdateExpression": "SET " + ", ".join(f"#{attribute} = :{attribute}" for attribute in new),
                "ConditionExpression": condition.expression,
                "ExpressionAttributeNames": {**condition.names, **{f"#{attribute}": attribute for attribute in new}},
                "ExpressionAttributeValues": {
                    **condition.values,
                    **{f":{attribute}": value for attribute, value in new.items()},
                },
            }
        }

    def _delete_user(self, user: User) -> TransactWriteItemTypeDef:
        condition = unchanged(user)
        return {
            "Delete": {
                "TableName": self._users_table,
                "Key": {"userId": {"S": user.user_id}},
                "ConditionExpression": condition.expression,
                "ExpressionAttributeNames": condition.names,
                "ExpressionAttributeValues": condition.values,
            }
        }
