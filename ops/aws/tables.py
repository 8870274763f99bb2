"""The tables Activity and Users as the commands use them; every read is consistent."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from functions.activity.closing_item import CLOSING_CHANGE_ID, is_deletion_note, is_erasure
from functions.activity.items import is_key
from functions.stream_records.attribute_values import AttributeValue, Image, base64_text, convert_binary
from ops.aws.queues import CONCURRENT_CALLS
from ops.errors import OpsError, translate_aws_errors
from ops.job import in_batches

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

_Read = TypeVar("_Read")

KEYS_PER_CALL = 100  # BatchGetItem's limit (API reference)

USERS_PER_STATEMENT = 50
"""The most values of a partition key that PartiQL's IN takes (developer guide, "IN operator")."""

ITEMS_PER_PAGE = 1_000
"""DynamoDB also ends a page at 1 MB (API reference, "Scan")."""

ATTEMPTS = 8
"""At keys that BatchGetItem returns as unprocessed; the client itself retries throttled calls."""


class ActivityKey(NamedTuple):
    """The key of one change's item."""

    user_id: str
    change_id: str


class UsersPage(NamedTuple):
    """Some users in the form of stream images, and where the next page starts."""

    users: list[Image]
    next_after: str | None  # the last user's id; None after the last page


class ActivityPage(NamedTuple):
    """The keys and kinds of some changes, and where the next page starts."""

    items: list[Image]  # userId, changeId, kind and expiresAt, as far as the item has them
    next_after: ActivityKey | None  # None after the last page


class ActivityReader:
    """The Activity table: each user's history, one item per change."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name
        self._pool = ThreadPoolExecutor(CONCURRENT_CALLS, thread_name_prefix="activity")

    def event_ids(self, keys: Sequence[ActivityKey]) -> Mapping[ActivityKey, str]:
        """Return the event id of each item that exists."""
        found: dict[ActivityKey, str] = {}
        # No item can have a key that DynamoDB refuses, and one such key fails a whole call.
        for batch in in_batches([key for key in dict.fromkeys(keys) if is_key(key.user_id)], KEYS_PER_CALL):
            request = {
                "Keys": [{"userId": {"S": key.user_id}, "changeId": {"S": key.change_id}} for key in batch],
                "ConsistentRead": True,
                "ProjectionExpression": "userId, changeId, eventId",
            }
            for item in batch_get(self._client, self._name, request):
                key = ActivityKey(item["userId"].get("S", ""), item["changeId"].get("S", ""))
                found[key] = item.get("eventId", {}).get("S", "")
        return found

    def erased(self, user_ids: Sequence[str]) -> frozenset[str]:
        """Return those of the users who are erased."""
        found: set[str] = set()
        for batch in in_batches(list(filter(is_key, dict.fromkeys(user_ids))), KEYS_PER_CALL):
            keys = [{"userId": {"S": user_id}, "changeId": {"S": CLOSING_CHANGE_ID}} for user_id in batch]
            items = batch_get(self._client, self._name, {"Keys": keys, "ConsistentRead": True})
            found.update(item["userId"]["S"] for item in items if is_erasure(item))
        return frozenset(found)

    def kinds(self, user_ids: Sequence[str]) -> Mapping[str, set[str]]:
        """Return the kinds of change in the history of each user who has one."""
        found: dict[str, set[str]] = {}
        for batch in in_batches(user_ids, USERS_PER_STATEMENT):
            for item in self._items_of(batch, "userId, kind"):
                if "kind" in item:  # which the note of a deletion hasn't
                    found.setdefault(item["userId"]["S"], set()).add(item["kind"]["S"])
        return found

    def each_history(self, user_ids: Sequence[str], read: Callable[[Iterable[Image]], _Read]) -> list[_Read]:
        """Return what `read` makes of the items of 50 users at a time, which come in any order."""
        wanted = "userId, changeId, kind, changes, expiresAt"
        batches = in_batches(user_ids, USERS_PER_STATEMENT)

        def read_batch(batch: Sequence[str]) -> _Read:
            return read(self._items_of(batch, wanted))

        return list(self._pool.map(read_batch, batches))

    def _items_of(self, user_ids: Sequence[str], attributes: str) -> Iterator[Image]:
        places = ", ".join("?" * len(user_ids))
        request = {
            "Statement": f'SELECT {attributes} FROM "{self._name}" WHERE userId IN [{places}]',  # noqa: S608  no value
            "Parameters": [{"S": user_id} for user_id in user_ids],
            "ConsistentRead": True,
        }
        return self._pages("execute_statement", request, "NextToken", "NextToken")

    def page(self, after: ActivityKey | None) -> ActivityPage:
        """Return the changes after this one, in the table's own order."""
        request: Any = {
            "TableName": self._name,
            "Limit": ITEMS_PER_PAGE,
            "ConsistentRead": True,
            "ProjectionExpression": "userId, changeId, kind, expiresAt",
        }
        if after is not None:
            request["ExclusiveStartKey"] = {"userId": {"S": after.user_id}, "changeId": {"S": after.change_id}}
        with translate_aws_errors(f"the table {self._name}"):
            response: Any = self._client.scan(**request)
        last = response.get("LastEvaluatedKey")
        next_after = ActivityKey(last["userId"]["S"], last["changeId"]["S"]) if last else None
        return ActivityPage(response["Items"], next_after)

    def history(self, user_id: str) -> Iterator[Image]:
        """Yield the items of a user's changes, newest first."""
        return (item for item in self.entries(user_id) if not is_erasure(item))

    def entries(self, user_id: str) -> Iterator[Image]:
        """Yield the entries of a user's history, newest first: changes, or the user's erasure."""
        return (item for item in self.items(user_id) if not is_deletion_note(item))

    def items(self, user_id: str) -> Iterator[Image]:
        """Yield all items of a user, newest first: a closing item, then the changes."""
        request = {
            "TableName": self._name,
            "KeyConditionExpression": "userId = :user",
            "ExpressionAttributeValues": {":user": {"S": user_id}},
            "ScanIndexForward": False,
            "ConsistentRead": True,
        }
        return self._pages("query", request, "LastEvaluatedKey", "ExclusiveStartKey")

    def _pages(self, operation: str, request: dict[str, Any], token: str, next_token: str) -> Iterator[Image]:
        """Yield the items of all pages; the next page is read when the caller needs it."""
        while True:
            with translate_aws_errors(f"the table {self._name}"):
                response: Any = getattr(self._client, operation)(**request)
            yield from response.get("Items", [])
            if not response.get(token):
                return
            request[next_token] = response[token]


