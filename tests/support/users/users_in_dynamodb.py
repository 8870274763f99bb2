"""The users' tables for tests: the deployed store over them, and the items that they hold."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from functions.users.attributes import ATTRIBUTES, Attribute
from functions.users.dynamodb_store import DeletionNotes, DynamoDBUsersStore
from tests.support.aws.dynamodb_endpoints import UserTables, create_user_tables

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class UsersInDynamoDB:
    """Empty tables with a store over them."""

    def __init__(self, client: "DynamoDBClient", attributes: Sequence[Attribute] = ATTRIBUTES) -> None:
        self.client = client
        self.tables: UserTables = create_user_tables(client)
        self.store = self.store_of(attributes)

    def store_of(self, attributes: Sequence[Attribute]) -> DynamoDBUsersStore:
        """Return a store over the same tables by another table of attributes."""
        users, user_keys = self.tables.users, self.tables.user_keys
        notes = DeletionNotes(self.tables.activity, retention_days=30)
        return DynamoDBUsersStore(
            self.client, users_table=users, user_keys_table=user_keys, notes=notes, attributes=attributes
        )

    def items(self) -> list[dict[str, Any]]:
        return self._scan(self.tables.users)

    def owners(self) -> dict[str, str]:
        return {item["key"]["S"]: item["userId"]["S"] for item in self._scan(self.tables.user_keys)}

    def activity(self) -> list[dict[str, Any]]:
        return self._scan(self.tables.activity)

    def key_item(self, key: str) -> dict[str, Any] | None:
        """Return an item of UserKeys as DynamoDB has it."""
        item: Any = self.client.get_item(TableName=self.tables.user_keys, Key={"key": {"S": key}}).get("Item")
        return item

    def put_user(self, **attributes: str) -> None:
        """Store a user as an import would: text attributes only, and no unique keys."""
        item = {name: {"S": value} for name, value in attributes.items()}
        self.client.put_item(TableName=self.tables.users, Item=item)

    def _scan(self, table: str) -> list[dict[str, Any]]:
        pages = self.client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]
