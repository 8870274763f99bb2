"""The closing item of a history: a note of a deletion, or the marker of an erasure."""

from functions.activity.closing_item import (
    CLOSING_CHANGE_ID,
    deleted_by,
    deletion_note,
    erasure,
    is_deletion_note,
    is_erasure,
)
from functions.activity.items import activity_entry
from functions.consumers.message import CHANGE_ID
from functions.stream_records.user_change import SEQUENCE_NUMBER_DIGITS

ARN = "arn:aws:sts::123456789012:assumed-role/Support/eve"
MOMENT = "2026-11-28T10:42:00.000Z"
NOTE = deletion_note("u-eve", actor=ARN, version=3, occurred_at=MOMENT, expires_at=1_798_000_000)
ERASURE = erasure("u-eve", actor=ARN, occurred_at=MOMENT, expires_at=1_798_000_000)


def test_its_key_sorts_behind_every_change() -> None:
    assert CHANGE_ID.fullmatch(CLOSING_CHANGE_ID)
    assert len(CLOSING_CHANGE_ID) == SEQUENCE_NUMBER_DIGITS
    assert int(CLOSING_CHANGE_ID) == 10**SEQUENCE_NUMBER_DIGITS - 1


def test_a_note_tells_who_deleted_that_version_alone() -> None:
    assert deleted_by(NOTE, 3) == ARN
    assert deleted_by(NOTE, 2) is None
    assert deleted_by(NOTE, 4) is None
    assert deleted_by({**NOTE, "version": {"S": "3"}}, 3) is None
    assert deleted_by({**NOTE, "actor": {"N": "3"}}, 3) is None


def test_an_erasure_tells_no_deleter() -> None:
    assert deleted_by(ERASURE, 3) is None
    assert deleted_by({**ERASURE, "version": {"N": "3"}}, 3) is None


def test_the_two_are_told_apart() -> None:
    assert (is_deletion_note(NOTE), is_erasure(NOTE)) == (True, False)
    assert (is_deletion_note(ERASURE), is_erasure(ERASURE)) == (False, True)


def test_an_erasure_shows_when_and_by_whom_and_nothing_else() -> None:
    assert activity_entry(ERASURE) == {
        "changeId": CLOSING_CHANGE_ID,
        "kind": "ERASED",
        "occurredAt": MOMENT,
        "actor": ARN,
        "changes": {},
    }
