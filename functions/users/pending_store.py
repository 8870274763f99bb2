"""Registrations to be confirmed, in UserKeys: one item each, and the keys that it holds.

All of them have `pending` and `expiresAt`. TTL removes them days late at times, so every reader
compares the time. They are in UserKeys because that has no stream: who never confirmed an address
appears in no log, history or event.
"""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from functions.runtime.aws import dynamodb, error_code
from functions.runtime.invocation import read_text
from functions.users.attributes import ATTRIBUTES
from functions.users.confirmation import MAILS_PER_ADDRESS, MAILS_SECONDS, PendingRegistration, address_attribute
from functions.users.dynamodb_store import put_user
from functions.users.service import REQUEST_DAYS
from functions.users.transaction import PENDING, claim_key, keep_request, transact, unavailability
from functions.users.user import (
    PENDING_PREFIX,
    REGISTRATION_DIGEST,
    REQUEST_KEY,
    AlreadyTakenError,
    ConfirmationLinkError,
    RegistrationRequest,
    RepeatedRequestError,
    User,
    UserIdTakenError,
    held_keys,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from functions.runtime.json_log import JsonObject
    from functions.users.attributes import Attribute

_SECONDS_PER_DAY = 86_400
_LINK_KEY = "linkKey"


class DynamoDBPendingRegistrations:
    """The `PendingStore` of the deployed stack; `pause(seconds)` sleeps."""

    def __init__(
        self,
        client: DynamoDBClient,
        *,
        user_keys_table: str,
        users_table: str = "",
        attributes: Sequence[Attribute] = ATTRIBUTES,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Only `confirm` needs `users_table`."""
        self._client = client
        self._users_table = users_table
        self._user_keys_table = user_keys_table
        self._attributes = attributes
        self._address = address_attribute(attributes).name
        self._pause = pause

    def add(self, pending: PendingRegistration, now: int) -> None:
        """See `PendingStore.add`."""
        table, owner, until = self._user_keys_table, pending.user_id, pending.expires_at
        keys = {key: name for key, name in self._keys(pending).items() if name != self._address}
        claims = [claim_key(table, key, owner, now=now, pending_until=until) for key in keys]
        requests = [keep_request(table, request, owner, now=now, pending=True) for request in _all(pending.request)]
        refused, *others = transact(self._client, [self._put(pending), *requests, *claims], self._pause)
        if refused is not None:
            raise UserIdTakenError
        for item in others[: len(requests)]:
            if item is not None:
                raise RepeatedRequestError(item["userId"]["S"], item.get(REGISTRATION_DIGEST, {}).get("S"))
        self._require(keys, others[len(requests) :])

    def get(self, user_id: str, now: int) -> PendingRegistration | None:
        """See `PendingStore.get`."""
        item = self._item(PENDING_PREFIX + user_id)
        return _pending_of(item) if item is not None and int(item["expiresAt"]["N"]) > now else None

    def confirm(self, pending: PendingRegistration, user: User, request: RegistrationRequest | None, now: int) -> None:
        """See `PendingStore.confirm`."""
        table, owner, keys = self._user_keys_table, pending.user_id, self._keys(pending)
        kept = [each._replace(expires_at=now + REQUEST_DAYS * _SECONDS_PER_DAY) for each in _all(request)]
        operations = [
            self._take(pending, now),
            put_user(self._users_table, user, request, self._attributes),
            *(keep_request(table, each, owner, now=now) for each in kept),
            *(claim_key(table, key, owner, now=now) for key in keys),
        ]
        answers = transact(self._client, operations, self._pause)
        if any(answer is not None for answer in answers[: 2 + len(kept)]):
            raise ConfirmationLinkError
        self._require(keys, answers[2 + len(kept) :])

    def is_registered(self, address_key: str, now: int) -> bool:
        """See `PendingStore.is_registered`."""
        item = self._item(address_key)
        return item is not None and (PENDING not in item or int(item["expiresAt"]["N"]) > now)

    def count_mail(self, count_key: str, now: int) -> bool:
        """See `PendingStore.count_mail`."""
        first: Any = {":now": {"N": str(now)}, ":one": {"N": "1"}, ":until": {"N": str(now + MAILS_SECONDS)}}
        more: Any = {":one": {"N": "1"}, ":most": {"N": str(MAILS_PER_ADDRESS)}}
        return self._count(
            count_key, "SET sent = :one, expiresAt = :until", "attribute_not_exists(sent) OR expiresAt <= :now", first
        ) or self._count(count_key, "SET sent = sent + :one", "sent < :most", more)

    def _count(self, count_key: str, update: str, condition: str, values: JsonObject) -> bool:
        try:
            with unavailability():
                self._client.update_item(
                    TableName=self._user_keys_table,
                    Key={"key": {"S": count_key}},
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _item(self, key: str) -> JsonObject | None:
        with unavailability():
            answer: Any = self._client.get_item(
                TableName=self._user_keys_table, Key={"key": {"S": key}}, ConsistentRead=True
            )
        return answer.get("Item")

    def _put(self, pending: PendingRegistration) -> TransactWriteItemTypeDef:
        request = {}
        if pending.request is not None:
            request = {
                REQUEST_KEY: {"S": pending.request.key},
                REGISTRATION_DIGEST: {"S": pending.request.digest},
            }
        values = {name: {"S": value} for name, value in pending.registration.items()}
        return {
            "Put": {
                "TableName": self._user_keys_table,
                "Item": {
                    "key": {"S": PENDING_PREFIX + pending.user_id},
                    "userId": {"S": pending.user_id},
                    "registration": {"M": values},
                    _LINK_KEY: {"B": pending.link_key},
                    PENDING: {"BOOL": True},
                    "expiresAt": {"N": str(pending.expires_at)},
                    **request,
                },
                "ConditionExpression": "attribute_not_exists(userId)",
            }
        }

    def _take(self, pending: PendingRegistration, now: int) -> TransactWriteItemTypeDef:
        return {
            "Delete": {
                "TableName": self._user_keys_table,
                "Key": {"key": {"S": PENDING_PREFIX + pending.user_id}},
                "ConditionExpression": "attribute_exists(#pending) AND expiresAt > :now",
                "ExpressionAttributeNames": {"#pending": PENDING},
                "ExpressionAttributeValues": {":now": {"N": str(now)}},
            }
        }

    def _keys(self, pending: PendingRegistration) -> dict[str, str]:
        return held_keys(pending.registration, self._attributes)

    @staticmethod
    def _require(keys: dict[str, str], answers: Sequence[JsonObject | None]) -> None:
        taken = [name for name, answer in zip(keys.values(), answers, strict=True) if answer is not None]
        if taken:
            raise AlreadyTakenError(taken)


def _all(request: RegistrationRequest | None) -> list[RegistrationRequest]:
    return [] if request is None else [request]


def _pending_of(item: JsonObject) -> PendingRegistration:
    expires_at = int(item["expiresAt"]["N"])
    request = None
    if REQUEST_KEY in item:
        request = RegistrationRequest(item[REQUEST_KEY]["S"], item[REGISTRATION_DIGEST]["S"], expires_at)
    registration = {name: value["S"] for name, value in item["registration"]["M"].items()}
    return PendingRegistration(item["userId"]["S"], registration, expires_at, request, item[_LINK_KEY]["B"])


@cache
def pending_from_environment(*, confirms: bool = False) -> DynamoDBPendingRegistrations:
    """Return the store of the environment's USER_KEYS_TABLE, and of USERS_TABLE to confirm with."""
    users_table = read_text("USERS_TABLE") if confirms else ""
    return DynamoDBPendingRegistrations(
        dynamodb(), user_keys_table=read_text("USER_KEYS_TABLE"), users_table=users_table
    )
