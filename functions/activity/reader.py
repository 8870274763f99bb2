"""Items of Activity by key, as they are now: what a consumer's message names.

Limits: DynamoDB API reference, "BatchGetItem" (100 keys and 16 MB a call, no key twice in one,
unprocessed keys returned).
"""

import random
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from functions.activity.items import ItemKey, ReadOutcome
from functions.runtime.aws import aws_call_errors, call_reason
from functions.runtime.invocation import Clock, reserved_time

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

    from functions.stream_records.attribute_values import Image

KEYS_PER_CALL = 100
FIRST_WAIT_SECONDS = 0.05
CALLS_PER_READ = 5
"""With doubled waits, under a second for a table to recover; the queue retries for longer."""
TIME_TO_FINISH_SECONDS = 2.0  # kept free at an invocation's end, to report how far it came


class ActivityReader:
    """Reads items of the Activity table within one invocation."""

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._time_to_finish = reserved_time(clock, TIME_TO_FINISH_SECONDS)

    def read(self, keys: Iterable[ItemKey]) -> ReadOutcome:
        """Read up to 100 items consistently; a key may be named twice."""
        unread = list(dict.fromkeys(keys))
        items: dict[ItemKey, Image] = {}
        wait = FIRST_WAIT_SECONDS
        for calls_left in reversed(range(CALLS_PER_READ)):
            if not unread:
                break
            try:
                answer = self._get(unread)
            except aws_call_errors() as error:
                return ReadOutcome(items, call_reason(error), frozenset(unread))
            for item in answer.get("Responses", {}).get(self._table, []):
                items[item["userId"]["S"], item["changeId"]["S"]] = item
            unprocessed = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
            unread = [(key["userId"]["S"], key["changeId"]["S"]) for key in unprocessed]
            if not unread or not calls_left or self._clock.remaining() - wait < self._time_to_finish:
                break
            self._clock.sleep(random.uniform(wait / 2, wait))  # noqa: S311  spreads the load, hides nothing
            wait *= 2
        return ReadOutcome(items, "BatchGetItem: keys stay unprocessed" if unread else None, frozenset(unread))

    def _get(self, keys: Iterable[ItemKey]) -> Any:
        named = [{"userId": {"S": user_id}, "changeId": {"S": change_id}} for user_id, change_id in keys]
        return self._client.batch_get_item(RequestItems={self._table: {"Keys": named, "ConsistentRead": True}})
