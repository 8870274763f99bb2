"""The rules and the one transaction of every peer of register_user.

Each peer validates in its framework's own way, with the same lengths and patterns, so that a ratio
compares frameworks and not tasks.
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
    """Check the rules by hand, for peers whose framework has no validation."""
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
    """Return a new userId and the arguments of `transact_write_items` that store the user once."""
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
        condition = f"attribute_not_exists(#{key})"
        names = {f"#{key}": key}
        put = {"TableName": table, "Item": values, "ConditionExpression": condition, "ExpressionAttributeNames": names}
        return {"Put": put}

    return user_id, {
        "TransactItems": [
            put(os.environ["USERS_TABLE"], "userId", item),
            put(keys_table, "key", {"key": {"S": f"email#{email.casefold()}"}, "userId": {"S": user_id}}),
            put(keys_table, "key", {"key": {"S": f"username#{username.casefold()}"}, "userId": {"S": user_id}}),
        ]
    }