def batch_get(client: "DynamoDBClient", table: str, request: Any) -> list[Image]:
    """Return the items that exist of at most 100 keys; an OpsError if keys stay unprocessed."""
    items: list[Any] = []
    unprocessed: Any = {table: request}
    for _ in range(ATTEMPTS):
        with translate_aws_errors(f"the table {table}"):
            response = client.batch_get_item(RequestItems=unprocessed)
        items += response.get("Responses", {}).get(table, [])
        unprocessed = response.get("UnprocessedKeys", {})
        if not unprocessed:
            return items
    raise OpsError(f"The table {table} returned unprocessed keys {ATTEMPTS} times", "run the same command again later")


class UsersReader:
    """The Users table, page by page in its own order."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name
        self._pool = ThreadPoolExecutor(CONCURRENT_CALLS, thread_name_prefix="users")

    def images(self, user_ids: Iterable[str], attributes: Sequence[str] = ()) -> dict[str, Image]:
        """Return the users who are stored, in the form of stream images; all attributes for ()."""
        batches = in_batches(list(dict.fromkeys(user_ids)), KEYS_PER_CALL)
        found = self._pool.map(partial(self._images, attributes=attributes), batches)
        return {image["userId"]["S"]: image for images in found for image in images}

    def _images(self, user_ids: Sequence[str], attributes: Sequence[str]) -> list[Image]:
        request: Any = {"Keys": [{"userId": {"S": user_id}} for user_id in user_ids], "ConsistentRead": True}
        if attributes:
            names = dict.fromkeys(("userId", *attributes))
            request["ExpressionAttributeNames"] = {f"#{name}": name for name in names}
            request["ProjectionExpression"] = ", ".join(request["ExpressionAttributeNames"])
        return [image_of(item) for item in batch_get(self._client, self._name, request)]

    def get(self, user_id: str) -> Image | None:
        """Return a user in the form of stream images; None if there is none with this id."""
        with translate_aws_errors(f"the table {self._name}"):
            key: Any = {"userId": {"S": user_id}}
            item: Any = self._client.get_item(TableName=self._name, Key=key, ConsistentRead=True).get("Item")
        return None if item is None else image_of(item)

    def page(self, after: str | None) -> UsersPage:
        """Return the users after the one with this id; from the beginning for None."""
        request: Any = {"TableName": self._name, "Limit": ITEMS_PER_PAGE, "ConsistentRead": True}
        if after is not None:
            request["ExclusiveStartKey"] = {"userId": {"S": after}}
        with translate_aws_errors(f"the table {self._name}"):
            response = self._client.scan(**request)
        items: Any = response["Items"]
        return UsersPage(
            [image_of(item) for item in items], response.get("LastEvaluatedKey", {}).get("userId", {}).get("S")
        )


def image_of(item: Image) -> Image:
    """Return an item from botocore as an image in the stream."""
    return {name: binary_as_base64(value) for name, value in item.items()}


def binary_as_base64(value: AttributeValue) -> AttributeValue:
    """Return a value from botocore as stream records have it: binary as base64 text."""
    return convert_binary(value, base64_text)
