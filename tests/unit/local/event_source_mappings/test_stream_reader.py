"""Reading through the Streams API: pages, expired iterators, trimmed records, ended shards."""

import json
from collections.abc import Callable
from typing import NamedTuple

import pytest
from botocore.exceptions import EndpointConnectionError

from delivery.messages import ListingFailed, PageRead, ReadFailed, ReadShard, Shard, ShardsListed
from functions.runtime.json_log import JsonObject
from local.event_source_mappings.stream_reader import StreamsApiReader
from tests.support.aws.aws_wire import Answer, Failure, Responder, Wire, in_turn
from tests.support.records.record_strategies import STREAM_ARN, stream_record
from tests.support.records.shard_in_memory import SHARD_ID, ShardInMemory

RECORDS = [stream_record("INSERT", at, f"u-{at}", None, {"userId": {"S": f"u-{at}"}}) for at in range(5)]


def number(at: int) -> str:
    return RECORDS[at]["dynamodb"]["SequenceNumber"]


@pytest.fixture(scope="module")
def wire() -> Wire:
    return Wire("dynamodbstreams", lambda _: {})


class Reading(NamedTuple):
    reader: StreamsApiReader
    wire: Wire


@pytest.fixture
def reading(wire: Wire) -> Callable[[Responder], Reading]:
    def over(answer: Responder) -> Reading:
        wire.answer = answer
        wire.requests.clear()
        return Reading(StreamsApiReader(lambda: wire.client, STREAM_ARN), wire)

    return over


def read(reading: Reading, after: str | None = None) -> PageRead:
    page = reading.reader.read(ReadShard(SHARD_ID, after, "TRIM_HORIZON"))
    assert isinstance(page, PageRead)
    return page


def numbers(page: PageRead) -> list[str]:
    return [record.sequence_number for record in page.records]


def test_pages_follow_each_other_with_one_iterator(reading: Callable[[Responder], Reading]) -> None:
    shard = ShardInMemory(RECORDS, page_size=2)
    here = reading(shard.answer)
    assert numbers(read(here)) == [number(0), number(1)]
    assert numbers(read(here, number(1))) == [number(2), number(3)]
    assert numbers(read(here, number(3))) == [number(4)]
    assert read(here, number(4)) == PageRead(SHARD_ID, [])
    assert [request["ShardIteratorType"] for request in shard.iterators] == ["TRIM_HORIZON"]


def test_an_empty_page_does_not_end_a_shard(reading: Callable[[Responder], Reading]) -> None:
    here = reading(ShardInMemory(RECORDS, empty_pages=1).answer)
    assert read(here) == PageRead(SHARD_ID, [])
    assert len(read(here).records) == 5


def test_a_closed_shard_ends(reading: Callable[[Responder], Reading]) -> None:
    here = reading(ShardInMemory(RECORDS, page_size=3, closed=True).answer)
    assert not read(here).ended
    assert read(here, number(2)).ended


def test_a_closed_shard_that_was_read_ends_without_an_iterator(reading: Callable[[Responder], Reading]) -> None:
    assert read(reading(lambda _: {}), number(4)) == PageRead(SHARD_ID, [], ended=True)


def test_reading_resumes_after_a_checkpoint(reading: Callable[[Responder], Reading]) -> None:
    here = reading(ShardInMemory(RECORDS).answer)
    assert numbers(read(here, number(2))) == [number(3), number(4)]
    assert here.wire.requests[0] == {
        "StreamArn": STREAM_ARN,
        "ShardId": SHARD_ID,
        "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
        "SequenceNumber": number(2),
    }


def test_an_expired_iterator_is_replaced_by_one_after_the_last_record(reading: Callable[[Responder], Reading]) -> None:
    shard = ShardInMemory(RECORDS, page_size=2)
    here = reading(shard.answer)
    read(here)
    shard.expire_next = True
    assert read(here, number(1)) == PageRead(SHARD_ID, [])
    assert numbers(read(here, number(1))) == [number(2), number(3)]
    assert shard.iterators[-1]["SequenceNumber"] == number(1)


def test_a_checkpoint_that_was_trimmed_is_a_gap(reading: Callable[[Responder], Reading]) -> None:
    shard = ShardInMemory(RECORDS)
    shard.trimmed = 3
    page = read(reading(shard.answer), number(0))
    assert numbers(page) == [number(3), number(4)]
    assert page.gap


def test_an_iterator_that_was_trimmed_is_a_gap(reading: Callable[[Responder], Reading]) -> None:
    shard = ShardInMemory(RECORDS, page_size=1)
    here = reading(shard.answer)
    read(here)
    shard.trimmed = 3
    assert read(here, number(0)) == PageRead(SHARD_ID, [])
    page = read(here, number(0))
    assert (numbers(page), page.gap) == ([number(3)], True)
    assert not read(here, number(3)).gap


def test_a_read_that_fails_is_reported_and_repeated_at_the_same_position(
    reading: Callable[[Responder], Reading],
) -> None:
    shard = ShardInMemory(RECORDS, page_size=2)
    answers = in_turn(shard.answer, shard.answer, Failure("InternalServerError", 500), shard.answer)
    here = reading(answers)
    read(here)
    failed = here.reader.read(ReadShard(SHARD_ID, number(1), "TRIM_HORIZON"))
    assert isinstance(failed, ReadFailed)
    assert "InternalServerError" in failed.reason
    assert numbers(read(here, number(1))) == [number(2), number(3)]


def test_a_stream_that_does_not_answer_is_reported_with_a_reason(reading: Callable[[Responder], Reading]) -> None:
    here = reading(lambda _: EndpointConnectionError(endpoint_url="http://127.0.0.1:1"))
    assert isinstance(here.reader.read(ReadShard(SHARD_ID, None, "TRIM_HORIZON")), ReadFailed)
    assert isinstance(here.reader.list_shards(), ListingFailed)


def test_all_pages_of_shards_are_listed(reading: Callable[[Responder], Reading]) -> None:
    def description(*shards: JsonObject, last: str | None = None) -> Answer:
        return {"StreamDescription": {"Shards": list(shards), **({"LastEvaluatedShardId": last} if last else {})}}

    closed = {"StartingSequenceNumber": "1" * 21, "EndingSequenceNumber": "2" * 21}
    here = reading(
        in_turn(
            description({"ShardId": SHARD_ID, "SequenceNumberRange": closed}, last=SHARD_ID),
            description({"ShardId": SHARD_ID + "2", "ParentShardId": SHARD_ID, "SequenceNumberRange": {}}),
        )
    )
    assert here.reader.list_shards() == ShardsListed(
        [Shard(SHARD_ID, None, closed=True), Shard(SHARD_ID + "2", SHARD_ID, closed=False)]
    )
    assert here.wire.requests[1]["ExclusiveStartShardId"] == SHARD_ID


def test_a_record_has_the_form_of_a_lambda_event(reading: Callable[[Responder], Reading]) -> None:
    (record, *_) = read(reading(ShardInMemory(RECORDS).answer)).records
    assert json.loads(record.body) == RECORDS[0]
    assert record.item == '{"userId":{"S":"u-0"}}'
    assert record.written_at == RECORDS[0]["dynamodb"]["ApproximateCreationDateTime"]
