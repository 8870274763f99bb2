"""The delivery of a queue: what becomes of a batch, and when messages are received."""

import json

import pytest

from delivery.assumptions import Assumptions
from delivery.messages import MalformedCheckpointError
from delivery.queue_messages import QueueCheckpoint, messages_payload, queue_message
from tests.support.delivery.virtual_queue import VISIBILITY_SECONDS, VirtualQueueDelivery, queue_settings


def test_a_message_has_lambda_s_form_in_the_event() -> None:
    message = queue_message(
        {
            "MessageId": "id",
            "ReceiptHandle": "handle",
            "Body": "text \u00e9",
            "MD5OfBody": "md5",
            "MD5OfMessageAttributes": "md5a",
            "Attributes": {"ApproximateReceiveCount": "2", "MessageGroupId": "g"},
            "MessageAttributes": {
                "kind": {"StringValue": "ADDED", "DataType": "String"},
                "raw": {"BinaryValue": b"\x01\x02", "DataType": "Binary"},
            },
        },
        "arn:aws:sqs:eu-west-1:000000000000:Queue.fifo",
    )
    assert message.group_id == "g"
    assert json.loads(messages_payload([message])) == {
        "Records": [
            {
                "messageId": "id",
                "receiptHandle": "handle",
                "body": "text \u00e9",
                "attributes": {"ApproximateReceiveCount": "2", "MessageGroupId": "g"},
                "messageAttributes": {
                    "kind": {
                        "stringValue": "ADDED",
                        "stringListValues": [],
                        "binaryListValues": [],
                        "dataType": "String",
                    },
                    "raw": {
                        "binaryValue": "AQI=",
                        "stringListValues": [],
                        "binaryListValues": [],
                        "dataType": "Binary",
                    },
                },
                "md5OfMessageAttributes": "md5a",
                "md5OfBody": "md5",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:Queue.fifo",
                "awsRegion": "eu-west-1",
            }
        ]
    }


def test_a_processed_batch_is_deleted_and_counted() -> None:
    world = VirtualQueueDelivery(queue_settings(batch_size=10))
    for _ in range(3):
        world.send()
    assert world.run_until_empty() < 0.1
    assert world.batches == [["m1", "m2", "m3"]]
    counts = world.delivery.counts
    assert (counts.polled, counts.invoked, counts.failed, counts.deleted) == (3, 3, 0, 3)


@pytest.mark.parametrize("fault", ["raises", "fails all"])
def test_a_failed_batch_comes_again_when_the_queue_shows_it(fault: str) -> None:
    world = VirtualQueueDelivery(queue_settings())
    world.coming.outcomes = [fault]
    world.send()
    assert world.run_until_empty() == pytest.approx(VISIBILITY_SECONDS, abs=1)
    assert world.batches == [["m1"], ["m1"]]
    assert world.delivery.counts.failed == 1


def test_only_the_messages_that_the_response_names_stay() -> None:
    world = VirtualQueueDelivery(queue_settings())
    world.coming.outcomes = ["fails some"]
    for _ in range(4):
        world.send()
    world.run(1)
    assert [kept.message_id for kept in world.queue.kept] == ["m3", "m4"]
    world.run_until_empty()
    assert world.batches == [["m1", "m2", "m3", "m4"], ["m3", "m4"]]


def test_without_partial_responses_the_response_is_ignored() -> None:
    world = VirtualQueueDelivery(queue_settings(report_batch_item_failures=False))
    world.coming.outcomes = ["fails all"]
    world.send()
    assert world.run_until_empty() < 1


def test_a_throttled_batch_is_tried_again_and_nothing_more_is_received_meanwhile() -> None:
    world = VirtualQueueDelivery(queue_settings(batch_size=2))
    world.coming.outcomes = ["throttled"] * 8
    for _ in range(10):
        world.send()
    world.run(30)
    # Two receives may have been under way when the function began to refuse.
    assert sum(kept.receives for kept in world.queue.kept) <= 4
    world.run_until_empty()
    assert sorted(world.processed, key=lambda each: int(each[1:])) == [f"m{number}" for number in range(1, 11)]
    assert world.delivery.counts.failed == 0


