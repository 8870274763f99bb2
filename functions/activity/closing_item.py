"""The closing item of a user's history: the last one by its key, and no change of the user.

| it is         | attributes, beside expiresAt                | written by                   |
| ------------- | ------------------------------------------- | ---------------------------- |
| deletion note | note DELETION, actor, version, occurredAt,  | the deletion's transaction   |
|               | the request's `Trace`                       |                              |
| erasure       | kind ERASED, actor, occurredAt, no changes  | `python -m ops person erase` |

A deletion's stream record has the old image alone, so only the note can say who deleted the user,
and by which request.
It is no entry of the history. An erasure is its only one, and bars every value of the user from
coming back: log_user_changes reads the closing items of a batch's users before it writes.
"""

from datetime import datetime

from functions.runtime.json_log import Json, JsonObject
from functions.runtime.trace import Trace

CLOSING_CHANGE_ID = "9" * 40
"""Its sort key: forty digits, as a change's, and above each that a stream assigns."""

DELETION = "DELETION"
ERASED = "ERASED"


def deletion_note(  # noqa: PLR0913  each is named at the call
    user_id: str, *, actor: str, version: int, occurred_at: str, expires_at: int, trace: Trace | None = None
) -> JsonObject:
    """Return the note of a deletion, typed as botocore takes it.

    Args:
        user_id: the deleted user.
        actor: who deleted it.
        version: the deleted user's, which tells this deletion from another of the same id.
        occurred_at: ISO 8601 in UTC with milliseconds.
        expires_at: when DynamoDB may remove it, in whole seconds since the epoch.
        trace: the request that deleted it; None for a deletion past the API.
    """
    return {
        "userId": {"S": user_id},
        "changeId": {"S": CLOSING_CHANGE_ID},
        "note": {"S": DELETION},
        "actor": {"S": actor},
        "version": {"N": str(version)},
        "occurredAt": {"S": occurred_at},
        "expiresAt": {"N": str(expires_at)},
        **({} if trace is None else trace.attributes()),
    }


def erasure(user_id: str, *, actor: str, occurred_at: str, expires_at: int) -> JsonObject:
    """Return the marker of an erased user, typed as botocore takes it; arguments as above."""
    return {
        "userId": {"S": user_id},
        "changeId": {"S": CLOSING_CHANGE_ID},
        "kind": {"S": ERASED},
        "actor": {"S": actor},
        "occurredAt": {"S": occurred_at},
        "changes": {"M": {}},
        "expiresAt": {"N": str(expires_at)},
    }


def is_deletion_note(item: JsonObject) -> bool:
    """Say whether an item of Activity is the note of a deletion, which no reader is shown."""
    return item.get("note") == {"S": DELETION}


def is_erasure(item: JsonObject) -> bool:
    """Say whether an item of Activity is the marker of an erased user."""
    return item.get("kind") == {"S": ERASED}


def deleted_by(item: JsonObject, version: int) -> str | None:
    """Return who deleted the user of this version, if a closing item tells."""
    if not is_deletion_note(item) or item.get("version") != {"N": str(version)}:
        return None
    actor: Json = item.get("actor", {}).get("S")
    return actor


def deletion_after(item: JsonObject, seconds: float) -> float | None:
    """Return when the user was deleted, if a note says it was at or after that time.

    Both in whole seconds since the epoch, to which DynamoDB rounds a change's time down. A user who
    was stored again since has later changes.
    """
    if not is_deletion_note(item):
        return None
    deleted_at = datetime.fromisoformat(item["occurredAt"]["S"]).timestamp() // 1
    return deleted_at if seconds <= deleted_at else None
