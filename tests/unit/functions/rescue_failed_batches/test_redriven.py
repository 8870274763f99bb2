"""Messages of the failure queues: whose they are, and what their envelopes say."""

import pytest

from functions.dead_letters.envelope import consumer_name
from functions.rescue_failed_batches.redriven import function_of_queue, is_redriven, redriven_record
from functions.runtime.json_log import Json
from infra.consumers.declaration import Consumer
from tests.support.records.consumer_messages import (
    CONSUMER_ARN,
    FAILURE_QUEUE_ARN,
    QUEUE_ARN,
    queue_record,
    redriven,
)
from tests.support.records.record_strategies import stream_record

RESCUE_ARN = "arn:aws:lambda:eu-west-1:000000000000:function:RescueFailedBatchesFunction-test"
RECORD = stream_record("INSERT", 0, "u-1", None, {"userId": {"S": "u-1"}})


@pytest.mark.parametrize("folder", ["welcome_new_users", "queue_mail", "log", "failure_queue", "purge_at_night"])
@pytest.mark.parametrize("environment", ["dev", "pr-17", "queue-failure"])
def test_a_function_is_told_by_the_name_of_its_queue_or_failure_queue(folder: str, environment: str) -> None:
    consumer = Consumer(folder=folder, description="")
    function = f"arn:aws-cn:lambda:cn-north-1:123456789012:function:{consumer.function_name(environment)}"
    for queue in (consumer.queue_name(environment), consumer.failure_queue_name(environment)):
        assert function_of_queue(f"arn:aws-cn:sqs:cn-north-1:123456789012:{queue}") == function
    assert consumer_name(function) == consumer.logical_name


@pytest.mark.parametrize(
    "arn", ["", "arn", "arn:aws:sqs:eu-west-1:1:Orders.fifo", "arn:aws:sqs:eu-west-1:1:Queue-dev.fifo"]
)
def test_another_queue_has_no_function(arn: str) -> None:
    assert function_of_queue(arn) is None
    record = {**queue_record(RECORD), "eventSourceARN": arn or ".fifo"}
    assert redriven_record(record, RESCUE_ARN, now=0).source_function == RESCUE_ARN


@pytest.mark.parametrize(
    ("arn", "from_consumer"),
    [
        (FAILURE_QUEUE_ARN, True),
        ("arn:aws:sqs:eu-west-1:000000000000:UserChangesFailureQueue-test", False),
        (None, False),
    ],
)
def test_the_mappings_own_failure_queue_is_told_by_its_kind(arn: Json, *, from_consumer: bool) -> None:
    assert is_redriven({"eventSourceARN": arn}) == from_consumer


def test_the_failure_id_is_that_of_the_consumers_own_envelope() -> None:
    failed = redriven_record(redriven(queue_record(RECORD, receives=3)), RESCUE_ARN, now=1_795_478_400.0)
    assert failed.failure_id == f"welcome-new-users.{RECORD['eventID']}"
    assert (failed.source_function, failed.event_source_arn, failed.attempts) == (CONSUMER_ARN, QUEUE_ARN, 3)
    assert (failed.user_id, failed.sequence_number) == ("u-1", "0" * 18 + RECORD["dynamodb"]["SequenceNumber"])


def test_a_message_without_attributes_or_a_readable_body_is_kept_whole() -> None:
    record = {"messageId": "m-1", "body": "hello", "eventSource": "aws:sqs", "eventSourceARN": FAILURE_QUEUE_ARN}
    failed = redriven_record(record, RESCUE_ARN, now=1_795_478_400.0)
    assert (failed.failure_id, failed.attempts, failed.record) == ("welcome-new-users.m-1", 0, record)
    assert (failed.user_id, failed.sequence_number, failed.source_function) == (None, None, CONSUMER_ARN)
