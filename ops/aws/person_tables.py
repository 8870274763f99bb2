"""What erases a person from Users, UserKeys and Activity; each write is safe to repeat."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from functions.activity.closing_item import CLOSING_CHANGE_ID
from functions.runtime.aws import error_code
from functions.runtime.json_log import JsonObject
from functions.stream_records.attribute_values import Image
from functions.users.attributes import ATTRIBUTES
from functions.users.transaction import release_key, transact
from functions.users.user import UnavailableError, held_keys, request_key_of
from infra.outputs import StackOutputs
from ops.errors import OpsError, translate, translate_aws_errors

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

CHANGES_PER_CALL = 25
"""BatchWriteItem's limit (API reference)."""

ATTEMPTS = 8
"""At items that BatchWriteItem leaves unprocessed; the client itself retries throttled calls."""

FIRST_WAIT_SECONDS = 0.05

_READ_BEFORE_DELETE = ("version", *(attribute.name for attribute in ATTRIBUTES if attribute.unique is not None))
"""A user is deleted as read: with this version and these values, whose keys go with it."""


class Closing(NamedTuple):
    """What came of closing a user's history."""

    closed: bool
    """Whether the marker is written and the user gone; False if another write came between."""
    keys: int = 0
    """How many keys were freed."""


class PersonTables:
    """The three tables of one stack."""

    def __init__(self, client: "DynamoDBClient", outputs: StackOutputs) -> None:
        self._client = client
        self._users = outputs.users_table_name
        self._keys = outputs.user_keys_table_name
        self._activity = outputs.activity_table_name

    def user(self, user_id: str) -> Image | None:
        """Return the stored user, typed as botocore returns it; None if there is none."""
        return self._get(self._users, {"userId": {"S": user_id}})

    def closing_item(self, user_id: str) -> Image | None:
        """Return the closing item of the user's history, if it has one."""
        return self._get(self._activity, {"userId": {"S": user_id}, "changeId": {"S": CLOSING_CHANGE_ID}})

    def close(self, marker: JsonObject, user: Image | None) -> Closing:
        """Write the marker of an erased user, delete the user and free its keys: all or nothing.

        Args:
            marker: the item that `functions.activity.closing_item.erasure` makes.
            user: as `user` read it; None if there was none, and then there still must be none.
        """
        keys = [] if user is None else [*held_keys(_texts(user)), *filter(None, [request_key_of(user)])]
        while True:
            put: Any = {"Put": {"TableName": self._activity, "Item": marker}}
            gone = self._without_user(marker["userId"]["S"]) if user is None else self._delete_user(user)
            releases = [release_key(self._keys, key, marker["userId"]["S"]) for key in keys]
            _, refused_user, *refused_keys = self._transact([put, gone, *releases])
            if refused_user is not None:
                return Closing(closed=False)
            kept = [key for key, refused in zip(keys, refused_keys, strict=True) if refused is None]
            if len(kept) == len(keys):
                return Closing(closed=True, keys=len(keys))
            keys = kept  # the others are another user's: two imported users may share a value

    def _delete_user(self, user: Image) -> Any:
        read = {name: user[name] for name in _READ_BEFORE_DELETE if name in user}
        missing = [name for name in _READ_BEFORE_DELETE if name not in user]
        return {
            "Delete": {
                "TableName": self._users,
                "Key": {"userId": user["userId"]},
                "ConditionExpression": " AND ".join(
                    [
                        "attribute_exists(userId)",
                        *(f"#{name} = :{name}" for name in read),
                        *(f"attribute_not_exists(#{name})" for name in missing),
                    ]
                ),
                "ExpressionAttributeNames": {f"#{name}": name for name in _READ_BEFORE_DELETE},
                **({"ExpressionAttributeValues": {f":{name}": value for name, value in read.items()}} if read else {}),
            }
        }

    def _without_user(self, user_id: str) -> Any:
        return {
            "ConditionCheck": {
                "TableName": self._users,
                "Key": {"userId": {"S": user_id}},
                "ConditionExpression": "attribute_not_exists(userId)",
            }
        }

    def _transact(self, operations: Sequence[Any]) -> list[JsonObject | None]:
        what = f"the tables {self._users}, {self._keys} and {self._activity}"
        try:
            return transact(self._client, operations, time.sleep)
        except (BotoCoreError, ClientError) as error:
            raise translate(error, what) from error
        except UnavailableError as error:
            if isinstance(error.__cause__, BotoCoreError | ClientError):
                raise translate(error.__cause__, what) from error
            raise OpsError(f"{what}: {error}", "run the same command again") from error

    def keys_of(self, user_id: str) -> Iterator[list[str]]:
        """Read all of UserKeys, and yield of each page the keys that are the user's."""
        request: Any = {
            "TableName": self._keys,
            "FilterExpression": "userId = :user",
            "ExpressionAttributeValues": {":user": {"S": user_id}},
            "ConsistentRead": True,
        }
        for page in self._pages("scan", self._keys, request):
            yield [item["key"]["S"] for item in page]

    def free_key(self, key: str, user_id: str) -> bool:
        """Delete a key if it is still the user's; say whether it was."""
        with translate_aws_errors(f"the table {self._keys}"):
            try:
                self._client.delete_item(
                    TableName=self._keys,
                    Key={"key": {"S": key}},
                    ConditionExpression="userId = :user",
                    ExpressionAttributeValues={":user": {"S": user_id}},
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                return False
        return True

    def changes(self, user_id: str) -> Iterator[list[str]]:
        """Yield the change ids of the user's history, page by page; its closing item is none."""
        request: Any = {
            "TableName": self._activity,
            "KeyConditionExpression": "userId = :user AND changeId < :closing",
            "ExpressionAttributeValues": {":user": {"S": user_id}, ":closing": {"S": CLOSING_CHANGE_ID}},
            "ProjectionExpression": "changeId",
            "ConsistentRead": True,
        }
        for page in self._pages("query", self._activity, request):
            yield [item["changeId"]["S"] for item in page]

    def delete_changes(self, user_id: str, change_ids: Sequence[str]) -> None:
        """Delete up to 25 changes of the user's history."""
        keys = [{"userId": {"S": user_id}, "changeId": {"S": change_id}} for change_id in change_ids]
        requests: Any = [{"DeleteRequest": {"Key": key}} for key in keys]
        for attempt in range(ATTEMPTS):
            with translate_aws_errors(f"the table {self._activity}"):
                answer = self._client.batch_write_item(RequestItems={self._activity: requests})
            requests = answer.get("UnprocessedItems", {}).get(self._activity)
            if not requests:
                return
            time.sleep(FIRST_WAIT_SECONDS * 2**attempt)
        raise OpsError(f"The table {self._activity} left deletions unprocessed", "run the same command again")

    def _get(self, table: str, key: Any) -> Image | None:
        with translate_aws_errors(f"the table {table}"):
            item: Any = self._client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
        return item

    def _pages(self, operation: str, table: str, request: Any) -> Iterator[list[Any]]:
        while True:
            with translate_aws_errors(f"the table {table}"):
                answer: Any = getattr(self._client, operation)(**request)
            yield answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _texts(user: Image) -> Mapping[str, str]:
    return {name: value["S"] for name, value in user.items() if isinstance(value.get("S"), str)}
