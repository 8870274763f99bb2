"""Frees the keys of users who were deleted past the API: by TTL, in the console, by a script.

The API deletes a user and its keys in one transaction. Any other deletion leaves the keys, and
nobody could register with their values again. The stream's old image names them.
"""

from typing import TYPE_CHECKING, Any

from functions.activity.items import is_key
from functions.runtime.invocation import Clock, reserved_time
from functions.stream_records.attribute_values import Image
from functions.stream_records.user_change import UserChange
from functions.users.transaction import release_key, transact
from functions.users.user import UnavailableError, held_keys, request_key_of

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

TIME_TO_FINISH_SECONDS = 2.0  # as ActivityTable keeps free


class LeftKeys:
    """Frees keys within one invocation."""

    def __init__(self, client: "DynamoDBClient", *, users_table: str, user_keys_table: str, clock: Clock) -> None:
        self._client = client
        self._users_table = users_table
        self._user_keys_table = user_keys_table
        self._clock = clock
        self._time_to_finish = reserved_time(clock, TIME_TO_FINISH_SECONDS)

    def free(self, change: UserChange) -> str | None:
        """Free the deleted user's keys, but no key of another user, and none if it is stored again.

        Return why it couldn't, if another attempt may work. A refused action is raised.
        """
        user_id = change.user_id
        if not is_key(user_id):
            return None  # no table can have such a user
        old = change.old_image or {}
        keys = sorted({*held_keys(_texts(old)), *filter(None, [request_key_of(old)])})
        is_gone: Any = {
            "ConditionCheck": {
                "TableName": self._users_table,
                "Key": {"userId": {"S": user_id}},
                "ConditionExpression": "attribute_not_exists(userId)",
            }
        }
        while keys:
            if self._clock.remaining() < self._time_to_finish:
                return "the invocation's time is nearly over"
            releases = [release_key(self._user_keys_table, key, user_id) for key in keys]
            try:
                stored, *owned = transact(self._client, [is_gone, *releases], self._clock.sleep)
            except UnavailableError as error:
                return f"TransactWriteItems: {error.cause}"
            if stored is not None:
                return None
            others = [key for key, item in zip(keys, owned, strict=True) if item is not None]
            if not others:
                return None
            keys = [key for key in keys if key not in others]
        return None


def _texts(image: Image) -> dict[str, str]:
    return {name: value["S"] for name, value in image.items() if "S" in value}
