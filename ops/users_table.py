"""The Users table as a backfill reads it: page by page, in the form of stream records."""

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from functions.stream_records.attribute_values import Image
from ops.aws_errors import explained
from ops.backfill_records import base64_binary

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

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
