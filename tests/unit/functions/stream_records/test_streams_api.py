"""A record read from the Streams API gets the form in which the mapping delivers it."""

import json

import pytest
from botocore.exceptions import ClientError
from hypothesis import given

from functions.runtime.aws import read_records_as_json
from functions.runtime.json_log import JsonObject
from functions.stream_records.streams_api import lambda_record
from tests.support.aws.aws_wire import Failure, Wire
from tests.support.records.record_strategies import STREAM_ARN, histories
from tests.support.records.shard_in_memory import ShardInMemory


@pytest.fixture(scope="module", params=["parsed", "unparsed"])
def wire(request: pytest.FixtureRequest) -> Wire:
    """The Streams API, whose records botocore parses or leaves unparsed."""
    wire = Wire("dynamodbstreams", lambda _: {})
    if request.param == "unparsed":
        read_records_as_json(wire.client)
        read_records_as_json(wire.client)  # has no further effect
    return wire


@given(histories(max_size=6))
def test_a_record_from_botocore_becomes_the_delivered_record(wire: Wire, records: list[JsonObject]) -> None:
    wire.answer = ShardInMemory(records).answer
    page = wire.client.get_records(ShardIterator="0/0")["Records"]
    assert [lambda_record(record, STREAM_ARN) for record in page] == records
    json.dumps([lambda_record(record, STREAM_ARN) for record in page])


def test_the_rest_of_an_answer_and_errors_stay_botocores(wire: Wire) -> None:
    wire.answer = lambda _: {"Records": [], "NextShardIterator": "next"}
    page = wire.client.get_records(ShardIterator="0/0")
    assert (page["Records"], page["NextShardIterator"]) == ([], "next")

    wire.answer = lambda _: Failure("ExpiredIteratorException")
    with pytest.raises(ClientError, match="ExpiredIteratorException"):
        wire.client.get_records(ShardIterator="0/0")


def test_fractions_of_a_second_are_dropped_as_lambda_drops_them(wire: Wire) -> None:
    wire.answer = lambda _: {"Records": [{"eventID": "1", "dynamodb": {"ApproximateCreationDateTime": 1795478400.9}}]}
    (record,) = wire.client.get_records(ShardIterator="0/0")["Records"]
    written_at = lambda_record(record, STREAM_ARN)["dynamodb"]["ApproximateCreationDateTime"]
    assert (written_at, type(written_at)) == (1_795_478_400, float)
