"""Every pointer of the failure queue becomes full envelopes, and nothing is dropped."""

import json
from copy import deepcopy

import pytest

from functions.activity.closing_item import deletion_note
from functions.dead_letters.envelope import FailedRecord
from functions.rescue_failed_batches.rescue import Rescue
from functions.rescue_failed_batches.shard_reader import ShardReader
from functions.runtime.aws import read_records_as_json
from functions.runtime.json_log import Json, JsonObject
from tests.support.aws.aws_wire import Failure, Wire, in_turn
from tests.support.records.record_processing_fakes import FUNCTION_ARN, DeadLettersInMemory, LogInMemory, ManualClock
from tests.support.records.record_strategies import STREAM_ARN, stream_record
from tests.support.records.shard_in_memory import SHARD_ID, ShardInMemory

RESCUE_ARN = "arn:aws:lambda:eu-west-1:000000000000:function:RescueFailedBatchesFunction-test"
IMAGE = {"userId": {"S": "u-1"}, "photo": {"B": "AQI="}, "version": {"N": "12345678901234567890123456789012345678"}}
RECORDS = [
    stream_record("INSERT", 0, "u-1", None, IMAGE),
    stream_record("MODIFY", 1, "u-1", IMAGE, IMAGE | {"schemaVersion": {"N": "2"}}),
    stream_record("REMOVE", 2, "u-1", IMAGE, None, by_ttl=True),
    stream_record("INSERT", 3, "u-2", None, IMAGE),
    stream_record("MODIFY", 4, "u-2", IMAGE, IMAGE),
]


def _number(position: int) -> str:
    return RECORDS[position]["dynamodb"]["SequenceNumber"]


