"""Reading a range of a shard, whatever the Streams API does meanwhile."""

from collections.abc import Callable

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from functions.dead_letters.envelope import StreamPointer
from functions.rescue_failed_batches.rescue import RecordsLostError, RescueInterruptedError
from functions.rescue_failed_batches.shard_reader import ShardReader
from functions.runtime.aws import read_records_as_json
from functions.runtime.json_log import Json, JsonObject
from tests.support.aws.aws_wire import Answer, Failure, Wire, in_turn
from tests.support.records.record_processing_fakes import ManualClock
from tests.support.records.record_strategies import STREAM_ARN, stream_record
from tests.support.records.shard_in_memory import SHARD_ID, ShardInMemory


def _records(count: int) -> list[JsonObject]:
    """Return records whose sequence numbers grow from 21 digits to 22: text order is wrong."""
    records = [stream_record("INSERT", position, "u", None, {"userId": {"S": "u"}}) for position in range(count)]
    for position, record in enumerate(records):
        record["dynamodb"]["SequenceNumber"] = str(10**21 - 10 + 4 * position)
    return records


RECORDS = _records(12)


def _pointer(first: int, last: int, *, stream_arn: str = STREAM_ARN) -> StreamPointer:
    return StreamPointer(
        stream_arn=stream_arn,
        shard_id=SHARD_ID,
        start_sequence_number=RECORDS[first]["dynamodb"]["SequenceNumber"],
        end_sequence_number=RECORDS[last]["dynamodb"]["SequenceNumber"],
        batch_size=last - first + 1,
    )


@pytest.fixture(scope="module")
def wire() -> Wire:
    return Wire("dynamodbstreams", lambda _: {}, read_records_as_json)


def _read(
    wire: Wire, shard: ShardInMemory, pointer: StreamPointer, between_pages: Callable[[int], None] = lambda _: None
) -> list[Json]:
    wire.answer = shard.answer
    read: list[Json] = []
    for number, page in enumerate(ShardReader(wire.client, ManualClock()).pages(pointer)):
        assert page
        read += page
        between_pages(number)
    return read


ranges = st.tuples(st.integers(0, 11), st.integers(0, 11)).map(sorted)


@given(ranges, st.integers(1, 13), st.integers(0, 2), st.booleans())
def test_exactly_the_range_is_read_over_any_pages(
    wire: Wire,
    ends: list[int],
    page_size: int,
    empty_pages: int,
    closed: bool,  # noqa: FBT001  drawn
) -> None:
    first, last = ends
    shard = ShardInMemory(RECORDS, page_size=page_size, empty_pages=empty_pages, closed=closed)
    assert _read(wire, shard, _pointer(first, last)) == RECORDS[first : last + 1]
    assert [iterator["ShardIteratorType"] for iterator in shard.iterators] == ["AT_SEQUENCE_NUMBER"]


@given(ranges, st.integers(1, 4), st.sets(st.integers(0, 12)), st.booleans())
def test_an_expired_iterator_is_replaced_after_what_was_read(
    wire: Wire,
    ends: list[int],
    page_size: int,
    expiries: set[int],
    at_once: bool,  # noqa: FBT001  drawn
) -> None:
    first, last = ends
    shard = ShardInMemory(RECORDS, page_size=page_size)
    shard.expire_next = at_once

    def expire(number: int) -> None:
        shard.expire_next = number in expiries

    assert _read(wire, shard, _pointer(first, last), expire) == RECORDS[first : last + 1]


@given(ranges, st.integers(1, 4), st.integers(0, 12), st.integers(0, 5))
def test_the_records_left_after_trimming_are_read(
    wire: Wire, ends: list[int], page_size: int, trimmed: int, when: int
) -> None:
    """Whenever the stream is trimmed, all that it still has of the range is read once, in order."""
    first, last = ends
    shard = ShardInMemory(RECORDS, page_size=page_size, closed=True)

    def trim(number: int) -> None:
        if number + 1 >= when:
            shard.trimmed = trimmed

    if when == 0:
        shard.trimmed = trimmed
    read = _read(wire, shard, _pointer(first, last), trim)
    positions = [RECORDS.index(record) for record in read]
    assert positions == sorted(set(positions))
    assert set(range(max(first, trimmed), last + 1)) <= set(positions) <= set(range(first, last + 1))


def test_a_fully_trimmed_range_is_empty(wire: Wire) -> None:
    shard = ShardInMemory(RECORDS)
    shard.trimmed = 8
    assert _read(wire, shard, _pointer(2, 5)) == []
    assert [iterator["ShardIteratorType"] for iterator in shard.iterators] == ["AT_SEQUENCE_NUMBER", "TRIM_HORIZON"]


def test_records_of_a_deleted_stream_are_lost(wire: Wire) -> None:
    with pytest.raises(RecordsLostError, match="Stream not found"):
        _read(wire, ShardInMemory(RECORDS), _pointer(2, 5, stream_arn="arn:aws:dynamodb:eu-west-1:0:table/gone"))


@pytest.mark.parametrize(
    "failure",
    [
        Failure("LimitExceededException"),
        Failure("InternalServerError", 500),
        Failure("AccessDeniedException"),
        Failure("SomethingNew"),
        EndpointConnectionError(endpoint_url="https://streams"),
    ],
    ids=lambda failure: failure.code if isinstance(failure, Failure) else type(failure).__name__,
)
@pytest.mark.parametrize("calls_before", [0, 1, 2], ids=["iterator", "first page", "second page"])
def test_a_transient_failure_is_not_taken_for_lost_records(wire: Wire, failure: Answer, calls_before: int) -> None:
    shard = ShardInMemory(RECORDS, page_size=2)
    wire.answer = in_turn(*[shard.answer] * calls_before, failure)
    pages = ShardReader(wire.client, ManualClock()).pages(_pointer(0, 9))
    with pytest.raises(RescueInterruptedError, match=failure.code if isinstance(failure, Failure) else "Connection"):
        list(pages)


def test_reading_ends_before_the_invocation_does(wire: Wire) -> None:
    """The range's end is never read: the shard is open, and nothing follows its last record."""
    wire.answer = ShardInMemory(RECORDS[:5]).answer
    clock = ManualClock(remaining=30)
    pages = ShardReader(wire.client, clock).pages(_pointer(2, 9))
    assert next(pages) == RECORDS[2:5]
    with pytest.raises(RescueInterruptedError, match="time is nearly over"):
        next(pages)
    assert 4 < clock.remaining() <= 5
