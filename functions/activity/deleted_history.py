"""How long the history of a deleted user stays: the setting deletedUserHistoryDays.

Entries expire so many days after the deletion, or when they would have anyway, if that is sooner.
With 0 days they stay until then, but their values don't: an entry still says what changed, when and
by whom. `omitted` names the sides that existed, with 0 for their size, which could tell something:

    "changes": {"email": {"omitted": {"new": 0}}}
"""

from functions.activity.item_size import NEW, OLD, OMITTED
from functions.stream_records.attribute_values import AttributeValue, Image

_SECONDS_PER_DAY = 86_400


def limited_expiry(expires_at: int, deleted_at: float, days: int) -> int:
    """Return when an item of a user who was deleted at `deleted_at` expires.

    All times are seconds since the epoch; `expires_at` is the item's own.
    """
    return min(expires_at, int(deleted_at) + days * _SECONDS_PER_DAY) if days else expires_at


def has_values(item: Image) -> bool:
    """Say whether an item of the history has any value of the user."""
    fields: dict[str, AttributeValue] = item.get("changes", {}).get("M", {})
    return any(side in field["M"] for field in fields.values() for side in (OLD, NEW))


def without_values(changes: AttributeValue) -> AttributeValue:
    """Return `changes` of an item with the names of the fields alone."""
    fields: dict[str, AttributeValue] = changes["M"]
    return {"M": {name: {"M": {OMITTED: {"M": _sides_of(field)}}} for name, field in fields.items()}}


def _sides_of(field: AttributeValue) -> dict[str, AttributeValue]:
    left_out: AttributeValue = field["M"].get(OMITTED, {"M": {}})["M"]
    return {side: {"N": "0"} for side in (OLD, NEW) if side in field["M"] or side in left_out}
