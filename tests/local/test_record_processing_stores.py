"""The stores of record processing against the emulator behave as their fakes do."""

import json
from base64 import b64encode
from functools import cached_property
from typing import Any
from uuid import uuid4

import pytest
from botocore.session import Session

from functions.activity.items import ActivityWriter, WriteOutcome, change_id
from functions.activity.table import ActivityTable, activity_page
from functions.dead_letters.envelope import FailedRecord
from functions.dead_letters.queue import DeadLetterQueue
from functions.rescue_failed_batches.rescue import Rescue
from functions.rescue_failed_batches.shard_reader import ShardReader
from functions.runtime import aws as aws_clients
from functions.runtime.arns import neighbour_arn
from functions.runtime.aws import read_records_as_json, write_batches_as_json
from functions.runtime.json_log import Json, JsonObject
from functions.stream_records.streams_api import lambda_record
from functions.stream_records.user_change import UserChange, parse_user_change
from tests.support.aws.dynamodb_endpoints import REGION, DynamoDBEndpoint, create_user_tables
from tests.support.records.record_processing_fakes import (
    FUNCTION_ARN,
    RETENTION_DAYS,
    ActivityInMemory,
    LogInMemory,
    ManualClock,
    read_envelope,
)
from tests.support.records.record_strategies import stream_record

pytestmark = pytest.mark.local


class Services:
    """Clients of the emulator, as the functions would make them."""

    def __init__(self, endpoint: DynamoDBEndpoint) -> None:
        self._endpoint = endpoint
        self._session = Session()

    def _client(self, service: str) -> Any:
        return self._session.create_client(
            service,
            endpoint_url=self._endpoint.url,
            region_name=REGION,
            aws_access_key_id=self._endpoint.keys.access_key_id,
            aws_secret_access_key=self._endpoint.keys.secret_access_key,
        )

    @cached_property
    def dynamodb(self) -> Any:
        client = self._client("dynamodb")
        write_batches_as_json(client)
        return client

    @cached_property
    def streams(self) -> Any:
        client = self._client("dynamodbstreams")
        read_records_as_json(client)
        return client

    @cached_property
    def sqs(self) -> Any:
        return self._client("sqs")

    @cached_property
    def s3(self) -> Any:
        return self._client("s3")


@pytest.fixture(scope="module")
def services(dynamodb_emulator: DynamoDBEndpoint) -> Services:
    return Services(dynamodb_emulator)


@pytest.fixture(scope="module")
def activity_table(services: Services) -> str:
    return create_user_tables(services.dynamodb).activity


class Queue:
    """A dead-letter queue with its bucket."""

    def __init__(self, services: Services) -> None:
        self._services = services
        suffix = uuid4().hex[:8]
        self.url = services.sqs.create_queue(QueueName=f"dead-letters-{suffix}")["QueueUrl"]
        self.bucket = f"failed-records-{suffix}"
        services.s3.create_bucket(Bucket=self.bucket)
        self.sender = DeadLetterQueue(
            lambda: services.sqs,
            self.url,
            lambda: services.s3,
            self.bucket,
            owner="000000000000",
            clock=ManualClock(remaining=3600),
        )

    def read(self) -> dict[str, FailedRecord]:
        """Return all envelopes by record id, read from the bucket if they are stored there."""
        found: dict[str, FailedRecord] = {}
        while True:
            answer = self._services.sqs.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            )
            if "Messages" not in answer:
                return found
            for message in answer["Messages"]:
                failed = read_envelope(message["Body"])
                assert message["MessageAttributes"]["failureId"]["StringValue"] == failed.failure_id
                found[failed.failure_id] = self._whole(failed)

    def _whole(self, failed: FailedRecord) -> FailedRecord:
        if failed.record_location is None:
            return failed
        bucket, _, key = failed.record_location.removeprefix("s3://").partition("/")
        return read_envelope(self._services.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())


@pytest.fixture
def queue(services: Services) -> Queue:
    return Queue(services)


def _image(user_id: str, filler: bytes = b"") -> JsonObject:
    return {"userId": {"S": user_id}, "name": {"S": "Zoé"}, "version": {"N": "1"}, "photo": {"B": filler}}


