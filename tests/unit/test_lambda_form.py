"""A record read from the Streams API is given on as the mapping would have delivered it."""

import json

import pytest
from hypothesis import given

from functions.json_types import JsonObject
from functions.stream_records.lambda_form import lambda_record
from tests.aws_wire import Wire
from tests.record_strategies import STREAM_ARN, histories
from tests.shard_in_memory import ShardInMemory


@pytest.fixture(scope="module")
def wire() -> Wire:
    return Wire("dynamodbstreams", lambda _: {})


@given(histories(max_size=6))
def test_a_record_through_botocore_becomes_the_delivered_one(wire: Wire, records: list[JsonObject]) -> None:
    wire.answer = ShardInMemory(records).answer
    page = wire.client.get_records(ShardIterator="0/0")["Records"]
    assert [lambda_record(record, STREAM_ARN) for record in page] == records
    json.dumps([lambda_record(record, STREAM_ARN) for record in page])


def test_fractions_of_a_second_are_dropped_as_lambda_drops_them(wire: Wire) -> None:
    wire.answer = lambda _: {"Records": [{"eventID": "1", "dynamodb": {"ApproximateCreationDateTime": 1795478400.9}}]}
    (record,) = wire.client.get_records(ShardIterator="0/0")["Records"]
    written_at = lambda_record(record, STREAM_ARN)["dynamodb"]["ApproximateCreationDateTime"]
    assert (written_at, type(written_at)) == (1_795_478_400, int)
