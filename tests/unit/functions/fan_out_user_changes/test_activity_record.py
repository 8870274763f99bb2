"""Records of Activity's stream: a new item is a change, or is refused with a reason."""

from collections.abc import Callable
from copy import deepcopy

import pytest

from functions.activity.closing_item import deletion_note, erasure
from functions.fan_out_user_changes.activity_record import read_activity_record
from functions.runtime.json_log import Json, JsonObject
from functions.stream_records.user_change import UnprocessableRecordError
from ops.users.backfill_records import backfill_change
from tests.support.records.consumer_messages import activity_record, message_of
from tests.support.records.record_strategies import STREAM_ARN, stream_record

EVE: JsonObject = {"userId": {"S": "u-eve"}, "email": {"S": "toto@example.com"}, "version": {"N": "1"}}
ADDED = stream_record("INSERT", 0, "u-eve", None, EVE)


@pytest.mark.parametrize(
    "record",
    [ADDED, stream_record("MODIFY", 1, "u-eve", EVE, EVE), stream_record("REMOVE", 2, "u-eve", EVE, None)],
    ids=["ADDED", "UPDATED", "DELETED"],
)
def test_a_new_item_of_any_kind_is_a_change(record: JsonObject) -> None:
    assert read_activity_record(activity_record(record)) == message_of(record)


def test_a_backfilled_user_is_told_from_a_change() -> None:
    backfilled = backfill_change(EVE, STREAM_ARN, "eu-west-1").record
    assert [message_of(record).origin for record in (ADDED, backfilled)] == ["change", "backfill"]
    read = read_activity_record(activity_record(backfilled))
    assert read is not None
    assert read.origin == "backfill"


@pytest.mark.parametrize("closing_item", [deletion_note, erasure])
def test_the_closing_item_of_a_history_is_no_change(closing_item: Callable[..., JsonObject]) -> None:
    version = {"version": 3} if closing_item is deletion_note else {}
    item = closing_item("u-eve", actor="a", occurred_at="2026-11-24T00:00:00.000Z", expires_at=1, **version)
    assert read_activity_record({"eventName": "INSERT", "dynamodb": {"NewImage": item}}) is None


def _changed(**image: Json) -> JsonObject:
    record = deepcopy(activity_record(ADDED))
    for name, value in image.items():
        record["dynamodb"]["NewImage"][name] = value
    return record


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (None, "isn't an object"),
        ({}, "the record has no eventName"),
        ({"eventName": "TRUNCATE"}, "eventName 'TRUNCATE' is not INSERT"),
        ({"eventName": "INSERT", "dynamodb": {}}, "the record has no NewImage"),
        (_changed(userId={"N": "1"}), "the record has no S"),
        (_changed(changeId={"S": "17"}), "changeId must be 40 digits"),
        (_changed(kind={"S": "MERGED"}), "kind must be one of ADDED, DELETED, UPDATED"),
        (_changed(eventId={"S": ""}), "must be strings that aren't empty"),
        (_changed(occurredAt={"S": 5}), "must be strings that aren't empty"),
        (_changed(userId={"S": "u" * 2049}), "userId is longer than 2048 bytes"),
        (_changed(kind="ADDED"), "isn't an object"),
    ],
)
def test_anything_else_is_refused_with_a_reason(record: Json, reason: str) -> None:
    with pytest.raises(UnprocessableRecordError, match=reason):
        read_activity_record(record)
