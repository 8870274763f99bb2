"""One change of one user, as a consumer gets it: read from Activity, in plain values."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from functions.activity.item_size import NEW, OLD, OMITTED, OMITTED_FIELDS
from functions.consumers.message import BACKFILL, ChangeMessage, origin_of
from functions.runtime.json_log import Json, is_object
from functions.runtime.trace import Trace, stored_trace
from functions.stream_records.attribute_values import (
    Image,
    MalformedValueError,
    PlainValue,
    base64_text,
    convert_binary,
    unmarshal_image,
)


class UnprocessableChangeError(Exception):
    """No attempt can ever process this change: it goes to the dead-letter queue at once.

    The message is the reason, in plain words and without personal data: operators read it.
    """


class RetryChangeError(Exception):
    """This change can't be processed now; a later attempt may work.

    Any other exception is retried too. This one's message is kept as the reason, in plain words and
    without personal data; of others only the type's name is.
    """


class OldAndNew(NamedTuple):
    """One attribute before and after the change; None where it didn't exist."""

    old: PlainValue
    new: PlainValue


class StoredChange(NamedTuple):
    """One change. It may come more than once: `event_id` is the same each time."""

    user_id: str
    change_id: str
    """40 digits: compared as text, a user's later change is the greater one."""
    event_id: str
    kind: str  # ADDED, UPDATED or DELETED
    actor: str
    """self for a registration, the ARN of a caller, ttl if DynamoDB's expiry deleted the user;
    caller for a write past the API."""
    occurred_at: str  # ISO 8601 in UTC with milliseconds
    version: int | None
    """The user's after the change, or the last one of a deleted user; None if the user has none."""
    changes: Mapping[str, OldAndNew]
    """The changed attributes by name; of an added or deleted user all. str, int, Decimal, bytes,
    bool, None, list, dict, or a set of str, numbers or bytes."""
    backfilled: bool
    """Whether `python -m ops backfill` added the user to the history."""
    omitted: Mapping[str, Collection[str]] = MappingProxyType({})
    """By attribute, "old" or "new" if that value existed, but isn't kept: it is None in `changes`.

    It was too large for the history (functions/activity/item_size.py; old ones are left out first),
    or its user is deleted (functions/activity/deleted_history.py)."""
    omitted_fields: int = 0
    """How many more attributes changed, of a change of thousands, that `changes` doesn't name."""
    trace: Trace | None = None
    """The request that made the change, with the caller's traceparent; None if none is known."""

    def old(self, name: str) -> PlainValue:
        """Return a changed attribute's value before the change; None if there was none."""
        change = self.changes.get(name)
        return None if change is None else change.old

    def new(self, name: str) -> PlainValue:
        """Return a changed attribute's value after the change; None if there is none."""
        change = self.changes.get(name)
        return None if change is None else change.new


def stored_change(message: ChangeMessage, item: Image) -> StoredChange:
    """Return the change that a message names, from its item as botocore returns it.

    Raises:
        UnprocessableChangeError: The item has another form than log_user_changes writes.
    """
    try:
        plain = unmarshal_image({name: convert_binary(value, base64_text) for name, value in item.items()})
    except (MalformedValueError, AttributeError, ValueError, TypeError) as error:
        raise UnprocessableChangeError(f"its item in Activity can't be read: {type(error).__name__}") from None
    changes = _changes(plain.get("changes"))
    return StoredChange(
        user_id=message.user_id,
        change_id=message.change_id,
        event_id=_text(plain, "eventId"),
        kind=_text(plain, "kind"),
        actor=_text(plain, "actor"),
        occurred_at=_text(plain, "occurredAt"),
        version=_version(plain.get("version"), changes),
        changes=changes,
        backfilled=origin_of(message.change_id) == BACKFILL,
        omitted=_omitted(plain["changes"]),
        omitted_fields=plain.get(OMITTED_FIELDS, 0),
        trace=stored_trace(item),
    )


def _changes(value: PlainValue) -> dict[str, OldAndNew]:
    if not is_object(value) or not all(is_object(sides) for sides in value.values()):
        raise UnprocessableChangeError("its item in Activity has no changes")
    return {name: OldAndNew(sides.get(OLD), sides.get(NEW)) for name, sides in value.items()}


def _omitted(changes: Mapping[str, Mapping[str, PlainValue]]) -> dict[str, frozenset[str]]:
    marked = {name: sides[OMITTED] for name, sides in changes.items() if is_object(sides.get(OMITTED))}
    return {name: frozenset(sizes) for name, sizes in marked.items()}


def _version(value: PlainValue, changes: Mapping[str, OldAndNew]) -> int | None:
    """Return the item's version; of an item from before it had one, that of its changes."""
    if value is None and "version" in changes:
        old, new = changes["version"]
        value = old if new is None else new
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value):
        return None
    return int(value)


def _text(plain: Mapping[str, PlainValue], name: str) -> str:
    value: Json = plain.get(name)
    if type(value) is not str:
        raise UnprocessableChangeError(f"its item in Activity has no {name}")
    return value
