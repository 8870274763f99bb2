"""The dead-letter queue at the wire: limits, partial failures, records too large for a message."""

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from functions.dead_letters.envelope import FailedRecord, SendOutcome
from functions.dead_letters.queue import BYTES_PER_CALL, DeadLetterQueue, queue_from_environment
from functions.runtime import aws as aws_clients
from functions.runtime.json_log import JsonObject
from tests.support.aws.aws_wire import Answer, Failure, Responder, Wire, in_turn
from tests.support.aws.s3_wire import S3Wire
from tests.support.records.record_processing_fakes import ManualClock, read_envelope

QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/000000000000/UserChangesDeadLetterQueue-test"
BUCKET = "userstream-failures-test-use1-000000000000"
OWNER = "000000000000"


def _failed(number: int, size: int = 0) -> FailedRecord:
    return FailedRecord(
        failure_id=f"event-{number}",
        kind="permanent",
        reason="schemaVersion 2 is not supported",
        record={"eventID": f"event-{number}", "filler": "x" * size},
        attempts=1,
        source_function="arn:f",
        first_failed_at="2026-11-24T00:00:00.000Z",
        last_failed_at="2026-11-24T00:00:00.000Z",
    )


def _ids(request: JsonObject) -> list[str]:
    return [json.loads(entry["MessageBody"])["failureId"] for entry in request["Entries"]]


def _sqs_size(request: JsonObject) -> int:
    """Return what SQS counts: bodies, and names, types and values of attributes."""
    return sum(
        len(entry["MessageBody"].encode())
        + sum(
            len(name) + len(attribute["DataType"]) + len(attribute["StringValue"])
            for name, attribute in entry["MessageAttributes"].items()
        )
        for entry in request["Entries"]
    )


class Bucket:
    """Objects by bucket and key, as the real client takes them."""

    def __init__(self, failure: str | None = None) -> None:
        self.objects: dict[tuple[str, str], FailedRecord] = {}
        self.asked = 0
        self._failure = failure

    def client(self) -> Any:
        self.asked += 1
        return self

    def put_object(self, **request: Any) -> None:
        if self._failure is not None:
            raise ClientError({"Error": {"Code": self._failure}}, "PutObject")
        assert request["ContentType"] == "application/json"
        assert request["ExpectedBucketOwner"] == OWNER
        self.objects[request["Bucket"], request["Key"]] = read_envelope(request["Body"].decode())


def _queue(wire: Wire, bucket: Bucket | None = None, clock: ManualClock | None = None) -> DeadLetterQueue:
    bucket = bucket or Bucket()
    return DeadLetterQueue(
        lambda: wire.client, QUEUE_URL, bucket.client, BUCKET, owner=OWNER, clock=clock or ManualClock()
    )


def _all_well(_: JsonObject) -> Answer:
    return {"Successful": [], "Failed": []}


def _refuse(*failure_ids: str) -> Responder:
    def answer(request: JsonObject) -> Answer:
        failed = [
            {"Id": entry["Id"], "Code": "InternalError", "SenderFault": False}
            for entry, failure_id in zip(request["Entries"], _ids(request), strict=True)
            if failure_id in failure_ids
        ]
        return {"Successful": [], "Failed": failed}

    return answer


@pytest.fixture(scope="module")
def wire() -> Wire:
    return Wire("sqs", _all_well)


@pytest.fixture(autouse=True)
def _fresh(wire: Wire) -> None:
    wire.requests.clear()
    wire.answer = _all_well


def test_records_are_sent_ten_per_call_and_in_order(wire: Wire) -> None:
    records = [_failed(number) for number in range(23)]
    assert _queue(wire).send(records) == SendOutcome(23, None)
    assert [len(_ids(request)) for request in wire.requests] == [10, 10, 3]
    bodies = [entry["MessageBody"] for request in wire.requests for entry in request["Entries"]]
    assert [read_envelope(body) for body in bodies] == records
    assert wire.requests[0]["Entries"][0]["MessageAttributes"] == {
        "kind": {"DataType": "String", "StringValue": "permanent"},
        "failureId": {"DataType": "String", "StringValue": "event-0"},
    }


def test_no_client_is_made_when_there_is_nothing_to_send() -> None:
    def no_client() -> Any:
        raise AssertionError("a client was made for nothing")

    queue = DeadLetterQueue(no_client, QUEUE_URL, no_client, BUCKET, owner=OWNER, clock=ManualClock())
    assert queue.send([]) == SendOutcome(0, None)


@given(st.lists(st.integers(0, 700_000) | st.integers(1_047_000, 1_049_000), max_size=14))
def test_every_call_keeps_both_limits_and_every_record_arrives_whole(wire: Wire, sizes: list[int]) -> None:
    wire.requests.clear()
    bucket = Bucket()
    records = [_failed(number, size) for number, size in enumerate(sizes)]
    assert _queue(wire, bucket).send(records) == SendOutcome(len(records), None)
    assert all(len(request["Entries"]) <= 10 for request in wire.requests)
    assert all(_sqs_size(request) <= BYTES_PER_CALL for request in wire.requests)
    messages = [read_envelope(entry["MessageBody"]) for request in wire.requests for entry in request["Entries"]]
    whole = [
        bucket.objects[BUCKET, message.record_location.removeprefix(f"s3://{BUCKET}/")]
        if message.record_location
        else message
        for message in messages
    ]
    assert [replace(failed, record_location=None) for failed in whole] == records
    # S3 costs a request and a read more, so only records that need it go there.
    assert len(bucket.objects) == sum(_alone_too_large(failed) for failed in records)


