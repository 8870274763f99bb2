"""One DynamoDB transaction: all of its writes or none, with an answer for each condition."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

from functions.runtime.aws import error_code, http_status
from functions.users.user import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


# Tells a service that can't answer now from a call that it will never answer.
#
# The former becomes `UnavailableError`: the caller may send the same request again. The latter (a
# denied action, a missing table) stays botocore's own error, since it is ours to mend and no
# caller's.

# Amazon DynamoDB Developer Guide, "Error handling with DynamoDB"; API Reference, TransactWriteItems. Fewer than
# functions.runtime.aws has: a missing permission holds a stream back until someone grants it, but nobody should
# be told to send the same request again a second later for that.
_BUSY = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionInProgressException",
    }
)
_FIRST_SERVER_ERROR = 500


@contextmanager
def unavailability() -> Generator[None]:
    """Turn what the service can't do right now, within the block, into `UnavailableError`."""
    try:
        yield
    except ClientError as error:
        if error_code(error) in _BUSY or http_status(error) >= _FIRST_SERVER_ERROR:
            raise UnavailableError(error_code(error)) from error
        raise
    except (HTTPClientError, NoConnectionError, ResponseParserError) as error:
        raise UnavailableError(type(error).__name__) from error


Item: TypeAlias = "dict[str, dict[str, Any]]"
"""An item as DynamoDB writes it: attribute name to typed value, e.g. {"userId": {"S": "..."}}."""

# Seconds before each further try of a transaction that met another one on the same item. Such a meeting lasts
# milliseconds; who still loses after this long is better told to come back than kept waiting. Each wait is drawn from
# zero up to it, so that rivals part.
CONFLICT_PAUSES = (0.05, 0.1, 0.2, 0.4)

# Why a transaction was cancelled, per operation. (API Reference, TransactWriteItems.)
_REFUSED = "ConditionalCheckFailed"
_PASSING = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})


def transact(
    client: DynamoDBClient, operations: Sequence[TransactWriteItemTypeDef], pause: Callable[[float], None]
) -> list[Item | None]:
    """Write all operations or none.

    botocore repeats a request with the same ClientRequestToken, so an answer that was lost doesn't turn its own next
    try into a refusal.

    Args:
        client: botocore's client.
        operations: 1 to 100 writes, each to an item of its own.
        pause: Waits for so many seconds.

    Returns:
        Per operation, None when its condition held, else the item that it met: as far as the operation asked for it, {}
        when there is none. All None means that all is written.

    Raises:
        UnavailableError: Throttled, unreachable, or in conflict with other transactions for too long.
        ClientError: Anything else that DynamoDB refuses.
    """
    for longest_wait in CONFLICT_PAUSES:
        outcome = _try(client, operations)
        if not isinstance(outcome, str):
            return outcome
        pause(random.uniform(0, longest_wait))  # noqa: S311  spreads rivals in time; nobody gains by guessing it
    outcome = _try(client, operations)
    if isinstance(outcome, str):
        raise UnavailableError(outcome)
    return outcome


def _try(client: DynamoDBClient, operations: Sequence[TransactWriteItemTypeDef]) -> list[Item | None] | str:
    """Give what `transact` returns, or the passing reason for which the transaction was cancelled."""
    try:
        with unavailability():
            client.transact_write_items(TransactItems=operations)
    except ClientError as error:
        reasons = cast("list[dict[str, Any]]", error.response.get("CancellationReasons", []))
        codes = [reason.get("Code", "None") for reason in reasons]
        # Before any refusal: beside a conflict, the other conditions were judged on items that are about to change.
        passing = _PASSING.intersection(codes)
        if passing:
            return min(passing)
        if _REFUSED in codes and set(codes) <= {"None", _REFUSED}:
            return [reason.get("Item", {}) if reason["Code"] == _REFUSED else None for reason in reasons]
        raise
    return [None for _ in operations]
