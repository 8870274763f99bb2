from datetime import UTC, datetime
from typing import Any

from functions.activity.closing_item import deletion_note, erasure
from local.page.trail import Findings, Item, assemble_trail

EVE: Item = {
    "userId": {"S": "u-1"},
    "name": {"S": "Eve"},
    "username": {"S": "toto"},
    "version": {"N": "1"},
    "createdAt": {"S": "2026-11-24T10:00:00.000Z"},
}
EVE_RENAMED: Item = {**EVE, "username": {"S": "kichwa"}, "version": {"N": "2"}}


def record(event_id: str, event_name: str, **images: Item) -> dict[str, Any]:
    return {
        "eventID": event_id,
        "eventName": event_name,
        "dynamodb": {"ApproximateCreationDateTime": datetime(2026, 11, 24, 10, tzinfo=UTC), **images},
    }


WHEN: Any = {"occurred_at": "2026-11-28T10:42:00.000Z", "expires_at": 1_798_000_000}
NOTE = deletion_note("u-1", actor="an ARN", version=2, **WHEN)
NOTHING_YET = Findings(item=None, records=[], log_messages={}, activity_items=[], dead_letter_reasons={})


def test_a_user_whose_record_has_not_been_read_is_stored_ahead_of_the_stream() -> None:
    trail = assemble_trail("u-1", NOTHING_YET._replace(item=EVE))

    assert trail.stored == {"name": "Eve", "username": "toto", "version": "1"}
    assert trail.changes == []
    assert trail.stored_ahead


def test_each_change_is_joined_to_its_log_line_its_activity_item_and_its_dead_letter() -> None:
    findings = Findings(
        item=EVE_RENAMED,
        records=[
            record("e-1", "INSERT", NewImage=EVE),
            record("e-2", "MODIFY", OldImage=EVE, NewImage=EVE_RENAMED),
            record("e-3", "REMOVE", OldImage=EVE_RENAMED),
        ],
        log_messages={"e-1": "USER ADDED:"},
        activity_items=[{"eventId": {"S": "e-1"}}, NOTE],
        dead_letter_reasons={"e-2": "schemaVersion 2 is not supported"},
    )

    added, updated, deleted = assemble_trail("u-1", findings).changes

    assert (added.kind, added.logged, added.in_activity, added.dead_letter_reason) == (
        "ADDED",
        "USER ADDED:",
        True,
        None,
    )
    assert (updated.kind, updated.logged, updated.in_activity) == ("UPDATED", None, False)
    assert updated.dead_letter_reason == "schemaVersion 2 is not supported"
    assert deleted.kind == "DELETED"


def test_a_change_that_failed_and_is_in_the_history_now_was_replayed() -> None:
    records = [record("e-1", "INSERT", NewImage=EVE), record("e-2", "MODIFY", OldImage=EVE, NewImage=EVE_RENAMED)]
    failed = NOTHING_YET._replace(records=records, dead_lettered={"e-2"}, activity_items=[{"eventId": {"S": "e-1"}}])
    replayed = failed._replace(activity_items=[*failed.activity_items, {"eventId": {"S": "e-2"}}])

    assert [change.replayed for change in assemble_trail("u-1", failed).changes] == [False, False]
    assert [change.replayed for change in assemble_trail("u-1", replayed).changes] == [False, True]


def test_a_change_shows_the_attributes_that_a_person_would_recognise() -> None:
    findings = NOTHING_YET._replace(
        item=EVE_RENAMED, records=[record("e", "MODIFY", OldImage=EVE, NewImage=EVE_RENAMED)]
    )

    trail = assemble_trail("u-1", findings)

    shown = [(field.field, field.old, field.new) for field in trail.changes[0].fields]
    assert shown == [("username", "toto", "kichwa"), ("version", "1", "2")]
    assert not trail.stored_ahead


def test_a_deleted_user_whose_deletion_was_streamed_is_not_ahead() -> None:
    trail = assemble_trail("u-1", NOTHING_YET._replace(records=[record("e", "REMOVE", OldImage=EVE)]))

    assert trail.stored is None
    assert not trail.stored_ahead


def test_a_user_read_before_a_later_record_is_not_ahead_of_the_stream() -> None:
    updated = [
        record("e-1", "INSERT", NewImage=EVE),
        record("e-2", "MODIFY", OldImage=EVE, NewImage=EVE_RENAMED),
    ]
    deleted = [*updated, record("e-3", "REMOVE", OldImage=EVE_RENAMED)]

    assert not assemble_trail("u-1", NOTHING_YET._replace(item=EVE, records=updated)).stored_ahead
    assert not assemble_trail("u-1", NOTHING_YET._replace(item=EVE_RENAMED, records=deleted)).stored_ahead


def test_of_an_erased_user_the_trail_shows_when_and_by_whom_and_nothing_else() -> None:
    """The stream holds the values for a day after."""
    findings = NOTHING_YET._replace(
        records=[record("e-1", "INSERT", NewImage=EVE), record("e-2", "REMOVE", OldImage=EVE)],
        activity_items=[{"eventId": {"S": "e-1"}}, erasure("u-1", actor="an ARN", **WHEN)],
    )

    trail = assemble_trail("u-1", findings)

    assert trail.model_dump(by_alias=True) == {
        "userId": "u-1",
        "stored": None,
        "changes": [],
        "erased": {"occurredAt": "2026-11-28T10:42:00.000Z", "actor": "an ARN"},
        "storedAhead": False,
    }
