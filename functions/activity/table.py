"""The Activity table: changes written in batches, and read a page at a time, oldest first.

Limits: DynamoDB API reference, "BatchWriteItem" (25 items a call, no key twice in one, unprocessed
items returned). `functions.runtime.aws.dynamodb` makes the client that writes batches fast.
"""

import random
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from botocore.exceptions import ClientError

from functions.activity.closing_item import is_deletion_note
from functions.activity.item_text import encoded_activity_item
from functions.activity.items import WriteOutcome, activity_entry, change_id, earliest_expiry
from functions.runtime import aws as aws_clients
from functions.runtime.aws import aws_call_errors, error_code, http_status, transient_reason
from functions.runtime.invocation import Clock, reserved_time
from functions.runtime.request_body import EncodedItem
from functions.stream_records.attribute_values import Image, PlainValue
from functions.stream_records.user_change import UserChange

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

ITEMS_PER_CALL = 25
FIRST_WAIT_SECONDS = 0.05
LONGEST_WAIT_SECONDS = 1.0
CALLS_PER_CHUNK = 6
"""With the waits above, some two seconds for a table to recover; the mapping retries for longer."""
TIME_TO_FINISH_SECONDS = 2.0
"""Kept free at an invocation's end, to send dead letters, log, and report the batch's outcome."""

# The table will never take such an item: too large, too deeply nested, an empty key.
_REFUSALS = frozenset({"ValidationException", "SerializationException"})
_ENTITY_TOO_LARGE = 413  # a call of over 16 MB


class ActivityTable:
    """Writes changes to the Activity table within one invocation; an `ActivityWriter`."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        retention_days: int,
        clock: Clock,
        *,
        deleted_user_days: int | None = None,
    ) -> None:
        self._client = client
        self._table = table
        self._retention_days = retention_days
        self._deleted_user_days = deleted_user_days
        self._earliest_expiry = earliest_expiry(clock.now())
        self._clock = clock
        self._time_to_finish = reserved_time(clock, TIME_TO_FINISH_SECONDS)

    def write(self, changes: Sequence[UserChange]) -> WriteOutcome:
        """Store the changes in calls of 25; halve a refused call until its bad item is found.

        A user's next change is in a later call, because a call writes its items in any order, and
        that is their order in Activity's own stream.

        Raise an error of a call that has no `transient_reason`.
        """
        rejected: dict[int, str] = {}
        chunks = deque(_calls(changes))
        while chunks:
            start, stop = chunks.popleft()
            if self._clock.remaining() < self._time_to_finish:
                return WriteOutcome(start, rejected, "the invocation's time is nearly over")
            chunk = changes[start:stop]
            try:
                unprocessed = self._put(chunk)
            except aws_call_errors() as error:
                if _is_refusal(error):
                    if len(chunk) == 1:
                        rejected[start] = f"the Activity table refuses its item: {error}"
                    else:
                        middle = start + len(chunk) // 2
                        chunks.extendleft([(middle, stop), (start, middle)])
                    continue
                reason = transient_reason(error)
                if reason is None:
                    raise
                return WriteOutcome(start, rejected, reason)
            if unprocessed is not None:
                return WriteOutcome(start + unprocessed, rejected, "BatchWriteItem: items stay unprocessed")
        return WriteOutcome(len(changes), rejected, None)

    def _put(self, changes: Sequence[UserChange]) -> int | None:
        """Write up to 25 changes; return the position of the first unprocessed one, else None."""
        # A call must not name a key twice; of a record that came twice, one is enough.
        items = {(change.user_id, change_id(change.sequence_number)): change for change in changes}
        requests: Any = [{"PutRequest": {"Item": self._item(change)}} for change in items.values()]
        wait = FIRST_WAIT_SECONDS
        for calls_left in reversed(range(CALLS_PER_CHUNK)):
            answer = self._client.batch_write_item(RequestItems={self._table: requests})
            requests = answer.get("UnprocessedItems", {}).get(self._table)
            if not requests:
                return None
            if not calls_left or self._clock.remaining() - wait < self._time_to_finish:
                break
            self._clock.sleep(random.uniform(wait / 2, wait))  # noqa: S311  spreads the load, hides nothing
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        unprocessed = {
            (put["PutRequest"]["Item"]["userId"]["S"], put["PutRequest"]["Item"]["changeId"]["S"]) for put in requests
        }
        return next(
            position
            for position, change in enumerate(changes)
            if (change.user_id, change_id(change.sequence_number)) in unprocessed
        )

    def _item(self, change: UserChange) -> EncodedItem:
        return encoded_activity_item(change, self._retention_days, self._earliest_expiry, self._deleted_user_days)


def _calls(changes: Sequence[UserChange]) -> Iterator[tuple[int, int]]:
    """Yield where each call's changes start and stop: at most 25, and of a user no two."""
    start, numbers = 0, dict[str, str]()
    for position, change in enumerate(changes):
        # The same record twice is one item.
        is_later = numbers.setdefault(change.user_id, change.sequence_number) != change.sequence_number
        if is_later or position - start == ITEMS_PER_CALL:
            yield start, position
            start, numbers = position, {change.user_id: change.sequence_number}
    if changes:
        yield start, len(changes)


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, ClientError) and (
        error_code(error) in _REFUSALS or http_status(error) == _ENTITY_TOO_LARGE
    )


class ActivityPage(NamedTuple):
    """Some changes of one user, oldest first."""

    items: list[dict[str, PlainValue]]
    """Each as `activity_entry` returns it."""
    after: str | None
    """Pass this to `activity_page` for the next page; None if this was the last."""


def activity_page(table: str, user_id: str, limit: int, after: str | None = None) -> ActivityPage:
    """Read up to `limit` entries of a user's history, oldest first, behind the changeId `after`.

    They are changes, or the user's erasure.
    """
    query: dict[str, Any] = {
        "TableName": table,
        "KeyConditionExpression": "userId = :user",
        "ExpressionAttributeValues": {":user": {"S": user_id}},
        "Limit": limit + 1,  # one more shows whether another page follows
    }
    if after is not None:
        query["ExclusiveStartKey"] = {"userId": {"S": user_id}, "changeId": {"S": after}}
    answer = aws_clients.dynamodb().query(**query)
    items = cast("list[Image]", answer["Items"])
    entries = [activity_entry(item) for item in items if not is_deletion_note(item)]
    if len(entries) > limit:
        return ActivityPage(entries[:limit], entries[limit - 1]["changeId"])
    if len(entries) < len(items):  # the note was there, and nothing comes behind it
        return ActivityPage(entries, None)
    last = answer.get("LastEvaluatedKey")  # a page ends early at 1 MB
    return ActivityPage(entries, last["changeId"].get("S") if last else None)
