"""What became of each change of one user, put together from what the stack's own services hold. Pure.

A change is stored in Users, streamed as a record, logged as a line, and ends in Activity or in the dead-letter queue.
Its stream record's `eventID` is the thread through all of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from functions.stream_records.image_diff import diff_images
from functions.stream_records.user_change import KIND_OF_EVENT

SHOWN_FIELDS = ("name", "email", "username", "version", "schemaVersion")
"""The attributes whose change is worth a line on the page; dates and digests change with every write."""

Item = Mapping[str, Mapping[str, Any]]
"""An item as the DynamoDB API gives it: attribute name to a typed value, `{"name": {"S": "Eve"}}`."""


class _Shown(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class LogLine(_Shown):
    """One line of LogUserChangesFunction about this user."""

    event_id: str
    message: str


class FailedChange(_Shown):
    """One envelope of the dead-letter queue about this user."""

    event_id: str
    reason: str


class FieldChange(_Shown):
    """One attribute before and after, as text; None where it wasn't there."""

    field: str
    old: str | None
    new: str | None


class TrailedChange(_Shown):
    """One change and how far it has come; a step that hasn't happened is None or False."""

    event_id: str
    kind: str
    """ADDED, UPDATED or DELETED."""
    streamed_at: str
    fields: list[FieldChange]
    logged: str | None
    in_activity: bool
    set_aside: str | None
    """Why it is in the dead-letter queue."""


class UserTrail(_Shown):
    """What the page shows of one user: the item as it is stored now, and every change, oldest first."""

    user_id: str
    stored: dict[str, str] | None
    changes: list[TrailedChange]
    stored_ahead: bool
    """True while Users holds a version whose stream record hasn't been read yet."""


class Findings(NamedTuple):
    """What the stack's services hold about one user at one moment."""

    item: Item | None
    """The user in Users."""
    records: Sequence[Mapping[str, Any]]
    """The user's stream records in stream order, as GetRecords gives them."""
    log_lines: Sequence[LogLine]
    activity_event_ids: frozenset[str]
    """`eventId` of the user's Activity items."""
    failed: Sequence[FailedChange]
    """The user's envelopes in the dead-letter queue."""


def assemble_trail(user_id: str, findings: Findings) -> UserTrail:
    """Put one user's trail together: each change joined to its log line, Activity item and envelope by event id.

    Args:
        user_id: whose trail.
        findings: what there is to know of that user.
    """
    item, records, log_lines, activity_event_ids, failed = findings
    logged = {line.event_id: line.message for line in log_lines}
    set_aside = {change.event_id: change.reason for change in failed}
    changes = [
        TrailedChange(
            event_id=record["eventID"],
            kind=KIND_OF_EVENT[record["eventName"]],
            streamed_at=record["dynamodb"]["ApproximateCreationDateTime"].isoformat(),
            fields=_field_changes(record["dynamodb"]),
            logged=logged.get(record["eventID"]),
            in_activity=record["eventID"] in activity_event_ids,
            set_aside=set_aside.get(record["eventID"]),
        )
        for record in records
    ]
    # Any of them: the item was read before the stream, which may know a later change by now.
    streamed_images = [record["dynamodb"].get("NewImage") for record in records]
    return UserTrail(
        user_id=user_id,
        stored=None if item is None else _texts(item),
        changes=changes,
        stored_ahead=item is not None and item not in streamed_images,
    )


def _field_changes(record: Mapping[str, Any]) -> list[FieldChange]:
    changes = diff_images(record.get("OldImage"), record.get("NewImage"))
    return [
        FieldChange(field=field, old=_text(changes[field].old), new=_text(changes[field].new))
        for field in SHOWN_FIELDS
        if field in changes
    ]


def _texts(item: Item) -> dict[str, str]:
    return {field: text for field in SHOWN_FIELDS if (text := _text(item.get(field))) is not None}


def _text(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else str(next(iter(value.values())))
