"""Limits the history of a user who was deleted, as functions/activity/deleted_history.py has it.

The deletion's record comes after all earlier ones of the user, so their items are in Activity then,
or their records in the dead-letter queue: what comes later from there is limited as it is written.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from functions.activity.closing_item import deletion_note
from functions.activity.deleted_history import has_values, limited_expiry, without_values
from functions.activity.item_size import fitting_item
from functions.activity.items import SECONDS_PER_DAY, change_id, is_key
from functions.activity.table import ITEMS_PER_CALL
from functions.runtime.aws import aws_call_errors, error_code, transient_reason
from functions.runtime.invocation import Clock, reserved_time
from functions.stream_records.attribute_values import Image
from functions.stream_records.user_change import UserChange
from functions.users.user import version_of

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

TIME_TO_FINISH_SECONDS = 2.0  # as ActivityTable keeps free

_FAR_FUTURE = 10**12


class DeletedHistory:
    """Limits histories within one invocation.

    Args:
        client: DynamoDB's.
        table: Activity's name.
        days: how long after a deletion its user's history stays; with 0 only the values go.
        retention_days: how long the note of a deletion stays.
        clock: the invocation's.
    """

    def __init__(self, client: "DynamoDBClient", table: str, *, days: int, retention_days: int, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._days = days
        self._retention_days = retention_days
        self._clock = clock
        self._time_to_finish = reserved_time(clock, TIME_TO_FINISH_SECONDS)

    def limit(self, deletion: UserChange, *, noted: bool) -> str | None:
        """Limit what the history has up to a deletion that is written.

        `noted` says whether the closing item tells of the deletion; if not, a note is left, so that
        late records are limited too. Each attempt goes on where the last one ended.

        Returns:
            Why it isn't done, if another attempt may work.

        Raises:
            ClientError: A call that has no `transient_reason`, such as a refused action.
        """
        if not is_key(deletion.user_id):
            return None  # no table can have such a user
        try:
            if not noted:
                self._leave_note(deletion)
            return self._limit(deletion)
        except aws_call_errors() as error:
            reason = transient_reason(error)
            if reason is None:
                raise
            return reason

    def _leave_note(self, deletion: UserChange) -> None:
        note = deletion_note(
            deletion.user_id,
            actor=deletion.actor,
            version=version_of(deletion.old_image or {}),
            occurred_at=deletion.occurred_at,
            expires_at=int(deletion.occurred_seconds) + self._retention_days * SECONDS_PER_DAY,
        )
        try:
            # Never in place of the marker of an erasure that was written since.
            self._client.put_item(TableName=self._table, Item=note, ConditionExpression="attribute_not_exists(userId)")
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise

    def _limit(self, deletion: UserChange) -> str | None:
        request: Any = {
            "TableName": self._table,
            "KeyConditionExpression": "userId = :user AND changeId <= :deletion",
            "ExpressionAttributeValues": {
                ":user": {"S": deletion.user_id},
                ":deletion": {"S": change_id(deletion.sequence_number)},
            },
            "ConsistentRead": True,
        }
        while True:
            answer: Any = self._client.query(**request)
            limited = [self._limited(item, deletion.occurred_seconds) for item in answer["Items"]]
            items = [item for item in limited if item is not None]
            for start in range(0, len(items), ITEMS_PER_CALL):
                if self._clock.remaining() < self._time_to_finish:
                    return "the invocation's time is nearly over"
                if not self._put(items[start : start + ITEMS_PER_CALL]):
                    return "BatchWriteItem: items stay unprocessed"
            if "LastEvaluatedKey" not in answer:
                return None
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _limited(self, item: Image, deleted_at: float) -> Image | None:
        """Return the item as it should be; None if it is."""
        if self._days == 0:
            return fitting_item({**item, "changes": without_values(item["changes"])}) if has_values(item) else None
        own = int(float(item.get("expiresAt", {}).get("N", _FAR_FUTURE)))
        limit = limited_expiry(own, deleted_at, self._days)
        return None if limit == own else {**item, "expiresAt": {"N": str(limit)}}

    def _put(self, items: Sequence[Image]) -> bool:
        """Write up to 25 items whole; say whether all are.

        Nobody else writes them: a stream's order holds, and an erasure waits for this invocation.
        What DynamoDB's TTL removes meanwhile comes back with its expiry, and goes again.
        """
        requests: Any = [{"PutRequest": {"Item": item}} for item in items]
        return not self._client.batch_write_item(RequestItems={self._table: requests}).get("UnprocessedItems")
