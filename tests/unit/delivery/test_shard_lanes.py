"""Lanes of a shard: order per item, and a checkpoint that covers settled records only."""

from typing import Any

from delivery.assumptions import Assumptions, lane_of_item
from delivery.decisions import FunctionFailed, FunctionReturned
from delivery.records import Batch, Invocation
from delivery.settings import MappingSettings
from delivery.shard import ShardDelivery
from tests.support.delivery.stream_record_examples import WRITTEN_AT, example_record, numbers_of, sequence_number

NOW = WRITTEN_AT
SUCCESS = FunctionReturned(b"null", Invocation(request_id="r"))
FAILURE = FunctionFailed(Invocation(request_id="r", function_error="Unhandled"))


def by_first_letter(item: str, lanes: int) -> int:
    return ord(item[0]) % lanes


def shard(items: str, assumptions: Assumptions | None = None, **changes: Any) -> ShardDelivery:
    """A shard with two lanes, and a record for each letter."""
    settings = MappingSettings(
        uuid="u", stream_arn="stream", function_arn="function", parallelization_factor=2, **changes
    )
    delivery = ShardDelivery(settings, assumptions or Assumptions(lane=by_first_letter), None)
    delivery.add((example_record(number, item=item) for number, item in enumerate(items, start=1)), NOW)
    return delivery


def started(delivery: ShardDelivery, now: float = NOW) -> dict[int, list[int]]:
    return {lane: numbers_of(due.batch.records) for lane, due in delivery.start(now) if due.batch is not None}


def test_all_records_of_an_item_take_the_same_lane() -> None:
    assert started(shard("bdcbdc")) == {0: [1, 2, 4, 5], 1: [3, 6]}


def test_a_lane_has_one_batch_in_flight() -> None:
    delivery = shard("bbbcc", batch_size=1)
    assert started(delivery) == {0: [1], 1: [4]}
    assert started(delivery) == {}
    delivery.take_outcome(1, SUCCESS, NOW)
    assert started(delivery) == {1: [5]}


def test_the_checkpoint_waits_for_the_slowest_lane() -> None:
    delivery = shard("bcbc", batch_size=1)
    delivery.start(NOW)
    delivery.take_outcome(1, SUCCESS, NOW)
    assert delivery.checkpoint is None
    delivery.start(NOW)
    delivery.take_outcome(1, SUCCESS, NOW)
    assert delivery.checkpoint is None
    delivery.take_outcome(0, SUCCESS, NOW)
    assert delivery.checkpoint == sequence_number(2)
    delivery.start(NOW)
    delivery.take_outcome(0, SUCCESS, NOW)
    assert delivery.checkpoint == sequence_number(4)
    assert delivery.is_idle


def test_other_lanes_continue_while_one_fails() -> None:
    delivery = shard("bcc", batch_size=1)
    delivery.start(NOW)
    delivery.take_outcome(0, FAILURE, NOW)
    delivery.take_outcome(1, SUCCESS, NOW)
    assert started(delivery) == {1: [3]}


def test_a_failing_lane_stops_the_others_if_assumed() -> None:
    assumptions = Assumptions(lane=by_first_letter, stalled_lane_stalls_shard=True)
    delivery = shard("bcc", assumptions, batch_size=1)
    delivery.start(NOW)
    delivery.take_outcome(0, FAILURE, NOW)
    delivery.take_outcome(1, SUCCESS, NOW)
    assert started(delivery) == {}
    assert started(delivery, NOW + 1) == {0: [1]}
    assert started(delivery, NOW + 1) == {}
    delivery.take_outcome(0, SUCCESS, NOW + 1)
    assert started(delivery, NOW + 1) == {1: [3]}


def test_reading_stops_while_a_lane_is_stalled() -> None:
    assumptions = Assumptions(lane=by_first_letter, read_ahead_records=4, read_ahead_batches=1)
    delivery = shard("bccc", assumptions, batch_size=1)
    assert not delivery.has_room
    delivery.start(NOW)
    delivery.take_outcome(0, SUCCESS, NOW)
    assert delivery.has_room


def test_the_checkpoint_waits_for_the_document_of_a_discarded_batch() -> None:
    delivery = shard("bb", batch_size=1, maximum_retry_attempts=0)
    delivery.start(NOW)
    discard = delivery.take_outcome(0, FAILURE, NOW).discarded
    assert discard is not None
    assert started(delivery) == {0: [2]}
    delivery.take_outcome(0, SUCCESS, NOW)
    assert delivery.checkpoint is None
    delivery.settle_records(discard.records)
    assert delivery.checkpoint == sequence_number(2)


def test_the_lane_of_an_item_is_the_same_in_every_process() -> None:
    assert [lane_of_item(f'{{"userId":{{"S":"{user}"}}}}', 10) for user in "abcdef"] == [1, 5, 2, 1, 4, 4]


def test_every_lane_is_used() -> None:
    assert {lane_of_item(str(number), 10) for number in range(200)} == set(range(10))


def test_a_batch_is_not_equal_to_another_with_the_same_records() -> None:
    """Two deliveries of one record are two batches: each counts its own attempts."""
    assert Batch((example_record(1),)) != Batch((example_record(1),))
