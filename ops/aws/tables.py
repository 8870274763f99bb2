"""The Activity table as the commands read it: which effects are there, and what happened to one user."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from functions.stream_records.attribute_values import Image
from ops.errors import OpsError, explained
from ops.people.backfill_records import base64_binary

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient


KEYS_PER_CALL = 100
"""BatchGetItem's limit (API reference)."""

USERS_PER_STATEMENT = 50
"""The most values of a partition key that PartiQL's IN takes (developer guide, "IN operator")."""

ATTEMPTS = 8
"""Of one call that DynamoDB leaves unfinished; the client itself waits and repeats throttled ones."""


class EffectKey(NamedTuple):
    """The key of one change's item."""

    user_id: str
    change_id: str


class ActivityTable(Protocol):
    """Each user's history, one item per change."""

    def event_ids(self, keys: Sequence[EffectKey]) -> Mapping[EffectKey, str]:
        """Return the event id of each item that is there; a key that is missing has no item."""
        ...

    def kinds(self, user_ids: Sequence[str]) -> Mapping[str, set[str]]:
        """Return the kinds of change in each user's history; a user who is missing has none."""
        ...

    def history(self, user_id: str) -> Iterator[Image]:
        """Yield a user's items, newest first."""
        ...


class DynamoActivityTable:
    """The table in DynamoDB; each read is consistent."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def event_ids(self, keys: Sequence[EffectKey]) -> Mapping[EffectKey, str]:
        """Read a hundred keys with each call."""
        found: dict[EffectKey, str] = {}
        distinct = list(dict.fromkeys(keys))
        for start in range(0, len(distinct), KEYS_PER_CALL):
            found.update(self._event_ids(distinct[start : start + KEYS_PER_CALL]))
        return found

    def _event_ids(self, keys: Sequence[EffectKey]) -> Mapping[EffectKey, str]:
        found: dict[EffectKey, str] = {}
        wanted: Any = {
            self._name: {
                "Keys": [{"userId": {"S": key.user_id}, "changeId": {"S": key.change_id}} for key in keys],
                "ConsistentRead": True,
                "ProjectionExpression": "userId, changeId, eventId",
            }
        }
        for _ in range(ATTEMPTS):
            with explained(f"the table {self._name}"):
                answer = self._client.batch_get_item(RequestItems=wanted)
            for item in answer.get("Responses", {}).get(self._name, []):
                key = EffectKey(item["userId"].get("S", ""), item["changeId"].get("S", ""))
                found[key] = item.get("eventId", {}).get("S", "")
            wanted = answer.get("UnprocessedKeys", {})
            if not wanted:
                return found
        raise OpsError(
            f"The table {self._name} leaves reads unprocessed, time and again", "run the command again later"
        )

    def kinds(self, user_ids: Sequence[str]) -> Mapping[str, set[str]]:
        """Ask for fifty users with each statement."""
        found: dict[str, set[str]] = {}
        for start in range(0, len(user_ids), USERS_PER_STATEMENT):
            for item in self._kinds(user_ids[start : start + USERS_PER_STATEMENT]):
                found.setdefault(item["userId"]["S"], set()).add(item["kind"]["S"])
        return found

    def _kinds(self, user_ids: Sequence[str]) -> Iterator[Image]:
        places = ", ".join("?" * len(user_ids))
        request: Any = {
            "Statement": f'SELECT userId, kind FROM "{self._name}" WHERE userId IN [{places}]',  # noqa: S608  no value
            "Parameters": [{"S": user_id} for user_id in user_ids],
            "ConsistentRead": True,
        }
        while True:
            with explained(f"the table {self._name}"):
                answer = self._client.execute_statement(**request)
            items: Any = answer.get("Items", [])
            yield from items
            if not (token := answer.get("NextToken")):
                return
            request["NextToken"] = token

    def history(self, user_id: str) -> Iterator[Image]:
        """Query page by page, as far as the caller reads."""
        request: Any = {
            "TableName": self._name,
            "KeyConditionExpression": "userId = :user",
            "ExpressionAttributeValues": {":user": {"S": user_id}},
            "ScanIndexForward": False,
            "ConsistentRead": True,
        }
        while True:
            with explained(f"the table {self._name}"):
                answer = self._client.query(**request)
            items: Any = answer["Items"]
            yield from items
            if not (after := answer.get("LastEvaluatedKey")):
                return
            request["ExclusiveStartKey"] = after


# The Users table as a backfill reads it: page by page, in the form of stream records.

USERS_PER_PAGE = 1_000
"""At most; DynamoDB also ends a page at 1 MB (API reference, "Scan")."""


class UsersPage(NamedTuple):
    """Some users, and where to go on."""

    users: list[Image]
    next_after: str | None
    """The user to go on after; None when these were the last."""


class UsersTable(Protocol):
    """All users, in an order of the table's own."""

    def page(self, after: str | None) -> UsersPage:
        """Return the users that follow the one with this id; from the beginning without one."""
        ...


class DynamoUsersTable:
    """The table in DynamoDB; reads are consistent."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def page(self, after: str | None) -> UsersPage:
        """Scan one page."""
        request: Any = {"TableName": self._name, "Limit": USERS_PER_PAGE, "ConsistentRead": True}
        if after is not None:
            request["ExclusiveStartKey"] = {"userId": {"S": after}}
        with explained(f"the table {self._name}"):
            answer = self._client.scan(**request)
        items: Any = answer["Items"]
        users = [{name: base64_binary(value) for name, value in item.items()} for item in items]
        return UsersPage(users, answer.get("LastEvaluatedKey", {}).get("userId", {}).get("S"))
