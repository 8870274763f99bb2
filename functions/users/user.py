"""A registered user, and the moment of a change as it is stored."""

from datetime import UTC, datetime
from typing import NamedTuple


class User(NamedTuple):
    """A registered user.

    Attributes:
        user_id: Who it is, for ever.
        name: As typed, 1 to 200 characters.
        email: As typed; no other user has one that differs by case alone.
        username: As typed; no other user has one that reads the same.
        version: 1 when registered, one more with each change.
        created_at: ISO 8601, UTC, with milliseconds.
        updated_at: The last change, written the same way.
    """

    user_id: str
    name: str
    email: str
    username: str
    version: int
    created_at: str
    updated_at: str


def timestamp(moment: datetime) -> str:
    """Write a moment as it is stored, e.g. 2026-11-23T10:00:00.000Z; `moment` must know its time zone."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
