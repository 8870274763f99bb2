"""Users in DynamoDB: an item in Users, and in UserKeys one item per value that must be unique.

A registration with an Idempotency-Key has one more item in UserKeys, by which a repeat meets it.

A user and all its keys are written in one transaction, so two users never share a value whatever
happens at the same time, and no key is left behind. UserKeys is a table of its own so that its
items don't appear in the stream of Users.
"""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from functions.activity.closing_item import deletion_note
from functions.runtime.aws import dynamodb
from functions.runtime.invocation import read_positive_integer, read_text
from functions.runtime.json_log import utc_timestamp
from functions.runtime.trace import stored_trace
from functions.users.attributes import ATTRIBUTES
from functions.users.stored_time import stored_time
from functions.users.transaction import (
    claim_key,
    keep_key,
    keep_request,
    release_key,
    transact,
    unavailability,
)
from functions.users.user import (
    AS_TYPED,
    CHANGED_BY,
    FIRST_VERSION,
    LAST_VERSION,
    REGISTRATION_DIGEST,
    REQUEST_KEY,
    AlreadyTakenError,
    Deletion,
    RepeatedRequestError,
    StaleVersionError,
    UnavailableError,
    User,
    UserIdTakenError,
    UsersPage,
    attributes_of,
    held_keys,
    request_key_of,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from functions.runtime.json_log import JsonObject
    from functions.users.attributes import Attribute
    from functions.users.user import RegistrationRequest

SCHEMA_VERSION = 1
"""The form of the items written here. Raise it only once readers that accept the new version are
deployed (stream_records/schema_versions.py)."""

MAX_KEY_TRIES = 4
"""How often a transaction is tried while a key to release has another owner than expected."""


class DeletionNotes(NamedTuple):
    """Where the notes of deletions are left."""

    activity_table: str
    retention_days: int


@cache
def store_from_environment(*, notes_deletions: bool = False) -> DynamoDBUsersStore:
    """Return the store of the environment's USERS_TABLE and USER_KEYS_TABLE.

    With notes of deletions also of its ACTIVITY_TABLE and ACTIVITY_RETENTION_DAYS.
    """
    notes = None
    if notes_deletions:
        notes = DeletionNotes(read_text("ACTIVITY_TABLE"), read_positive_integer("ACTIVITY_RETENTION_DAYS"))
    users_table, user_keys_table = read_text("USERS_TABLE"), read_text("USER_KEYS_TABLE")
    return DynamoDBUsersStore(dynamodb(), users_table=users_table, user_keys_table=user_keys_table, notes=notes)


class DynamoDBUsersStore:
    """The `UsersStore` of the deployed stack; `pause(seconds)` sleeps."""

    def __init__(  # noqa: PLR0913  each is a dependency, named at the call
        self,
        client: DynamoDBClient,
        *,
        users_table: str,
        user_keys_table: str,
        notes: DeletionNotes | None = None,
        attributes: Sequence[Attribute] = ATTRIBUTES,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._users_table = users_table
        self._user_keys_table = user_keys_table
        self._notes = notes
        self._attributes = attributes
        self._unique = tuple(attribute for attribute in attributes if attribute.unique is not None)
        self._pause = pause
        self._clock = clock

    def add(self, user: User, request: RegistrationRequest | None) -> None:
        """See `UsersStore.add`."""
        keys = self._keys(user)
        now = int(self._clock())
        claims = [claim_key(self._user_keys_table, key, user.user_id, now=now) for key in keys]
        requests = [] if request is None else [keep_request(self._user_keys_table, request, user.user_id, now=now)]
        operations = [put_user(self._users_table, user, request, self._attributes), *requests, *claims]
        refused_user, *refused = transact(self._client, operations, self._pause)
        if refused_user is not None:
            raise UserIdTakenError
        for item in refused[: len(requests)]:
            if item is not None:
                raise RepeatedRequestError(item["userId"]["S"], item.get(REGISTRATION_DIGEST, {}).get("S"))
        found = zip(keys.values(), refused[len(requests) :], strict=True)
        taken = [field for field, item in found if item is not None]
        if taken:
            raise AlreadyTakenError(taken)

    def get(self, user_id: str) -> User | None:
        """See `UsersStore.get`."""
        key = {"userId": {"S": user_id}}
        with unavailability():
            answer = self._client.get_item(TableName=self._users_table, Key=key, ConsistentRead=True)
        return user_of(answer["Item"], self._attributes) if "Item" in answer else None

    def owner(self, key: str) -> str | None:
        """See `UsersStore.owner`."""
        with unavailability():
            answer = self._client.get_item(
                TableName=self._user_keys_table, Key={"key": {"S": key}}, ConsistentRead=True
            )
        return answer.get("Item", {}).get("userId", {}).get("S")

    def page(self, limit: int, after: str | None) -> UsersPage:
        """See `UsersStore.page`; DynamoDB ends a page early at 1 MB."""
        # One more shows whether another page follows.
        scan: dict[str, Any] = {"TableName": self._users_table, "Limit": limit + 1, "ConsistentRead": True}
        if after is not None:
            scan["ExclusiveStartKey"] = {"userId": {"S": after}}
        with unavailability():
            answer = self._client.scan(**scan)
        users = [user_of(item, self._attributes) for item in answer["Items"]]
        if len(users) > limit:
            return UsersPage(users[:limit], users[limit - 1].user_id)
        last = answer.get("LastEvaluatedKey", {})
        return UsersPage(users, last.get("userId", {}).get("S"))

    def replace(self, current: User, changed: User) -> None:
        """See `UsersStore.replace`."""
        before, after = self._keys(current), self._keys(changed)
        claim = {key: field for key, field in after.items() if key not in before}
        release = [key for key in before if key not in after]
        stale = self._write(self._update_user(current, changed), changed.user_id, claim=claim, release=release)
        if stale is not None:
            raise StaleVersionError

    def remove(self, user: User, deletion: Deletion | None = None) -> None:
        """See `UsersStore.remove`."""
        request = () if user.request_key is None else (user.request_key,)
        release = [*self._keys(user), *request]
        note = None if self._notes is None or deletion is None else _put_note(self._notes, user, deletion)
        stale = self._write(self._delete_user(user), user.user_id, claim={}, release=release, note=note)
        if stale is not None:
            raise StaleVersionError

    def _write(
        self,
        user: TransactWriteItemTypeDef,
        owner: str,
        *,
        claim: Mapping[str, str],
        release: Sequence[str],
        note: TransactWriteItemTypeDef | None = None,
    ) -> JsonObject | None:
        """Write a user, claim keys of fields and release keys in one transaction.

        A `note` that is refused is left out.

        Returns:
            None if all was written. If the condition of `user`, the write to Users, failed, the
            stored item, or {} if there is none or the write didn't ask for it.

        Raises:
            AlreadyTakenError: Keys to claim are another user's.
        """
        now = int(self._clock())
        claims = [claim_key(self._user_keys_table, key, owner, now=now) for key in claim]
        # An imported user, written to Users without a registration, may share a value with the
        # user who owns its key. That key stays the other user's, which the transaction verifies. If
        # it no longer is theirs, the next try releases it.
        of_others: dict[str, JsonObject] = {}
        for _ in range(MAX_KEY_TRIES):
            releases = [
                keep_key(self._user_keys_table, of_others[key])
                if key in of_others
                else release_key(self._user_keys_table, key, owner)
                for key in release
            ]
            notes = [] if note is None else [note]
            refused_user, *refused_keys = transact(self._client, [user, *claims, *releases, *notes], self._pause)
            refused_note = refused_keys.pop() if notes else None
            taken = [field for field, refused in zip(claim.values(), refused_keys, strict=False) if refused is not None]
            found = zip(release, refused_keys[len(claim) :], strict=True)
            refused_releases = {key: item for key, item in found if item is not None}
            if refused_user is not None:
                return refused_user
            if taken:
                raise AlreadyTakenError(taken)
            if refused_note is not None:
                note = None
            elif not refused_releases:
                return None
            for key, item in refused_releases.items():
                if item.get("userId") in (None, {"S": owner}):
                    of_others.pop(key, None)
                else:
                    of_others[key] = item
        raise UnavailableError("a key to release had another owner than expected at each try")

    def _keys(self, user: User) -> dict[str, str]:
        return held_keys(user.values, self._attributes)

    def _update_user(self, current: User, changed: User) -> TransactWriteItemTypeDef:
        before, after = (_item_of(user, self._attributes) for user in (current, changed))
        new = {
            attribute: value
            for attribute, value in after.items()
            if value != before.get(attribute) or attribute == "version"
        }
        new |= _changed_by(changed)
        gone = [attribute for attribute in before if attribute not in after]
        gone.append(REGISTRATION_DIGEST)  # an earlier registration left it here
        update = "SET " + ", ".join(f"#{attribute} = :new_{attribute}" for attribute in new)
        update += " REMOVE " + ", ".join(f"#{attribute}" for attribute in gone)
        condition, names, read = _unchanged(current, self._unique)
        return {
            "Update": {
                "TableName": self._users_table,
                "Key": {"userId": {"S": current.user_id}},
                "UpdateExpression": update,
                "ConditionExpression": condition,
                "ExpressionAttributeNames": names | {f"#{attribute}": attribute for attribute in (*new, *gone)},
                "ExpressionAttributeValues": read | {f":new_{attribute}": value for attribute, value in new.items()},
            }
        }

    def _delete_user(self, user: User) -> TransactWriteItemTypeDef:
        condition, names, read = _unchanged(user, self._unique)
        return {
            "Delete": {
                "TableName": self._users_table,
                "Key": {"userId": {"S": user.user_id}},
                "ConditionExpression": condition,
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": read,
            }
        }


def put_user(
    table: str, user: User, request: RegistrationRequest | None, attributes: Sequence[Attribute] = ATTRIBUTES
) -> TransactWriteItemTypeDef:
    """Store a new user; refused if the id is in use."""
    item = _item_of(user, attributes) | {"schemaVersion": _typed(SCHEMA_VERSION)}
    if request is not None:
        item[REQUEST_KEY] = _typed(request.key)
    return {
        "Put": {
            "TableName": table,
            "Item": item | _changed_by(user),
            "ConditionExpression": "attribute_not_exists(userId)",
        }
    }


def _item_of(user: User, attributes: Sequence[Attribute]) -> JsonObject:
    """Return a user's own attributes as stored: those that the user lacks are missing."""
    shown = {name: value for name, value in attributes_of(user, attributes).items() if value is not None}
    stored = {each.name: each.stored(user.values[each.name]) for each in attributes if each.name in user.values}
    as_typed = {name: _typed(user.values[name]) for name, value in stored.items() if value != user.values[name]}
    item = {name: _typed(value) for name, value in (shown | stored).items()}
    return item | ({AS_TYPED: {"M": as_typed}} if as_typed else {})


def _changed_by(user: User) -> JsonObject:
    """Return the attribute that tells who made this version, and by which request, if known."""
    if user.changed_by is None:
        return {}
    trace = {} if user.trace is None else user.trace.attributes()
    return {CHANGED_BY: {"M": {"actor": _typed(user.changed_by), "version": _typed(user.version), **trace}}}


def _put_note(notes: DeletionNotes, user: User, deletion: Deletion) -> TransactWriteItemTypeDef:
    """Leave the note of a deletion; refused if the user is erased, which says more."""
    note = deletion_note(
        user.user_id,
        actor=deletion.actor,
        version=user.version,
        occurred_at=utc_timestamp(deletion.moment),
        expires_at=int(deletion.moment.timestamp()) + notes.retention_days * 86_400,
        trace=deletion.trace,
    )
    return {
        "Put": {
            "TableName": notes.activity_table,
            "Item": note,
            "ConditionExpression": "attribute_not_exists(#kind)",
            "ExpressionAttributeNames": {"#kind": "kind"},
        }
    }


def _typed(value: str | int) -> JsonObject:
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def user_of(item: Mapping[str, Any], attributes: Sequence[Attribute] = ATTRIBUTES) -> User:
    """Read an item of Users, also one of an imported user.

    A mistyped attribute reads as a missing one; a missing version reads as 1.
    """
    stored = ((each, item.get(each.name, {}).get("S")) for each in attributes)
    as_typed = item.get(AS_TYPED, {}).get("M", {})
    changed_by = item.get(CHANGED_BY, {}).get("M", {})
    return User(
        user_id=item["userId"]["S"],
        values={each.name: _as_typed(each, text, as_typed) for each, text in stored if text is not None},
        version=version_of(item),
        created_at=_moment(item, "createdAt"),
        updated_at=_moment(item, "updatedAt"),
        changed_by=changed_by.get("actor", {}).get("S"),
        request_key=request_key_of(item),
        trace=stored_trace(changed_by),
    )


def _as_typed(attribute: Attribute, stored: str, as_typed: Mapping[str, Any]) -> str:
    """Return a value as it was typed; as stored, if it was written past the API since then."""
    typed: str = as_typed.get(attribute.name, {}).get("S", stored)
    return typed if attribute.stored(typed) == attribute.stored(stored) else stored


def _moment(item: Mapping[str, Any], attribute: str) -> str | None:
    moment = stored_time(item.get(attribute))
    return None if moment is None else utc_timestamp(moment)


def _unchanged(user: User, unique: Sequence[Attribute]) -> tuple[str, dict[str, str], JsonObject]:
    """Return a condition, its names and values, that holds while `user_of` reads these values.

    The version alone isn't enough: a user who is removed and imported again may have the same id
    and version 1, and a write past the API may leave the version. If the unique values are others
    by then, the wrong keys would be released.
    """
    conditions = ["attribute_exists(userId)"]
    values: JsonObject = {}
    if user.version == FIRST_VERSION:
        # True for everything that `user_of` reads as version 1: missing, not a number, below 2, or
        # beyond the last version. A comparison is false for what is missing or not a number.
        conditions.append("(NOT attribute_type(#version, :number) OR #version < :second OR #version >= :beyond)")
        values = {
            ":number": {"S": "N"},
            ":second": {"N": str(FIRST_VERSION + 1)},
            ":beyond": {"N": str(LAST_VERSION + 1)},
        }
    else:
        conditions.append("#version >= :same AND #version < :next")
        values = {":same": {"N": str(user.version)}, ":next": {"N": str(user.version + 1)}}
    for each in unique:
        text = user.values.get(each.name)
        if text is None:
            conditions.append(f"NOT attribute_type(#{each.name}, :text)")
            values[":text"] = {"S": "S"}
        else:
            stored = each.stored(text)
            values[f":read_{each.name}"] = {"S": stored}
            conditions.append(f"#{each.name} = :read_{each.name}")
            if stored != text:  # an imported value may be stored as typed
                values[f":typed_{each.name}"] = {"S": text}
                conditions[-1] = f"#{each.name} IN (:read_{each.name}, :typed_{each.name})"
    names = ("version", *(each.name for each in unique))
    return " AND ".join(conditions), {f"#{name}": name for name in names}, values