def _changes(user_id: str, count: int) -> list[UserChange]:
    image = {"userId": {"S": user_id}, "tags": {"SS": ["a", "b"]}, "photo": {"B": "AQI="}}
    return [parse_user_change(stream_record("INSERT", position, user_id, None, image)) for position in range(count)]


@pytest.fixture(params=["the table", "the fake"])
def writer(request: pytest.FixtureRequest, services: Services, activity_table: str) -> ActivityWriter:
    if request.param == "the fake":
        return ActivityInMemory()
    return ActivityTable(services.dynamodb, activity_table, RETENTION_DAYS, ManualClock(remaining=3600))


class TestActivityContract:
    """What an `ActivityWriter` promises."""

    def test_all_is_written_over_several_calls(self, writer: ActivityWriter) -> None:
        assert writer.write(_changes(uuid4().hex, 60)) == WriteOutcome(60, {}, None)

    def test_writing_again_and_twice_at_once_is_no_matter(self, writer: ActivityWriter) -> None:
        changes = _changes(uuid4().hex, 3)
        assert writer.write([*changes, *changes]) == WriteOutcome(6, {}, None)
        assert writer.write(changes) == WriteOutcome(3, {}, None)

    def test_nothing_is_written_in_no_time(self, writer: ActivityWriter) -> None:
        assert writer.write([]) == WriteOutcome(0, {}, None)


def test_the_history_reads_back_as_it_was_written(
    services: Services, activity_table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_clients, "dynamodb", lambda: services.dynamodb)
    user_id = uuid4().hex
    table = ActivityTable(services.dynamodb, activity_table, RETENTION_DAYS, ManualClock(remaining=3600))
    changes = _changes(user_id, 30)
    for _ in range(2):
        table.write(changes)
    first = activity_page(activity_table, user_id, 20)
    second = activity_page(activity_table, user_id, 20, first.after)
    assert second.after is None
    entries = [*first.items, *second.items]
    assert [entry["changeId"] for entry in entries] == [change.sequence_number.zfill(40) for change in changes]
    assert entries[0]["changes"]["tags"] == {"new": {"a", "b"}}
    assert entries[0]["changes"]["photo"] == {"new": b"\x01\x02"}


@pytest.mark.parametrize("kind", ["S", "B"])
def test_a_change_of_two_users_of_almost_400_kb_is_kept_with_its_new_values(
    services: Services, activity_table: str, kind: str
) -> None:
    user_id = uuid4().hex
    old, new = ({"userId": {"S": user_id}, "about": {kind: letter * 390_000}} for letter in "ab")
    if kind == "B":
        old, new = ({**image, "about": {"B": b64encode(image["about"]["B"].encode()).decode()}} for image in (old, new))
    changes = _changes(user_id, 9)
    changes[4] = parse_user_change(stream_record("MODIFY", 4, user_id, old, new))
    table = ActivityTable(services.dynamodb, activity_table, RETENTION_DAYS, ManualClock(remaining=3600))
    assert table.write(changes) == WriteOutcome(9, {}, None)
    (item,) = services.dynamodb.query(
        TableName=activity_table,
        KeyConditionExpression="userId = :user AND changeId = :change",
        ExpressionAttributeValues={":user": {"S": user_id}, ":change": {"S": change_id(changes[4].sequence_number)}},
    )["Items"]
    written: Any = b"b" * 390_000 if kind == "B" else "b" * 390_000
    assert item["changes"]["M"]["about"]["M"] == {"new": {kind: written}, "omitted": {"M": {"old": {"N": "390000"}}}}


def test_a_change_that_the_table_refuses_is_found_among_the_others(services: Services, activity_table: str) -> None:
    changes = _changes(uuid4().hex, 9)
    changes[4] = changes[4]._replace(user_id="u" * 2_049)
    table = ActivityTable(services.dynamodb, activity_table, RETENTION_DAYS, ManualClock(remaining=3600))
    outcome = table.write(changes)
    assert (outcome.settled, outcome.interruption, set(outcome.rejected)) == (9, None, {4})


