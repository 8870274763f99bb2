"""A user's item read, whatever its shape, and the condition that holds a write to what was read.

Registration writes every attribute. An item that came by another way, as one of a table from before, may lack some or
have them of other types: such a value counts as none, and such a version as the first.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from functions.users.user import FIRST_VERSION, LAST_VERSION, User, timestamp

if TYPE_CHECKING:
    from functions.users.transaction import Item


class Condition(NamedTuple):
    """A condition on an item, with the names and values that it speaks of."""

    expression: str
    names: dict[str, str]
    values: Item


def user_of(item: Item) -> User:
    """Read an item of Users; it has a userId, since that is the table's key."""
    return User(
        user_id=item["userId"]["S"],
        name=_text(item, "name"),
        email=_text(item, "email"),
        username=_text(item, "username"),
        version=_version(item),
        created_at=_moment(item, "createdAt"),
        updated_at=_moment(item, "updatedAt"),
    )


def unchanged(user: User) -> Condition:
    """Hold a write to an item that `user_of` reads as this version, email and username.

    The version alone isn't enough: a user who is removed, and registers anew with the same Idempotency-Key, comes back
    with the same id and version 1. Were email and username others by then, the wrong keys would be freed.
    """
    holds: list[str] = []
    values: Item = {}
    if user.version == FIRST_VERSION:
        # Whatever isn't a number of a later version; a comparison doesn't hold for what is missing or no number.
        holds.append("(NOT attribute_type(#version, :number) OR #version < :second OR #version >= :beyond)")
        values |= {":number": {"S": "N"}, ":second": {"N": "2"}, ":beyond": {"N": str(LAST_VERSION + 1)}}
    else:
        holds.append("#version >= :read_version AND #version < :next_version")
        values |= {":read_version": {"N": str(user.version)}, ":next_version": {"N": str(user.version + 1)}}
    for name, text in (("email", user.email), ("username", user.username)):
        if text is None:
            holds.append(f"NOT attribute_type(#{name}, :text)")
            values[":text"] = {"S": "S"}
        else:
            holds.append(f"#{name} = :read_{name}")
            values[f":read_{name}"] = {"S": text}
    names = {f"#{name}": name for name in ("version", "email", "username")}
    return Condition(" AND ".join(["attribute_exists(userId)", *holds]), names, values)


def _text(item: Item, attribute: str) -> str | None:
    return item.get(attribute, {}).get("S")


def _version(item: Item) -> int:
    """Read a whole number; a fraction counts as the whole below it."""
    number = Decimal(item.get("version", {}).get("N", FIRST_VERSION))
    return int(number) if FIRST_VERSION < number < LAST_VERSION + 1 else FIRST_VERSION


def _moment(item: Item, attribute: str) -> str | None:
    """Read any form of ISO 8601, one without a zone as UTC, into the form that registration writes."""
    try:
        moment = datetime.fromisoformat(_text(item, attribute) or "")
        return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
