"""Records of erased users don't come into the dead-letter queue."""

from collections.abc import Set as AbstractSet
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.activity.closing_item import deletion_note, erasure
from functions.dead_letters.envelope import FailedRecord
from functions.dead_letters.erased_users import WithoutErasedUsers
from tests.support.ops.ops_in_memory import envelope
from tests.support.records.record_processing_fakes import ActivityInMemory, DeadLettersInMemory
from tests.support.records.record_strategies import stream_record

WHEN: Any = {"occurred_at": "2026-11-28T10:42:00.000Z", "expires_at": 1_798_000_000}
USERS = ["eve", "adam", "mark", "zoe"]


def failed(position: int, user_id: str | None) -> FailedRecord:
    if user_id is None:
        return envelope({"eventID": f"none-{position}"})
    return envelope(stream_record("INSERT", position, user_id, None, {"userId": {"S": user_id}}))


def activity_of(erased: AbstractSet[str], readable: int | None) -> ActivityInMemory:
    activity = ActivityInMemory(readable=readable)
    for user_id in USERS:
        note = deletion_note(user_id, actor="arn", version=1, **WHEN)
        activity.close(erasure(user_id, actor="arn", **WHEN) if user_id in erased else note)
    return activity


@given(
    users=st.lists(st.sampled_from([*USERS, None]), max_size=12),
    erased=st.sets(st.sampled_from(USERS)),
    readable=st.none() | st.integers(0, 4),
    room_for=st.none() | st.integers(0, 12),
)
def test_what_counts_as_sent_is_in_the_queue_or_of_an_erased_user(
    users: list[str | None], erased: set[str], readable: int | None, room_for: int | None
) -> None:
    records = [failed(position, user_id) for position, user_id in enumerate(users)]
    queue = DeadLettersInMemory(room_for)

    outcome = WithoutErasedUsers(queue, activity_of(erased, readable).read).send(records)

    assert all(record.user_id not in erased for record in queue.sent)
    settled = records[: outcome.sent]
    assert queue.sent[: len(settled)] == [record for record in settled if record.user_id not in erased]
    assert {at for at in outcome.left_out if at < outcome.sent} == {
        at for at, record in enumerate(settled) if record.user_id in erased
    }
    assert (outcome.interruption is None) == (outcome.sent == len(records))
    if readable is None and room_for is None:
        assert outcome.interruption is None
