"""The users' tables as a test sees them: the store that is deployed, and what really lies in the tables."""

from typing import TYPE_CHECKING, Any

from functions.users.dynamodb_store import DynamoDBUsersStore
from tests.support.aws.dynamodb_endpoints import UserTables, create_user_tables

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class UsersInDynamoDB:
    """Fresh tables with a store over them."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self.client = client
        self.tables: UserTables = create_user_tables(client)
        self.store = DynamoDBUsersStore(client, users_table=self.tables.users, user_keys_table=self.tables.user_keys)

    def items(self) -> list[dict[str, Any]]:
        return self._scan(self.tables.users)

    def owners(self) -> dict[str, str]:
        return {item["key"]["S"]: item["userId"]["S"] for item in self._scan(self.tables.user_keys)}

    def put_user(self, **attributes: str) -> None:
        """Store an item as something other than registration would: text attributes only, and no keys."""
        item = {name: {"S": value} for name, value in attributes.items()}
        self.client.put_item(TableName=self.tables.users, Item=item)

    def _scan(self, table: str) -> list[dict[str, Any]]:
        pages = self.client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]
