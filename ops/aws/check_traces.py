"""What `check` reads, leaves and removes in Activity: the marked user's history, and a note."""

from typing import TYPE_CHECKING, Any

from functions.activity.closing_item import deletion_note
from functions.activity.items import SECONDS_PER_DAY
from functions.runtime.json_log import utc_timestamp
from functions.stream_records.attribute_values import Image
from ops.errors import translate_aws_errors

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

NOTED_BY = "deployment-check"
"""The partition of the note. No user has this id, because the API makes UUIDs."""

NOTE_DAYS = 30


class CheckTraces:
    """The Activity table of one stack.

    The note holds the id of the last marked user, so that what is left of it is found when the user
    is deleted already. It has the form of a deletion's note, which every reader skips, and which no
    consumer gets.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def remember(self, user_id: str, now: float) -> None:
        """Note the marked user's id, in the place of an earlier one's."""
        item: Any = deletion_note(
            NOTED_BY,
            actor=user_id,
            version=1,
            occurred_at=utc_timestamp(now),
            expires_at=int(now) + NOTE_DAYS * SECONDS_PER_DAY,
        )
        with translate_aws_errors(f"the table {self._table}"):
            self._client.put_item(TableName=self._table, Item=item)

    def remembered(self) -> str | None:
        """Return the id that is noted."""
        for item in self.items(NOTED_BY):
            return item["actor"]["S"]
        return None

    def items(self, user_id: str) -> list[Image]:
        """Return a user's history, oldest first, and its closing item."""
        request: Any = {
            "TableName": self._table,
            "KeyConditionExpression": "userId = :user",
            "ExpressionAttributeValues": {":user": {"S": user_id}},
            "ConsistentRead": True,
        }
        with translate_aws_errors(f"the table {self._table}"):
            # A marked user has few changes: far from the megabyte of a page.
            found: Any = self._client.query(**request)["Items"]
        return found

    def delete(self, user_id: str, change_id: str) -> None:
        """Remove one item, if it is there."""
        key: Any = {"userId": {"S": user_id}, "changeId": {"S": change_id}}
        with translate_aws_errors(f"the table {self._table}"):
            self._client.delete_item(TableName=self._table, Key=key)
