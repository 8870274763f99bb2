"""The Activity item of a change: a pure function of the stream record, so that a redelivery writes the same item."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from functions.stream_records.attribute_values import (
    AttributeValue,
    FieldChange,
    Image,
    PlainValue,
    convert_binary,
    unmarshal,
)
from functions.stream_records.user_change import SEQUENCE_NUMBER_DIGITS, UserChange

SECONDS_PER_DAY = 86_400


def change_id(sequence_number: str) -> str:
    """Return the sort key of a change: its sequence number, padded with zeros so that text order is number order."""
    return sequence_number.zfill(SEQUENCE_NUMBER_DIGITS)


def activity_item(change: UserChange, retention_days: int) -> Image:
    """Return the item for a change, typed as botocore takes it (binary as bytes).

    It expires `retention_days` after the change itself, not after its processing: a late redelivery alters nothing.
    """
    return {
        "userId": {"S": change.user_id},
        "changeId": {"S": change_id(change.sequence_number)},
        "eventId": {"S": change.event_id},
        "eventName": {"S": change.event_name},
        "kind": {"S": change.kind},
        "actor": {"S": change.actor},
        "occurredAt": {"S": change.occurred_at},
        "changes": {"M": {name: {"M": _field_change(field)} for name, field in change.changes.items()}},
        "expiresAt": {"N": str(int(change.occurred_seconds) + retention_days * SECONDS_PER_DAY)},
    }


def _field_change(field: FieldChange) -> dict[str, AttributeValue]:
    return {
        side: convert_binary(value, b64decode)
        for side, value in (("old", field.old), ("new", field.new))
        if value is not None
    }


_SHOWN = ("changeId", "kind", "occurredAt", "actor", "changes")


def activity_entry(item: Image) -> dict[str, PlainValue]:
    """Return what an item says to a reader: {changeId, kind, occurredAt, actor, changes}, in plain values.

    Args:
        item: Typed as botocore gives it (binary as bytes).
    """
    return {name: unmarshal(convert_binary(item[name], _base64_text)) for name in _SHOWN}


def _base64_text(content: bytes) -> str:
    return b64encode(content).decode("ascii")


# What the processing of a batch needs of the place that keeps the history.


class WriteOutcome(NamedTuple):
    """How far a write of changes came."""

    settled: int
    """So many of the changes, from the first on, are durable or rejected; nothing is promised of those after."""
    rejected: Mapping[int, str]
    """Of the settled ones, by position: those that can never be stored, and why."""
    interruption: str | None
    """Why it stopped before the last one; None when it didn't. Another attempt may work."""


class ActivityWriter(Protocol):
    """A keeper of changes; to write one again changes nothing."""

    def write(self, changes: Sequence[UserChange]) -> WriteOutcome:
        """Store the changes, or say how far that worked."""
        ...