def _alone_too_large(failed: FailedRecord) -> bool:
    attributes = {"kind": failed.kind, "failureId": failed.failure_id}
    return len(failed.to_json()) + sum(len(n) + len("String") + len(v) for n, v in attributes.items()) > BYTES_PER_CALL


def test_a_record_over_the_limit_is_stored_whole_in_the_bucket(wire: Wire) -> None:
    bucket = Bucket()
    large = _failed(7, BYTES_PER_CALL)
    assert _queue(wire, bucket).send([_failed(1), large]) == SendOutcome(2, None)
    small, message = (read_envelope(entry["MessageBody"]) for entry in wire.requests[0]["Entries"])
    location = f"s3://{BUCKET}/failed-records/event-7.json"
    assert small == _failed(1)
    assert message == replace(large, record=None, record_location=location)
    assert bucket.objects == {(BUCKET, "failed-records/event-7.json"): replace(large, record_location=location)}


def test_an_unreadable_document_over_the_limit_is_stored_whole_in_the_bucket(wire: Wire) -> None:
    bucket = Bucket()
    large = replace(_failed(7), kind="lost", record=None, document="x" * BYTES_PER_CALL)
    assert _queue(wire, bucket).send([large]) == SendOutcome(1, None)
    (kept,) = bucket.objects.values()
    assert kept.document == large.document


class Context:
    """Lambda's context of a function in another account than the tests' usual one."""

    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:LogUserChangesFunction-test:live"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def test_s3_is_told_that_the_bucket_must_be_the_function_s_own_account_s(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a bucket that was deleted, anybody may take the name."""
    bucket = S3Wire()
    monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", QUEUE_URL)
    monkeypatch.setenv("FAILED_RECORDS_BUCKET", BUCKET)
    monkeypatch.setattr(aws_clients, "sqs", lambda: wire.client)
    monkeypatch.setattr(aws_clients, "s3", lambda: bucket.client)
    queue = queue_from_environment(Context(), ManualClock())

    assert queue.send([_failed(1), _failed(2, BYTES_PER_CALL)]) == SendOutcome(2, None)

    assert bucket.owners == ["123456789012"]
    bucket.denies = True
    assert queue.send([_failed(2, BYTES_PER_CALL)]).sent == 0


def test_only_failed_messages_are_sent_again(wire: Wire) -> None:
    wire.answer = in_turn(_refuse("event-1", "event-2"), _refuse("event-2"), _all_well)
    clock = ManualClock()
    assert _queue(wire, clock=clock).send([_failed(n) for n in range(4)]) == SendOutcome(4, None)
    assert [_ids(request) for request in wire.requests] == [
        ["event-0", "event-1", "event-2", "event-3"],
        ["event-1", "event-2"],
        ["event-2"],
    ]
    assert len(clock.slept) == 2


def test_sending_ends_at_the_first_message_that_keeps_failing(wire: Wire) -> None:
    wire.answer = _refuse("event-12", "event-15")
    outcome = _queue(wire).send([_failed(n) for n in range(30)])
    assert outcome == SendOutcome(12, "SendMessageBatch: InternalError")


def test_records_are_counted_by_kind_once_they_are_sent(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "test")
    wire.answer = _refuse("event-12", "event-15")
    _queue(wire).send([replace(_failed(n), kind="lost" if n == 0 else "permanent") for n in range(30)])

    line = json.loads(capsys.readouterr().out)
    assert (line["LostFailures"], line["PermanentFailures"]) == (1, 11)


@pytest.mark.parametrize(
    "failure",
    [
        Failure("AWS.SimpleQueueService.NonExistentQueue"),
        Failure("AccessDenied", 403),
        Failure("RequestThrottled"),
        Failure("KmsThrottled"),
        Failure("InternalError", 500),
        EndpointConnectionError(endpoint_url="https://sqs"),
    ],
    ids=str,
)
def test_sending_ends_where_the_queue_cannot_be_reached(wire: Wire, failure: Answer) -> None:
    wire.answer = in_turn(_all_well, failure)
    outcome = _queue(wire).send([_failed(n) for n in range(25)])
    assert outcome.sent == 10
    assert outcome.interruption


def test_sending_ends_before_a_large_record_when_the_bucket_cannot_be_reached(wire: Wire) -> None:
    outcome = _queue(wire, Bucket("SlowDown")).send([_failed(1), _failed(2, BYTES_PER_CALL), _failed(3)])
    assert outcome.interruption == "PutObject: SlowDown"
    assert outcome.sent <= 1


def test_an_unforeseen_failure_is_raised(wire: Wire) -> None:
    wire.answer = in_turn(Failure("SomethingNew"))
    with pytest.raises(ClientError, match="SomethingNew"):
        _queue(wire).send([_failed(1)])


def test_waiting_leaves_time_to_finish_the_invocation(wire: Wire) -> None:
    wire.answer = _refuse("event-0")
    clock = ManualClock(remaining=60)
    queue = _queue(wire, clock=clock)
    clock.pass_by(58.98)
    assert queue.send([_failed(0)]).sent == 0
    assert clock.remaining() >= 1
