"""The fan-out and a consumer's runtime on the emulator: topic, queue, Activity, dead letters."""

import json
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from botocore.session import Session

from functions.activity.table import ActivityTable
from functions.consumers.runtime import StoredChange, UnprocessableChangeError, handle_changes
from functions.fan_out_user_changes.handler import handler as fan_out
from functions.runtime import aws as aws_clients
from functions.runtime.arns import streams_of
from functions.runtime.aws import write_batches_as_json
from functions.runtime.json_log import JsonObject
from functions.stream_records.user_change import parse_user_change
from tests.support.aws.dynamodb_endpoints import REGION, DynamoDBEndpoint, create_user_tables
from tests.support.records.consumer_messages import CONSUMER_ARN, activity_record, message_of
from tests.support.records.record_processing_fakes import RETENTION_DAYS, ManualClock
from tests.support.records.record_strategies import stream_record

pytestmark = pytest.mark.local

USERS = [f"u-{number}" for number in range(4)]
ROUNDS = 3
HISTORY = [
    stream_record("INSERT", round_ * len(USERS) + at, user_id, None, {"userId": {"S": user_id}, "version": {"N": "1"}})
    for round_ in range(ROUNDS)
    for at, user_id in enumerate(USERS)
]


class Context:
    """Lambda's context, with enough time."""

    invoked_function_arn = CONSUMER_ARN

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


class Consumer(NamedTuple):
    """The queue of a consumer, behind the topic."""

    sqs: Any
    queue_url: str
    dead_letter_queue_url: str
    activity: str

    def of_activity(self) -> list[JsonObject]:
        """Return the history as records of the stream that the table in the emulator has."""
        records = [activity_record(record) for record in HISTORY]
        return [{**one, "eventSourceARN": streams_of(CONSUMER_ARN, self.activity) + "1"} for one in records]

    def receive(self) -> list[JsonObject]:
        """Receive as the event source mapping does."""
        answer = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10, AttributeNames=["All"])
        return [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:WelcomeNewUsersQueue-test.fifo",
            }
            for message in answer.get("Messages", [])
        ]

    def settle(self, records: list[JsonObject], response: JsonObject) -> None:
        """Delete what isn't reported; what the consumer has deleted already fails by itself."""
        failed = {failure["itemIdentifier"] for failure in response["batchItemFailures"]}
        handles = [record["receiptHandle"] for record in records if record["messageId"] not in failed]
        entries = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles)]
        if entries:
            self.sqs.delete_message_batch(QueueUrl=self.queue_url, Entries=entries)

    def envelopes(self) -> list[JsonObject]:
        answer = self.sqs.receive_message(QueueUrl=self.dead_letter_queue_url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


@pytest.fixture
def consumer(dynamodb_emulator: DynamoDBEndpoint, monkeypatch: pytest.MonkeyPatch) -> Consumer:
    session = Session()

    def client(service: str) -> Any:
        return session.create_client(
            service,
            endpoint_url=dynamodb_emulator.url,
            region_name=REGION,
            aws_access_key_id=dynamodb_emulator.keys.access_key_id,
            aws_secret_access_key=dynamodb_emulator.keys.secret_access_key,
        )

    dynamodb, sns, sqs = client("dynamodb"), client("sns"), client("sqs")
    write_batches_as_json(dynamodb)
    for name, made in (("dynamodb", dynamodb), ("sns", sns), ("sqs", sqs)):
        monkeypatch.setattr(aws_clients, name, lambda made=made: made)

    suffix = uuid4().hex[:8]
    fifo = {"FifoQueue": "true", "VisibilityTimeout": "600"}
    queue_url = sqs.create_queue(QueueName=f"queue-{suffix}.fifo", Attributes=fifo)["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic_arn = sns.create_topic(Name=f"topic-{suffix}.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    queue_policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": queue_policy})
    subscription = {"RawMessageDelivery": "true", "FilterPolicy": json.dumps({"kind": ["ADDED"], "origin": ["change"]})}
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn, Attributes=subscription)
    dead_letter_queue_url = sqs.create_queue(QueueName=f"dead-letters-{suffix}")["QueueUrl"]
    activity = create_user_tables(dynamodb).activity
    for name, value in {
        "USER_CHANGES_TOPIC_ARN": topic_arn,
        "DEAD_LETTER_QUEUE_URL": dead_letter_queue_url,
        "FAILED_RECORDS_BUCKET": "none-is-large",
        "ACTIVITY_TABLE": activity,
        "QUEUE_URL": queue_url,
        "MAXIMUM_RECEIVES": "3",
    }.items():
        monkeypatch.setenv(name, value)
    changes = [parse_user_change(record) for record in HISTORY]
    ActivityTable(dynamodb, activity, RETENTION_DAYS, ManualClock(remaining=3600)).write(changes)
    return Consumer(sqs, queue_url, dead_letter_queue_url, activity)


def test_every_change_reaches_the_consumer_whole_and_each_users_in_order(consumer: Consumer) -> None:
    records = consumer.of_activity()
    for _ in range(2):  # a redelivery publishes nothing twice
        assert fan_out({"Records": records}, Context()) == {"batchItemFailures": []}
    got: list[StoredChange] = []
    while batch := consumer.receive():
        consumer.settle(batch, handle_changes({"Records": batch}, Context(), got.append))
    for user_id in USERS:
        wanted = [message_of(record).change_id for record in HISTORY if message_of(record).user_id == user_id]
        assert [change.change_id for change in got if change.user_id == user_id] == wanted
    assert {(change.kind, change.version) for change in got} == {("ADDED", 1)}
    assert consumer.envelopes() == []


def test_a_failed_change_comes_again_and_a_poisoned_one_is_dead_lettered(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.consumers.queue_batch.FIRST_DELAY_SECONDS", 0)
    fan_out({"Records": consumer.of_activity()}, Context())
    failed_once: set[str] = set()
    handled: list[str] = []

    def handle(change: StoredChange) -> None:
        if change.user_id == "u-0" and change.event_id == HISTORY[0]["eventID"] and not failed_once:
            failed_once.add(change.event_id)
            raise RuntimeError
        if change.event_id == HISTORY[1]["eventID"]:
            raise UnprocessableChangeError("never")
        handled.append(change.event_id)

    while batch := consumer.receive():
        consumer.settle(batch, handle_changes({"Records": batch}, Context(), handle))
    assert sorted(handled) == sorted(record["eventID"] for at, record in enumerate(HISTORY) if at != 1)
    of_first_user = [record["eventID"] for record in HISTORY if message_of(record).user_id == "u-0"]
    assert [event_id for event_id in handled if event_id in of_first_user] == of_first_user
    (envelope,) = consumer.envelopes()
    assert (envelope["failureId"], envelope["reason"]) == (f"welcome-new-users.{HISTORY[1]['eventID']}", "never")
