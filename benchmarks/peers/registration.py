"""What every peer of register_user does with DynamoDB: the same three items in one transaction.

Each peer validates in its framework's own way; the rules (lengths, pattern) and the write are the same for all,
so that a ratio compares frameworks and not tasks.
"""

import os
import re
import uuid
from datetime import UTC, datetime
from typing import Any

NAME_LENGTH = 200
EMAIL_LENGTH = 254
EMAIL_PATTERN = r"^[^@\s]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
USERNAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{2,31}$"

_email = re.compile(EMAIL_PATTERN)
_username = re.compile(USERNAME_PATTERN)


def is_valid(name: object, email: object, username: object) -> bool:
    """The rules by hand, for the peers whose framework brings no validation."""
    return (
        isinstance(name, str)
        and 1 <= len(name) <= NAME_LENGTH
        and isinstance(email, str)
        and len(email) <= EMAIL_LENGTH
        and _email.match(email) is not None
        and isinstance(username, str)
        and _username.match(username) is not None
    )


def transaction(name: str, email: str, username: str) -> tuple[str, dict[str, Any]]:
    """The new user's id and the arguments of TransactWriteItems that store the user once.

    Args:
        name: As typed.
        email: As typed; its sentinel is compared case-folded.
        username: As typed; its sentinel is compared case-folded.

    Returns:
        The userId, and keyword arguments for a DynamoDB client's ``transact_write_items``.
    """
    user_id = str(uuid.uuid4())
    keys_table = os.environ["USER_KEYS_TABLE"]
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    item = {
        "userId": {"S": user_id},
        "name": {"S": name},
        "email": {"S": email},
        "username": {"S": username},
        "createdAt": {"S": now},
        "updatedAt": {"S": now},
        "version": {"N": "1"},
        "schemaVersion": {"N": "1"},
    }

    def put(table: str, key: str, values: dict[str, Any]) -> dict[str, Any]:
        return {"Put": {"TableName": table, "Item": values, "ConditionExpression": f"attribute_not_exists(#{key})",
                        "ExpressionAttributeNames": {f"#{key}": key}}}  # fmt: skip

    return user_id, {
        "TransactItems": [
            put(os.environ["USERS_TABLE"], "userId", item),
            put(keys_table, "key", {"key": {"S": f"email#{email.casefold()}"}, "userId": {"S": user_id}}),
            put(keys_table, "key", {"key": {"S": f"username#{username.casefold()}"}, "userId": {"S": user_id}}),
        ]
    }