def test_a_function_that_refuses_for_longer_leaves_its_messages_to_the_queue() -> None:
    world = VirtualQueueDelivery(queue_settings())
    world.coming.outcomes = ["throttled"] * 200
    world.send()
    world.run(VISIBILITY_SECONDS * 2.5)
    assert world.queue.kept[0].receives == 3
    world.coming.outcomes = []
    assert world.run_until_empty() < VISIBILITY_SECONDS
    assert world.processed == ["m1"]


@pytest.mark.parametrize(("partial", "most"), [(False, 1), (True, 3)])
def test_fewer_batches_are_in_flight_after_failures_unless_they_are_reported(partial: bool, most: int) -> None:  # noqa: FBT001  a parameter
    world = VirtualQueueDelivery(
        queue_settings(batch_size=1, maximum_concurrency=4, report_batch_item_failures=partial)
    )
    world.coming.outcomes = ["raises"] * 4
    for _ in range(4):
        world.send()
    world.run(1)
    world.most_in_flight = 0
    world.coming.outcomes = ["slow"] * 3
    for _ in range(3):
        world.send()
    world.run(5)
    assert world.most_in_flight == most
    world.run(300)
    for _ in range(4):
        world.coming.outcomes.append("slow")
        world.send()
    world.run(5)
    assert world.most_in_flight == 4


def test_a_batching_window_gathers_messages_until_the_batch_is_full() -> None:
    world = VirtualQueueDelivery(queue_settings(batch_size=20, window_seconds=5))
    world.send()
    world.run(4)
    assert world.batches == []
    world.send()
    world.run(2)
    assert world.batches == [["m1", "m2"]]
    for _ in range(20):
        world.send()
    world.run(1)
    assert [len(batch) for batch in world.batches] == [2, 20]


def test_an_event_holds_no_more_than_six_megabytes() -> None:
    world = VirtualQueueDelivery(queue_settings(), Assumptions(payload_bytes=2_000))
    for _ in range(4):
        world.send(json.dumps("x" * 500))
    world.run_until_empty()
    assert [len(batch) for batch in world.batches] == [2, 2]


def test_messages_that_are_filtered_out_are_deleted_without_an_invocation() -> None:
    world = VirtualQueueDelivery(queue_settings(filters=('{"body": {"kind": ["ADDED"]}}',)))
    world.send('{"kind": "DELETED"}')
    world.send("plain")
    world.send('{"kind": "ADDED"}')
    assert world.run_until_empty() < 1
    assert world.batches == [["m3"]]
    assert (world.delivery.counts.polled, world.delivery.counts.filtered_out) == (3, 2)


def test_a_receive_whose_handles_were_never_saved_comes_again_after_the_hold() -> None:
    world = VirtualQueueDelivery(queue_settings())
    world.send()
    world.run(0.005)  # the receive is under way
    world.crash()
    world.queue.receive(10, world.assumptions.hold_seconds, world.now)  # and its answer reaches nobody
    # The dead poller's receive still waits in the service, and may get it once more.
    hold = world.assumptions.hold_seconds
    assert hold < world.run_until_empty() < 2 * hold + 1 < VISIBILITY_SECONDS


@pytest.mark.parametrize(
    "text", ["", "{}", '{"version": 2, "inFlight": {}}', '{"version": 1}', '{"version": 1, "inFlight": {"h": "x"}}']
)
def test_another_text_is_no_checkpoint(text: str) -> None:
    with pytest.raises(MalformedCheckpointError):
        QueueCheckpoint.from_json(text)


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    checkpoint = QueueCheckpoint({"handle": 12.5})
    assert QueueCheckpoint.from_json(checkpoint.to_json()) == checkpoint
