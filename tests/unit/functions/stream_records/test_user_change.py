"""What is read out of a stream record, and why a record is refused."""

import re
from typing import Any

import pytest

from functions.runtime.json_log import Json, JsonObject
from functions.stream_records.attribute_values import AttributeChange
from functions.stream_records.user_change import (
    UnknownEventError,
    UnprocessableRecordError,
    parse_user_change,
)
from tests.support.records.record_strategies import WAYS_TO_BREAK, broken_record, stream_record

EVE = {"userId": {"S": "u-eve"}, "username": {"S": "toto"}, "version": {"N": "1"}}
RENAMED = {"userId": {"S": "u-eve"}, "username": {"S": "kichwa"}, "version": {"N": "2"}, "schemaVersion": {"N": "1"}}


def test_an_insert_is_an_added_user() -> None:
    change = parse_user_change(stream_record("INSERT", 0, "u-eve", None, EVE))
    assert (change.kind, change.event_name, change.actor, change.user_id) == ("ADDED", "INSERT", "caller", "u-eve")
    assert change.new == {"userId": "u-eve", "username": "toto", "version": 1}
    assert change.old is None
    assert change.changes == {name: AttributeChange(None, value) for name, value in EVE.items()}
    assert change.sequence_number == "9700001729061958505432"
    assert change.occurred_at == "2026-11-24T00:00:00.000Z"


def test_a_modify_is_an_updated_user() -> None:
    change = parse_user_change(stream_record("MODIFY", 1, "u-eve", EVE, RENAMED))
    assert change.kind == "UPDATED"
    assert list(change.changes) == ["username", "version", "schemaVersion"]
    assert change.changes["username"] == AttributeChange({"S": "toto"}, {"S": "kichwa"})


def test_a_deleted_user_was_deleted_by_a_caller_or_by_expiry() -> None:
    by_caller = parse_user_change(stream_record("REMOVE", 2, "u-eve", EVE, None))
    by_ttl = parse_user_change(stream_record("REMOVE", 2, "u-eve", EVE, None, by_ttl=True))
    assert (by_caller.kind, by_caller.actor) == ("DELETED", "caller")
    assert (by_ttl.kind, by_ttl.actor) == ("DELETED", "ttl")


def test_only_dynamodbs_own_deletion_is_an_expiry() -> None:
    other_service = stream_record("REMOVE", 2, "u-eve", EVE, None, by_ttl=True)
    other_service["userIdentity"]["principalId"] = "replication.amazonaws.com"
    assert parse_user_change(other_service).actor == "caller"
    inserted = stream_record("INSERT", 2, "u-eve", None, EVE, by_ttl=True)
    assert parse_user_change(inserted).actor == "caller"


@pytest.mark.parametrize("reason", WAYS_TO_BREAK)
@pytest.mark.parametrize(
    "record",
    [
        stream_record("INSERT", 0, "u-eve", None, EVE),
        stream_record("MODIFY", 1, "u-eve", EVE, RENAMED),
        stream_record("REMOVE", 2, "u-eve", RENAMED, None),
    ],
    ids=["insert", "modify", "remove"],
)
def test_a_record_that_can_never_be_processed_is_refused_with_the_reason(record: JsonObject, reason: str) -> None:
    with pytest.raises(UnprocessableRecordError, match=re.escape(reason)):
        parse_user_change(broken_record(record, reason))


def test_a_backfilled_record_of_before_1970_has_a_place_in_the_history() -> None:
    record = stream_record("INSERT", 0, "u-eve", None, EVE)
    record["dynamodb"]["ApproximateCreationDateTime"] = -8_141_385_600  # 1712-01-01
    assert parse_user_change(record).occurred_at == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize("event_name", ["", None, 7, ["INSERT"]])
def test_an_event_name_must_be_text(event_name: Json) -> None:
    record = stream_record("INSERT", 0, "u-eve", None, EVE) | {"eventName": event_name}
    with pytest.raises(UnprocessableRecordError, match="eventName must be a string"):
        parse_user_change(record)


def test_an_unknown_event_has_an_error_of_its_own() -> None:
    with pytest.raises(UnknownEventError, match="eventName 'TRUNCATE' is not INSERT, MODIFY, REMOVE"):
        parse_user_change({"eventName": "TRUNCATE"})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"SequenceNumber": None}, "SequenceNumber must be a string of 1 to 40 digits"),
        ({"SequenceNumber": "12a"}, "SequenceNumber must be a string of 1 to 40 digits"),
        ({"SequenceNumber": "1" * 41}, "SequenceNumber must be a string of 1 to 40 digits"),
        ({"SequenceNumber": "\u0661"}, "SequenceNumber must be a string of 1 to 40 digits"),
        ({"Keys": []}, "the record or a part of it isn't an object"),
        ({"Keys": {"userId": "u"}}, "the record or a part of it isn't an object"),
        ({"Keys": {"userId": {"S": ""}}}, "userId in Keys must be a string"),
        ({"NewImage": None}, "NewImage: expected an object of attributes, found null"),
        ({"ApproximateCreationDateTime": True}, "ApproximateCreationDateTime must be seconds"),
        ({"ApproximateCreationDateTime": -1e11}, "ApproximateCreationDateTime must be seconds"),
        ({"ApproximateCreationDateTime": 1e300}, "ApproximateCreationDateTime must be seconds"),
        ({"ApproximateCreationDateTime": float("nan")}, "ApproximateCreationDateTime must be seconds"),
        ({"NewImage": {"schemaVersion": {"BOOL": True}}}, "schemaVersion must be a number"),
        ({"NewImage": {"schemaVersion": {"N": "1.5"}}}, "schemaVersion 1.5 is not supported"),
    ],
)
def test_a_mistyped_part_is_refused_with_the_reason(body: dict[str, Any], reason: str) -> None:
    record = stream_record("INSERT", 0, "u-eve", None, EVE)
    record["dynamodb"] |= body
    with pytest.raises(UnprocessableRecordError, match=re.escape(reason)):
        parse_user_change(record)


@pytest.mark.parametrize("record", [None, 17, "text", [], {}, {"eventName": "INSERT", "eventID": "1", "dynamodb": 1}])
def test_any_json_that_is_no_record_is_refused(record: Json) -> None:
    with pytest.raises(UnprocessableRecordError, match=r"has no|isn't an object"):
        parse_user_change(record)


def test_an_old_image_of_an_unsupported_version_is_refused() -> None:
    record = stream_record("MODIFY", 1, "u-eve", EVE | {"schemaVersion": {"N": "2"}}, RENAMED)
    with pytest.raises(UnprocessableRecordError, match="schemaVersion 2 is not supported"):
        parse_user_change(record)
