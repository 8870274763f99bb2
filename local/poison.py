"""A change of a user that LogUserChangesFunction can't process, as an unforeseen writer might make."""

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from local.stack_clients import clients_of

if TYPE_CHECKING:
    from local.state import LocalStack

POISONED_SCHEMA_VERSION = 2
"""A layout of the item that no function knows. Add it to SUPPORTED_SCHEMA_VERSIONS, and the change can be replayed."""


def write_poisoned_change(stack: "LocalStack", user_id: str | None = None, name: str = "Mallory") -> str:
    """Write an item of the Users table in a layout that the function refuses, past the API, which would never do so.

    Args:
        stack: where.
        user_id: of a user there is, whose next change is the poisoned one; None for a new user.
        name: of the new user.

    Returns:
        The user's id.

    Raises:
        botocore.exceptions.ClientError: the table refused.
    """
    dynamodb = clients_of(stack).dynamodb
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if user_id is not None:
        dynamodb.update_item(
            TableName=stack.outputs.users_table_name,
            Key={"userId": {"S": user_id}},
            UpdateExpression="SET schemaVersion = :schema, updatedAt = :now ADD version :one",
            ConditionExpression="attribute_exists(userId)",
            ExpressionAttributeValues={
                ":schema": {"N": str(POISONED_SCHEMA_VERSION)},
                ":now": {"S": now},
                ":one": {"N": "1"},
            },
        )
        return user_id
    user_id = str(uuid.uuid4())
    username = f"{name.casefold()}-{user_id[:8]}"
    dynamodb.put_item(
        TableName=stack.outputs.users_table_name,
        Item={
            "userId": {"S": user_id},
            "name": {"S": name},
            "email": {"S": f"{username}@example.com"},
            "username": {"S": username},
            "version": {"N": "1"},
            "createdAt": {"S": now},
            "updatedAt": {"S": now},
            "schemaVersion": {"N": str(POISONED_SCHEMA_VERSION)},
        },
    )
    return user_id