class Stream:
    """A table with a stream, written to and read as the mapping would."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.table = f"Streamed-{uuid4().hex[:8]}"
        created = services.dynamodb.create_table(
            TableName=self.table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "userId", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "userId", "KeyType": "HASH"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        services.dynamodb.get_waiter("table_exists").wait(TableName=self.table, WaiterConfig={"Delay": 1})
        self.arn: str = created["TableDescription"]["LatestStreamArn"]

    def put(self, user_id: str, filler: bytes = b"") -> None:
        self._services.dynamodb.put_item(TableName=self.table, Item=_image(user_id, filler))

    def shard_id(self) -> str:
        description = self._services.streams.describe_stream(StreamArn=self.arn)["StreamDescription"]
        return description["Shards"][0]["ShardId"]

    def records(self) -> list[Json]:
        iterator = self._services.streams.get_shard_iterator(
            StreamArn=self.arn, ShardId=self.shard_id(), ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records: list[Json] = []
        while True:
            answer = self._services.streams.get_records(ShardIterator=iterator)
            if not answer["Records"]:
                return records
            records += [lambda_record(record, self.arn) for record in answer["Records"]]
            iterator = answer["NextShardIterator"]

    def failure_message(self, records: list[Json], message_id: str = "m-1") -> JsonObject:
        document = {
            "requestContext": {
                "requestId": str(uuid4()),
                "functionArn": FUNCTION_ARN,
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 3,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": None},
            "version": "1.0",
            "timestamp": "2026-11-24T00:10:00.123Z",
            "DDBStreamBatchInfo": {
                "shardId": self.shard_id(),
                "startSequenceNumber": records[0]["dynamodb"]["SequenceNumber"],
                "endSequenceNumber": records[-1]["dynamodb"]["SequenceNumber"],
                "approximateArrivalOfFirstRecord": "2026-11-24T00:00:00Z",
                "approximateArrivalOfLastRecord": "2026-11-24T00:00:04Z",
                "batchSize": len(records),
                "streamArn": self.arn,
            },
        }
        return {"messageId": message_id, "body": json.dumps(document)}


@pytest.fixture
def stream(services: Services) -> Stream:
    return Stream(services)


def _rescue(services: Services, queue: Queue, stream: Stream, *messages: JsonObject) -> list[str]:
    clock = ManualClock(remaining=3600)
    own_function = neighbour_arn(stream.arn, "lambda", "function:rescue")
    rescue = Rescue(
        ShardReader(services.streams, clock),
        queue.sender,
        LogInMemory(),
        clock,
        own_function=own_function,
        tables=[stream.arn.split("/")[1]],
    )
    return rescue.rescue_all(messages)


def test_a_rescued_batch_lies_whole_in_the_dead_letter_queue(services: Services, queue: Queue, stream: Stream) -> None:
    for number in range(30):
        stream.put(f"u-{number}", bytes([number]))
    records = stream.records()
    assert _rescue(services, queue, stream, stream.failure_message(records[5:27])) == []
    found = queue.read()
    assert {failure_id: failed.record for failure_id, failed in found.items()} == {
        record["eventID"]: record for record in records[5:27]
    }


def test_a_record_over_the_message_limit_is_rescued_through_the_bucket(
    services: Services, queue: Queue, stream: Stream
) -> None:
    """Two images near DynamoDB's limit of 400 KB each, as base64, are more than a message holds."""
    stream.put("u-large", b"a" * 400_000)
    stream.put("u-large", b"b" * 400_000)
    stream.put("u-small")
    records = stream.records()
    assert _rescue(services, queue, stream, stream.failure_message(records)) == []
    found = queue.read()
    assert [found[record["eventID"]].record for record in records] == records
    assert [found[record["eventID"]].record_location is not None for record in records] == [False, True, False]


def test_a_pointer_to_a_stream_that_is_gone_is_kept_as_lost(services: Services, queue: Queue, stream: Stream) -> None:
    stream.put("u-1")
    message = stream.failure_message(stream.records())
    services.dynamodb.delete_table(TableName=stream.table)
    gone = json.loads(message["body"])
    gone["DDBStreamBatchInfo"]["streamArn"] = f"{stream.arn[:-1]}{'8' if stream.arn.endswith('9') else '9'}"
    assert _rescue(services, queue, stream, {"messageId": "m-1", "body": json.dumps(gone)}) == []
    (lost,) = queue.read().values()
    assert (lost.kind, lost.record) == ("lost", None)
    assert lost.pointer is not None
