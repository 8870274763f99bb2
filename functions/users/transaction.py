"""One DynamoDB transaction: all of its writes or none, with an answer for each condition.

All writers of UserKeys use the writes of this module, so a key can't be taken from its owner.
"""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from functions.runtime.aws import BUSY_CODES, FIRST_SERVER_ERROR, error_code, http_status, unanswered_errors
from functions.users.user import REGISTRATION_DIGEST, UnavailableError, UserTooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from functions.runtime.json_log import JsonObject
    from functions.users.user import RegistrationRequest

# Seconds before each further try of a transaction that met another one on the same item. Such a
# conflict lasts milliseconds; a caller who still loses after this long gets UnavailableError and
# may send the request again. Full jitter, so competing retries don't collide again.
CONFLICT_PAUSES = (0.05, 0.1, 0.2, 0.4)

# Why a transaction was cancelled, per operation. (API Reference, TransactWriteItems.)
_REFUSED = "ConditionalCheckFailed"
_TRANSIENT = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})
_TOO_LARGE = "exceeded the maximum allowed size"
"""In the message of the reason ValidationError, about an item that would be larger than 400 KB."""
_FREE_OR_OWN = "attribute_not_exists(userId) OR userId = :owner"
# A registration that was never confirmed holds its keys until it expires, and TTL is days late.
_LAPSED = "(attribute_exists(#pending) AND expiresAt <= :now)"
PENDING = "pending"
"""The attribute of items in UserKeys that hold until a registration is confirmed or expires."""


def claim_key(
    table: str, key: str, owner: str, *, now: int, pending_until: int | None = None
) -> TransactWriteItemTypeDef:
    """Make a key the owner's; refused if another user has it. This makes the value unique.

    `now` and `pending_until` are seconds since the epoch; the latter, until when a registration
    that is to be confirmed holds the key.
    """
    return {
        "Put": {
            "TableName": table,
            "Item": {"key": {"S": key}, "userId": {"S": owner}, **_until(pending_until)},
            "ConditionExpression": f"{_FREE_OR_OWN} OR {_LAPSED}",
            "ExpressionAttributeNames": {"#pending": PENDING},
            "ExpressionAttributeValues": {":owner": {"S": owner}, ":now": {"N": str(now)}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def keep_request(
    table: str, request: RegistrationRequest, owner: str, *, now: int, pending: bool = False
) -> TransactWriteItemTypeDef:
    """Note that a request registered the owner; refused, with the stored item, if one did before.

    If the owner only asked to register, that note is `pending` and doesn't stand in the way of the
    owner's own registration.
    """
    until = _until(request.expires_at if pending else None)
    return {
        "Put": {
            "TableName": table,
            "Item": {
                "key": {"S": request.key},
                "userId": {"S": owner},
                REGISTRATION_DIGEST: {"S": request.digest},
                "expiresAt": {"N": str(request.expires_at)},
                **until,
            },
            "ConditionExpression": "attribute_not_exists(userId) OR (attribute_exists(#pending) AND userId = :owner) "
            f"OR {_LAPSED}",
            "ExpressionAttributeNames": {"#pending": PENDING},
            "ExpressionAttributeValues": {":owner": {"S": owner}, ":now": {"N": str(now)}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def _until(pending_until: int | None) -> JsonObject:
    return {} if pending_until is None else {PENDING: {"BOOL": True}, "expiresAt": {"N": str(pending_until)}}


def release_key(table: str, key: str, owner: str) -> TransactWriteItemTypeDef:
    """Free a key; refused, with the stored item, if it is another user's."""
    return {
        "Delete": {
            "TableName": table,
            "Key": {"key": {"S": key}},
            "ConditionExpression": _FREE_OR_OWN,
            "ExpressionAttributeValues": {":owner": {"S": owner}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def keep_key(table: str, item: JsonObject) -> TransactWriteItemTypeDef:
    """Check that a key is still another user's by writing it unchanged; else refused with the item.

    A condition check would do the same, but needs one more permission.
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


def transact(
    client: DynamoDBClient, operations: Sequence[TransactWriteItemTypeDef], pause: Callable[[float], None]
) -> list[JsonObject | None]:
    """Write all operations (1 to 100, each on an item of its own) or none.

    botocore repeats a request with the same ClientRequestToken, so if an answer is lost, the retry
    gets the first try's success. `pause(seconds)` sleeps.

    Returns:
        Per operation, None if its condition held, else the item that it met: typed, as far as the
        operation asked for it, {} if there is none or it didn't ask. All None means that all is
        written.

    Raises:
        UnavailableError: Throttled, unreachable, or in conflict with other transactions too long.
        UserTooLargeError: An item would be larger than DynamoDB's 400 KB.
        ClientError: Anything else that DynamoDB refuses.
    """
    for longest_wait in CONFLICT_PAUSES:
        outcome = _try(client, operations)
        if not isinstance(outcome, str):
            return outcome
        pause(random.uniform(0, longest_wait))  # noqa: S311  jitter; nobody gains by guessing it
    outcome = _try(client, operations)
    if isinstance(outcome, str):
        raise UnavailableError(outcome)
    return outcome


def _try(client: DynamoDBClient, operations: Sequence[TransactWriteItemTypeDef]) -> list[JsonObject | None] | str:
    """Return what `transact` does, or the transient reason for which it was cancelled."""
    try:
        with unavailability():
            client.transact_write_items(TransactItems=operations)
    except ClientError as error:
        reasons = cast("list[JsonObject]", error.response.get("CancellationReasons", []))
        codes = [reason.get("Code", "None") for reason in reasons]
        # Transient reasons first: beside a conflict, a refusal may be out of date.
        transient = _TRANSIENT.intersection(codes)
        if transient:
            return min(transient)
        if _REFUSED in codes and set(codes) <= {"None", _REFUSED}:
            return [reason.get("Item", {}) if reason["Code"] == _REFUSED else None for reason in reasons]
        if any(_TOO_LARGE in reason.get("Message", "") for reason in reasons):
            raise UserTooLargeError from error
        raise
    return [None for _ in operations]


@contextmanager
def unavailability() -> Generator[None]:
    """Raise `UnavailableError` for what DynamoDB can't do now but may do a second later.

    A denied action or a missing table stays botocore's error: these are bugs or misconfiguration,
    and the caller can't fix them by sending the request again.
    """
    try:
        yield
    except ClientError as error:
        if error_code(error) in BUSY_CODES or http_status(error) >= FIRST_SERVER_ERROR:
            raise UnavailableError(error_code(error)) from error
        raise
    except unanswered_errors() as error:
        raise UnavailableError(type(error).__name__) from error
