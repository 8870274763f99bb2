"""A user, and the moment of a change as it is stored."""

from datetime import UTC, datetime
from typing import NamedTuple

FIRST_VERSION = 1
LAST_VERSION = 2**53 - 1
"""The largest whole number that every reader of JSON keeps exact. Only an imported user can be near it."""


class User(NamedTuple):
    """A user: whoever registered has every value; one who came in by another way may lack any but id and version.

    Attributes:
        user_id: Who it is, for ever.
        name: As typed, 1 to 200 characters.
        email: As typed; no other user who registered has one that differs by case alone.
        username: As typed; no other user who registered has one that reads the same.
        version: 1 when registered, one more with each change.
        created_at: ISO 8601, UTC, with milliseconds.
        updated_at: The last change, written the same way.
    """

    user_id: str
    name: str | None
    email: str | None
    username: str | None
    version: int
    created_at: str | None
    updated_at: str | None


def timestamp(moment: datetime) -> str:
    """Write a moment as it is stored, e.g. 2026-11-23T10:00:00.000Z; `moment` must know its time zone."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def version_after(version: int) -> int:
    """Give the version that a change makes; after the last one they begin anew, so that each differs from the next."""
    return version + 1 if version < LAST_VERSION else FIRST_VERSION
