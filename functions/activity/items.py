"""The Activity item of a change, and what it shows to a reader.

The item is a pure function of the stream record, so a redelivery writes the same item again.
"""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from functions.activity.deleted_history import limited_expiry, without_values
from functions.activity.item_size import NEW, OLD, OMITTED_FIELDS, fitting_item, is_surely_small
from functions.stream_records.attribute_values import (
    AttributeChange,
    AttributeValue,
    Image,
    PlainValue,
    base64_text,
    convert_binary,
    unmarshal,
)
from functions.stream_records.user_change import SEQUENCE_NUMBER_DIGITS, UserChange

SECONDS_PER_DAY = 86_400


class WriteOutcome(NamedTuple):
    """How far a write of changes came."""

    settled: int
    """That many changes, from the first on, are stored or rejected; later ones may be stored."""
    rejected: Mapping[int, str]
    """The settled changes that can never be stored, by position, and why."""
    interruption: str | None
    """Why it stopped before the last change; None if it didn't. Another attempt may work."""


class ActivityWriter(Protocol):
    """Stores changes; storing one again has no further effect."""

    def write(self, changes: Sequence[UserChange]) -> WriteOutcome:
        """Store the changes, or return how far that came."""
        ...


ItemKey = tuple[str, str]
"""userId and changeId."""


MAXIMUM_KEY_BYTES = 2048
"""Of a partition key (DynamoDB developer guide, "Quotas"); a longer one would fail a whole call."""


def is_key(user_id: str) -> bool:
    """Say whether DynamoDB takes a user id as a key."""
    try:
        return 0 < len(user_id.encode()) <= MAXIMUM_KEY_BYTES
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


class ReadOutcome(NamedTuple):
    """What a read found."""

    items: dict[ItemKey, Image]
    """The items that exist, as botocore returns them."""
    interruption: str | None
    """Why the keys in `unread` weren't read; None if all were. Another attempt may work."""
    unread: frozenset[ItemKey]


_EXPIRY_STEP_SECONDS = 2 * 365 * SECONDS_PER_DAY


def earliest_expiry(now: float) -> int:
    """Return the earliest `expiresAt` of an item written now, in seconds since the epoch.

    DynamoDB never removes an item that expired more than five years ago (developer guide, "Using
    time to live"). This is two to four years ago, and the same for two years at a time: only a
    redelivery that meets the step writes another time, which is as long past.
    """
    return int(now // _EXPIRY_STEP_SECONDS - 1) * _EXPIRY_STEP_SECONDS


def activity_item(
    change: UserChange, retention_days: int, earliest: int = 0, deleted_user_days: int | None = None
) -> Image:
    """Return the item for a change, typed as botocore takes it (binary as bytes).

    It expires `retention_days` after the change itself, not after its processing: a late redelivery
    writes the same item. A change older than that by years, such as a backfilled user's, expires
    at `earliest`, see `earliest_expiry`. Of a deleted user it may expire sooner, or have no values,
    by `deleted_user_days`, see `functions.activity.deleted_history`; None: as of any other.
    `requestId` and `traceparent` are its request's, if one is known.
    `version` is the user's after the change, or the last one of a deleted user; the item has none
    if the user has none. What would be too large is left out by the rule of
    `functions.activity.item_size`.
    """
    version = (change.new_image or change.old_image or {}).get("version", {})
    changes = change.changes
    expires_at = int(change.occurred_seconds) + retention_days * SECONDS_PER_DAY
    if change.deleted_at is not None and deleted_user_days is not None:
        expires_at = limited_expiry(expires_at, change.deleted_at, deleted_user_days)
    item: Image = {
        "userId": {"S": change.user_id},
        "changeId": {"S": change_id(change.sequence_number)},
        "eventId": {"S": change.event_id},
        "eventName": {"S": change.event_name},
        "kind": {"S": change.kind},
        "actor": {"S": change.actor},
        "occurredAt": {"S": change.occurred_at},
        "changes": {"M": {name: {"M": _old_and_new(attribute)} for name, attribute in changes.items()}},
        **({"version": version} if "N" in version else {}),
        **({} if change.trace is None else change.trace.attributes()),
        "expiresAt": {"N": str(max(expires_at, earliest))},
    }
    if change.deleted_at is not None and deleted_user_days == 0:
        item["changes"] = without_values(item["changes"])
    return item if is_surely_small(changes) else fitting_item(item)


def change_id(sequence_number: str) -> str:
    """Return a change's sort key: its sequence number, zero-padded so that text sorts as number."""
    return sequence_number.zfill(SEQUENCE_NUMBER_DIGITS)


def _old_and_new(change: AttributeChange) -> dict[str, AttributeValue]:
    return {
        side: convert_binary(value, b64decode)
        for side, value in ((OLD, change.old), (NEW, change.new))
        if value is not None
    }


def activity_entry(item: Image) -> dict[str, PlainValue]:
    """Return what an item, as botocore returns it, shows to a reader, in plain values."""
    shown = (
        "changeId",
        "kind",
        "occurredAt",
        "actor",
        *(name for name in ("requestId", "traceparent") if name in item),
        "changes",
        *((OMITTED_FIELDS,) if OMITTED_FIELDS in item else ()),
    )
    return {name: unmarshal(convert_binary(item[name], base64_text)) for name in shown}
