"""The envelope: pydantic, with which ops reads it, reads what the functions write."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from functions.dead_letters.envelope import FailedRecord, StreamPointer, identify_record
from functions.runtime.json_log import Json
from tests.support.records.consumer_messages import CONSUMER_ARN, QUEUE_ARN, message_of, queue_record, redriven
from tests.support.records.record_strategies import histories, texts, unaddressable_records

ENVELOPE = TypeAdapter(FailedRecord)

json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
pointers = st.builds(
    StreamPointer,
    stream_arn=texts(),
    shard_id=texts(),
    start_sequence_number=st.integers(0, 10**40 - 1).map(str),
    end_sequence_number=st.integers(0, 10**40 - 1).map(str),
    batch_size=st.integers(1, 10_000),
)
optional_texts = st.none() | texts()
failed_records = st.builds(
    FailedRecord,
    failure_id=texts(min_size=1),
    kind=st.sampled_from(["permanent", "exhausted", "expired", "lost"]),
    reason=texts(),
    condition=optional_texts,
    record=json_values,
    pointer=st.none() | pointers,
    attempts=st.integers(0, 10_000),
    source_function=texts(),
    event_source_arn=optional_texts,
    shard_id=optional_texts,
    sequence_number=optional_texts,
    user_id=optional_texts,
    first_failed_at=texts(),
    last_failed_at=texts(),
    record_location=optional_texts,
    document=st.none() | st.text(),
)


@given(failed_records)
def test_an_envelope_comes_back_as_it_was(failed: FailedRecord) -> None:
    text = failed.to_json()
    assert text.isascii()
    assert ENVELOPE.validate_json(text) == failed


@given(failed_records)
def test_pydantic_writes_what_the_functions_write(failed: FailedRecord) -> None:
    assert json.loads(ENVELOPE.dump_json(failed, by_alias=True)) == json.loads(failed.to_json())


@given(failed_records)
def test_an_envelope_of_another_version_or_form_is_refused(failed: FailedRecord) -> None:
    envelope = json.loads(failed.to_json())
    for broken, complaint in (
        (envelope | {"envelopeVersion": 2}, r"envelopeVersion\s+Input should be 1"),
        (envelope | {"colour": "red"}, r"colour\s+Unexpected keyword argument"),
        ({name: value for name, value in envelope.items() if name != "failureId"}, r"failureId\s+Field required"),
    ):
        with pytest.raises(ValidationError, match=complaint):
            ENVELOPE.validate_json(json.dumps(broken))


@pytest.mark.parametrize(("text", "complaint"), [("", "Invalid JSON"), ("[]", "an object"), ("{}", "Field required")])
def test_a_text_that_is_no_envelope_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        ENVELOPE.validate_json(text)


def test_the_names_are_the_documented_ones() -> None:
    failed = FailedRecord(
        failure_id="e1",
        kind="exhausted",
        reason="why",
        attempts=3,
        source_function="arn:f",
        first_failed_at="2026-11-24T00:00:00.000Z",
        last_failed_at="2026-11-24T00:00:00.000Z",
        pointer=StreamPointer(
            stream_arn="arn:s", shard_id="shard", start_sequence_number="1", end_sequence_number="2", batch_size=2
        ),
    )
    assert json.loads(failed.to_json()) == {
        "envelopeVersion": 1,
        "failureId": "e1",
        "kind": "exhausted",
        "reason": "why",
        "condition": None,
        "record": None,
        "pointer": {
            "streamArn": "arn:s",
            "shardId": "shard",
            "startSequenceNumber": "1",
            "endSequenceNumber": "2",
            "batchSize": 2,
        },
        "attempts": 3,
        "sourceFunction": "arn:f",
        "eventSourceArn": None,
        "shardId": None,
        "sequenceNumber": None,
        "userId": None,
        "firstFailedAt": "2026-11-24T00:00:00.000Z",
        "lastFailedAt": "2026-11-24T00:00:00.000Z",
        "recordLocation": None,
        "document": None,
    }
    assert replace(failed, kind="lost") != failed


@given(histories(min_size=1))
def test_a_record_is_identified_by_its_event_id(records: list[Json]) -> None:
    for record in records:
        identity = identify_record(record)
        assert identity.failure_id == record["eventID"]
        assert identity.sequence_number == record["dynamodb"]["SequenceNumber"]
        assert identity.user_id == record["dynamodb"]["Keys"]["userId"]["S"]
        assert identity.event_source_arn == record["eventSourceARN"]


@given(unaddressable_records() | json_values)
def test_a_record_without_event_id_is_identified_by_its_content(record: Json) -> None:
    identity = identify_record(record)
    assert identity.failure_id == identify_record(json.loads(json.dumps(record))).failure_id
    assert identity.failure_id.startswith("sha256-")


@pytest.mark.parametrize("event_id", ["", "a b", "../../etc", "x" * 129, "é", 7])
def test_an_event_id_that_cannot_name_an_object_is_not_used(event_id: Json) -> None:
    assert identify_record({"eventID": event_id}).failure_id.startswith("sha256-")


@given(histories(min_size=1), st.integers(1, 5))
def test_a_message_of_a_queue_has_one_identity_however_often_it_comes(history: list[Json], receives: int) -> None:
    for record in history:
        identity = identify_record(queue_record(record, receives), CONSUMER_ARN)
        assert identity == identify_record(redriven(queue_record(record)), CONSUMER_ARN)
        assert identity.failure_id == f"welcome-new-users.{record['eventID']}"
        assert identity.sequence_number == message_of(record).change_id
        assert identity.user_id == record["dynamodb"]["Keys"]["userId"]["S"]
        assert identity.event_source_arn == QUEUE_ARN


@given(histories(min_size=1))
def test_each_consumer_of_a_change_has_a_failure_of_its_own(history: list[Json]) -> None:
    functions = ["LogUserChangesFunction-test", "FanOutUserChangesFunction-test", "WelcomeNewUsersFunction-test"]
    for record in history:
        ids = [identify_record(record, f"arn:aws:lambda:eu-west-1:1:function:{name}").failure_id for name in functions]
        event_id = record["eventID"]
        assert ids == [event_id, f"fan-out-user-changes.{event_id}", f"welcome-new-users.{event_id}"]


@pytest.mark.parametrize("body", ["hello", "[]", '{"eventId": "../../etc"}', "[" * 100_000])
def test_a_message_that_names_no_change_is_identified_by_its_own_id(body: str) -> None:
    record = {"eventSource": "aws:sqs", "messageId": "m-1", "body": body, "receiptHandle": "r"}
    assert identify_record(record, CONSUMER_ARN).failure_id == "welcome-new-users.m-1"
    without = {"eventSource": "aws:sqs", "body": body}
    assert identify_record(without).failure_id == identify_record({**without, "receiptHandle": "r"}).failure_id


def test_an_id_that_is_too_long_with_its_consumer_is_a_digest() -> None:
    long = {"eventID": "e" * 120}
    assert len({identify_record(long).failure_id, identify_record(long, CONSUMER_ARN).failure_id}) == 2
    assert identify_record(long, CONSUMER_ARN).failure_id.startswith("sha256-")
