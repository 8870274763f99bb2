"""An Activity item as the text that a request has of it: `encoded(activity_item(...))`, but faster.

Nearly every change is of a few strings and numbers. Its item is written by a pattern, in a quarter
of the time that it takes to make the typed values and encode them, which was most of a batch's. Any
other item is made and encoded as before. A property compares the two.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from functions.activity.item_size import NEW, OLD
from functions.activity.items import SECONDS_PER_DAY, activity_item, change_id
from functions.runtime.request_body import EncodedItem, encoded
from functions.stream_records.attribute_values import changed_names
from functions.users.user import INTERNAL_ATTRIBUTES

if TYPE_CHECKING:
    from functions.stream_records.attribute_values import Image
    from functions.stream_records.user_change import UserChange

_LONGEST = 95_000
"""Characters of a text whose item is surely small enough: as DynamoDB counts, it is smaller."""

_SIMPLE = frozenset({"S", "N"})
_quoted: Any = json.encoder.encode_basestring_ascii


def encoded_activity_item(
    change: UserChange, retention_days: int, earliest: int = 0, deleted_user_days: int | None = None
) -> EncodedItem:
    """Return the text of the item that `activity_item` returns for the same arguments."""
    text = None
    if change.deleted_at is None or deleted_user_days is None:
        text = _simple_item(change, max(int(change.occurred_seconds) + retention_days * SECONDS_PER_DAY, earliest))
    return EncodedItem(text or encoded(activity_item(change, retention_days, earliest, deleted_user_days)))


def _simple_item(change: UserChange, expires_at: int) -> str | None:
    """Return the item's text if all that changed is strings and numbers; else None."""
    old, new = change.old_image or {}, change.new_image or {}
    changes = _both_sides(old, new) if old and new else _one_side(NEW if new else OLD, new or old)
    if changes is None:
        return None
    version = (new or old).get("version", {})
    numbered = f'"version": {encoded(version)}, ' if "N" in version else ""
    traced = "" if change.trace is None else f"{encoded(change.trace.attributes())[1:-1]}, "
    text = (
        f'{{"userId": {{"S": {_quoted(change.user_id)}}}, "changeId": {{"S": "{change_id(change.sequence_number)}"}}, '
        f'"eventId": {{"S": {_quoted(change.event_id)}}}, "eventName": {{"S": "{change.event_name}"}}, '
        f'"kind": {{"S": "{change.kind}"}}, "actor": {{"S": {_quoted(change.actor)}}}, '
        f'"occurredAt": {{"S": "{change.occurred_at}"}}, "changes": {{"M": {{{changes}}}}}, '
        f'{numbered}{traced}"expiresAt": {{"N": "{expires_at}"}}}}'
    )
    return text if len(text) < _LONGEST else None


def _one_side(side: str, image: Image) -> str | None:
    """Return what changed of a new or a deleted user; None if a value is no string or number."""
    fields: list[str] = []
    for name, value in image.items():
        if name not in INTERNAL_ATTRIBUTES:
            ((kind, content),) = value.items()
            if kind not in _SIMPLE:
                return None
            fields.append(f'{_opening(name, side)}{kind}": {_quoted(content)}}}}}}}')
    return ", ".join(fields)


def _both_sides(old: Image, new: Image) -> str | None:
    """Return the same of a changed user."""
    fields: list[str] = []
    for name in changed_names(old, new):
        if name in INTERNAL_ATTRIBUTES:
            continue
        side, first, then = (OLD, old[name], new.get(name)) if name in old else (NEW, new[name], None)
        ((kind, content),) = first.items()
        if kind not in _SIMPLE:
            return None
        field = f'{_opening(name, side)}{kind}": {_quoted(content)}}}'
        if then is not None:
            ((kind, content),) = then.items()
            if kind not in _SIMPLE:
                return None
            field += f', "{NEW}": {{"{kind}": {_quoted(content)}}}'
        fields.append(field + "}}")
    return ", ".join(fields)


@lru_cache(maxsize=512)  # a table's attributes are few
def _opening(name: str, side: str) -> str:
    """Return what comes before the type of a value."""
    return f'{_quoted(name)}: {{"M": {{"{side}": {{"'