def _document(first: int, last: int, *, batch_size: int | None = None, **changes: Json) -> JsonObject:
    return {
        "requestContext": {
            "requestId": "5a2d3c1f-0000-4000-8000-000000000000",
            "functionArn": FUNCTION_ARN,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2026-11-24T00:10:00.123Z",
        "DDBStreamBatchInfo": {
            "shardId": SHARD_ID,
            "startSequenceNumber": _number(first),
            "endSequenceNumber": _number(last),
            "approximateArrivalOfFirstRecord": "2026-11-24T00:00:00Z",
            "approximateArrivalOfLastRecord": "2026-11-24T00:00:04Z",
            "batchSize": batch_size or last - first + 1,
            "streamArn": STREAM_ARN,
        },
        **changes,
    }


@pytest.fixture(scope="module")
def wire() -> Wire:
    return Wire("dynamodbstreams", lambda _: {}, read_records_as_json)


class Rescuing:
    """A rescue over a shard in memory."""

    def __init__(self, wire: Wire) -> None:
        self.shard = ShardInMemory(RECORDS, page_size=2)
        self.dead_letters = DeadLettersInMemory()
        self.log = LogInMemory()
        self.clock = ManualClock()
        self.wire = wire
        wire.answer = self.shard.answer

    def rescue(self, *bodies: JsonObject | str) -> list[str]:
        """Rescue messages m0, m1, ...; return those that must stay."""
        messages = [
            {"messageId": f"m{number}", "body": body if isinstance(body, str) else json.dumps(body)}
            for number, body in enumerate(bodies)
        ]
        reader = ShardReader(self.wire.client, self.clock)
        rescue = Rescue(
            reader,
            self.dead_letters,
            self.log,
            self.clock,
            own_function=RESCUE_ARN,
            tables=["Users-test", "Activity-test"],
        )
        return rescue.rescue_all(messages)

    def sent_records(self) -> list[Json]:
        return [failed.record for failed in self.dead_letters.sent]


@pytest.fixture
def rescuing(wire: Wire) -> Rescuing:
    return Rescuing(wire)


def test_each_record_of_the_batch_gets_a_full_envelope(rescuing: Rescuing) -> None:
    assert rescuing.rescue(_document(1, 3)) == []
    assert rescuing.sent_records() == RECORDS[1:4]
    envelope = rescuing.dead_letters.sent[0]
    assert envelope == FailedRecord(
        failure_id=RECORDS[1]["eventID"],
        kind="exhausted",
        reason="the function failed on it until the mapping's retries were used up",
        condition="RetryAttemptsExhausted",
        record=RECORDS[1],
        pointer=envelope.pointer,
        attempts=3,
        source_function=FUNCTION_ARN,
        event_source_arn=STREAM_ARN,
        shard_id=SHARD_ID,
        sequence_number=_number(1),
        user_id="u-1",
        first_failed_at="2026-11-24T00:10:00.123Z",
        last_failed_at="2026-11-24T00:10:00.123Z",
    )
    assert envelope.pointer is not None
    assert (envelope.pointer.start_sequence_number, envelope.pointer.end_sequence_number) == (_number(1), _number(3))
    assert rescuing.log.messages() == ["BATCH RESCUED:"]
    assert rescuing.log.events[0][1]["records"] == 3


def test_a_record_that_was_too_old_at_once_has_no_attempts(rescuing: Rescuing) -> None:
    document = _document(0, 0)
    document["requestContext"] |= {"condition": "RecordAgeExceeded", "approximateInvokeCount": 1}
    del document["responseContext"]
    assert rescuing.rescue(document) == []
    (envelope,) = rescuing.dead_letters.sent
    assert (envelope.kind, envelope.attempts, envelope.condition) == ("expired", 0, "RecordAgeExceeded")
    assert envelope.reason == "it grew older than the mapping allows before it was processed"


def test_records_of_other_batches_in_the_range_are_rescued_and_marked(rescuing: Rescuing) -> None:
    """With a parallelization factor above 1, a batch's range also spans records of other items."""
    assert rescuing.rescue(_document(0, 4, batch_size=3)) == []
    assert rescuing.sent_records() == RECORDS
    assert all("may have been processed already" in failed.reason for failed in rescuing.dead_letters.sent)


def test_records_in_the_message_are_no_records_of_the_stream(rescuing: Rescuing) -> None:
    """A mapping sends none to a queue: whoever may send to it does."""
    other = stream_record("INSERT", 1, "u-1", None, IMAGE | {"name": {"S": "somebody else"}})
    assert rescuing.rescue(_document(1, 1, payload=json.dumps({"Records": [other]}))) == []
    assert rescuing.sent_records() == RECORDS[1:2]


def test_a_pointer_into_another_stream_is_kept_and_never_followed(rescuing: Rescuing) -> None:
    rescuing.wire.answer = in_turn(Failure("AccessDeniedException"))
    document = _document(1, 3)
    document["DDBStreamBatchInfo"]["streamArn"] = STREAM_ARN.replace("000000000000", "999999999999")
    rescuing.wire.requests.clear()
    assert rescuing.rescue(document) == []
    (kept,) = rescuing.dead_letters.sent
    assert (kept.kind, kept.source_function, kept.document) == ("lost", RESCUE_ARN, json.dumps(document))
    assert kept.reason.endswith("streamArn is no stream of this stack's tables")
    assert rescuing.wire.requests == []


@pytest.mark.parametrize(("trimmed", "found"), [(2, 2), (5, 0)])
def test_trimmed_records_leave_an_envelope_with_the_pointer(rescuing: Rescuing, trimmed: int, found: int) -> None:
    rescuing.shard = ShardInMemory(RECORDS, closed=True)
    rescuing.wire.answer = rescuing.shard.answer
    rescuing.shard.trimmed = trimmed
    assert rescuing.rescue(_document(1, 3)) == []
    *rescued, lost = rescuing.dead_letters.sent
    assert [failed.record for failed in rescued] == RECORDS[4 - found : 4]
    assert (lost.kind, lost.record, lost.failure_id) == ("lost", None, f"{SHARD_ID}:{_number(1)}")
    assert lost.pointer is not None
    assert lost.pointer.batch_size == 3
    assert lost.reason.startswith(f"of a batch of 3, {found} could still be read and the others could not")
    assert rescuing.log.messages() == ["BATCH RESCUED:", "RECORDS LOST:"]


def test_a_trimmed_first_record_is_noticed_among_other_batches_records(rescuing: Rescuing) -> None:
    rescuing.shard.trimmed = 1
    assert rescuing.rescue(_document(0, 4, batch_size=2)) == []
    assert rescuing.sent_records() == [*RECORDS[1:], None]
    assert rescuing.dead_letters.sent[-1].kind == "lost"


def test_a_deleted_stream_leaves_an_envelope_with_the_pointer(rescuing: Rescuing) -> None:
    document = _document(1, 3)
    document["DDBStreamBatchInfo"]["streamArn"] = STREAM_ARN.replace("2026", "2025")
    assert rescuing.rescue(document) == []
    (lost,) = rescuing.dead_letters.sent
    assert lost.kind == "lost"
    assert "Stream not found" in lost.reason


@pytest.mark.parametrize("body", ["hello", "", "{}", "[1]"])
def test_an_unreadable_message_is_kept_as_it_is(rescuing: Rescuing, body: str) -> None:
    assert rescuing.rescue(body, body) == []
    first, again = rescuing.dead_letters.sent
    assert (first.kind, first.document, first.source_function) == ("lost", body, RESCUE_ARN)
    assert first.reason.startswith("the failure message points to no records")
    assert first.failure_id == again.failure_id
    assert rescuing.log.messages() == ["FAILURE MESSAGE UNREADABLE:"] * 2


def test_a_message_stays_until_all_of_its_records_are_sent(rescuing: Rescuing) -> None:
    rescuing.dead_letters.room_for = 1
    bodies = [_document(0, 2), _document(3, 3), "hello"]
    assert rescuing.rescue(*bodies) == ["m0", "m1", "m2"]
    rescuing.dead_letters.room_for = None
    assert rescuing.rescue(*bodies) == []
    assert set(rescuing.dead_letters.by_id()) >= {record["eventID"] for record in RECORDS[:4]}
    assert len(rescuing.dead_letters.by_id()) == 5


def test_an_unreadable_shard_does_not_block_the_other_messages(rescuing: Rescuing) -> None:
    rescuing.wire.answer = in_turn(Failure("LimitExceededException"), rescuing.shard.answer)
    assert rescuing.rescue(_document(0, 1), _document(2, 3)) == ["m0"]
    assert rescuing.sent_records() == RECORDS[2:4]
    assert rescuing.log.events[0] == (
        "MESSAGE NOT RESCUED YET:",
        {"level": "WARNING", "messageId": "m0", "reason": "GetShardIterator: LimitExceededException"},
    )


def test_the_remaining_messages_stay_when_the_time_is_nearly_over(rescuing: Rescuing) -> None:
    rescuing.clock = ManualClock(remaining=30)

    def slow(request: JsonObject) -> Json:
        rescuing.clock.pass_by(9)
        return rescuing.shard.answer(request)

    rescuing.wire.answer = slow
    assert rescuing.rescue(_document(0, 1), _document(2, 3), _document(4, 4)) == ["m1", "m2"]
    assert rescuing.sent_records() == RECORDS[:2]


def test_a_short_timeout_leaves_time_to_rescue(rescuing: Rescuing) -> None:
    rescuing.clock = ManualClock(remaining=3)
    assert rescuing.rescue(_document(0, 1)) == []
    assert rescuing.sent_records() == RECORDS[:2]


def test_a_second_rescue_sends_the_same_envelopes(rescuing: Rescuing) -> None:
    rescuing.rescue(_document(0, 4))
    once = list(rescuing.dead_letters.sent)
    rescuing.rescue(deepcopy(_document(0, 4)))
    assert rescuing.dead_letters.sent == [*once, *once]


def test_of_a_filtered_mapping_only_the_records_that_it_delivers_are_rescued(rescuing: Rescuing) -> None:
    """Not items that only changed or expired, nor the closing item of a history."""
    note = deletion_note("u-1", actor="a", version=1, occurred_at="2026-11-24T00:00:00.000Z", expires_at=1)
    images = [IMAGE | {"kind": {"S": "ADDED"}}, IMAGE | {"kind": {"S": "DELETED"}}, note, IMAGE]
    new = [stream_record("INSERT", position, "u-1", None, image) for position, image in enumerate(images)]
    rescuing.shard = ShardInMemory([*new[:3], RECORDS[1] | {"dynamodb": {**new[3]["dynamodb"]}}], page_size=2)
    rescuing.wire.answer = rescuing.shard.answer
    document = _document(0, 3, batch_size=2)
    document["requestContext"]["functionArn"] = FUNCTION_ARN.replace("LogUserChanges", "FanOutUserChanges")
    assert rescuing.rescue(document) == []
    assert rescuing.sent_records() == new[:2]
    assert [failed.failure_id for failed in rescuing.dead_letters.sent] == [
        f"fan-out-user-changes.{record['eventID']}" for record in new[:2]
    ]
    assert {failed.reason for failed in rescuing.dead_letters.sent} == {
        "the function failed on it until the mapping's retries were used up"
    }
