"""What the closing items of a batch's users do to the batch."""

from collections.abc import Sequence
from typing import Any

import pytest

from functions.activity.closing_item import CLOSING_CHANGE_ID, deletion_note, erasure
from functions.activity.closing_items import KEYS_PER_READ
from functions.activity.items import ItemKey, ReadOutcome, change_id
from functions.log_user_changes.history import History
from functions.runtime.json_log import JsonObject
from functions.stream_records.user_change import parse_user_change
from tests.support.records.record_processing_fakes import ActivityInMemory, Processing
from tests.support.records.record_strategies import stream_record

ARN = "arn:aws:sts::123456789012:assumed-role/Support/eve"
WHEN: Any = {"occurred_at": "2026-11-28T10:42:00.000Z", "expires_at": 1_798_000_000}


def _image(user_id: str, version: str | None = "3") -> JsonObject:
    image: JsonObject = {"userId": {"S": user_id}, "name": {"S": f"name of {user_id}"}}
    return image if version is None else {**image, "version": {"N": version}}


def _added(position: int, user_id: str) -> JsonObject:
    return stream_record("INSERT", position, user_id, None, _image(user_id))


def _deleted(position: int, user_id: str, version: str | None = "3", *, by_ttl: bool = False) -> JsonObject:
    return stream_record("REMOVE", position, user_id, _image(user_id, version), None, by_ttl=by_ttl)


def _actors(processing: Processing) -> list[str]:
    return [item["actor"]["S"] for key, item in sorted(processing.activity.items.items()) if key[1] < CLOSING_CHANGE_ID]


def _closed_by(closing_item: JsonObject) -> Processing:
    processing = Processing()
    processing.activity.close(closing_item)
    return processing


def test_a_deletion_is_kept_and_logged_with_its_note_s_actor() -> None:
    processing = _closed_by(deletion_note("u-eve", actor=ARN, version=3, **WHEN))
    processing.process([_deleted(0, "u-eve")])
    assert _actors(processing) == [ARN]
    assert processing.log.events[0][1]["actor"] == ARN


@pytest.mark.parametrize(
    ("record", "version", "actor"),
    [
        (_deleted(0, "u-eve", "4"), 3, "caller"),  # deleted again, past the API
        (_deleted(0, "u-eve", by_ttl=True), 3, "ttl"),
        (_deleted(0, "u-eve", None), 1, ARN),  # imported without a version, which reads as 1
        (_deleted(0, "u-eve", "3.5"), 3, ARN),
        (_deleted(0, "u-other"), 3, "caller"),
        (_added(0, "u-eve"), 3, "caller"),
    ],
)
def test_a_note_speaks_for_its_own_deletion_alone(record: JsonObject, version: int, actor: str) -> None:
    processing = _closed_by(deletion_note("u-eve", actor=ARN, version=version, **WHEN))
    processing.process([record])
    assert _actors(processing) == [actor]


def test_nothing_of_an_erased_user_is_written_and_the_log_names_ids_alone() -> None:
    processing = _closed_by(erasure("u-eve", actor=ARN, **WHEN))
    records = [_added(0, "u-eve"), _added(1, "u-ann"), _deleted(2, "u-eve")]
    assert processing.process(records).response() == {"batchItemFailures": []}

    number = records[1]["dynamodb"]["SequenceNumber"]
    assert set(processing.activity.items) == {("u-eve", CLOSING_CHANGE_ID), ("u-ann", change_id(number))}
    erased = [fields for message, fields in processing.log.events if message == "RECORD OF AN ERASED USER:"]
    assert erased == [
        {"level": "INFO", "userId": "u-eve", "sequenceNumber": records[at]["dynamodb"]["SequenceNumber"]}
        for at in (0, 2)
    ]
    assert "name of u-eve" not in str(processing.log.events)


def test_a_failed_read_writes_nothing_unread_and_comes_again_from_there() -> None:
    records = [_added(position, f"u-{position // 2}") for position in range(6)]
    processing = Processing(ActivityInMemory(readable=2))
    outcome = processing.process(records)
    assert (outcome.settled, outcome.reason) == (4, "ThrottlingException")
    assert {key[0] for key in processing.activity.items} == {"u-0", "u-1"}
    assert processing.log.messages() == ["USER ADDED:"] * 4 + ["BATCH STOPPED:"]


def test_the_read_s_failure_does_not_hide_the_write_s() -> None:
    records = [_added(position, f"u-{position}") for position in range(6)]
    outcome = Processing(ActivityInMemory(room_for=1, readable=4)).process(records)
    assert outcome.settled == 1


def test_each_user_is_read_once_in_calls_of_a_hundred() -> None:
    asked: list[Sequence[ItemKey]] = []

    def read(keys: Sequence[ItemKey]) -> ReadOutcome:
        asked.append(keys)
        return ReadOutcome({}, None, frozenset())

    users = [f"u-{number}" for number in range(KEYS_PER_READ + 20)]
    changes = [parse_user_change(_added(position, user)) for position, user in enumerate([*users, *users])]
    assert History(ActivityInMemory(), read).write(changes).settled == len(changes)
    assert [len(keys) for keys in asked] == [KEYS_PER_READ, 20]
    assert [key for keys in asked for key in keys] == [(user, CLOSING_CHANGE_ID) for user in users]


@pytest.mark.parametrize("user_id", ["u" * 2049, "é" * 1025, "u-\ud800"])
def test_an_id_that_can_be_no_key_is_left_to_the_write(user_id: str) -> None:
    """DynamoDB would refuse the whole read for it."""
    processing = Processing(ActivityInMemory(readable=1))
    assert processing.process([_added(0, user_id), _added(1, "u-eve")]).settled == 2
