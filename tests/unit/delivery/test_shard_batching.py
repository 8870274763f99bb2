"""When a batch is sent: full, at the payload limit, or at the end of its window."""

from typing import Any

from delivery.assumptions import Assumptions
from delivery.decisions import FunctionReturned
from delivery.records import EVENT_BYTES, Invocation, WaitingRecords, event_payload
from delivery.settings import MappingSettings
from delivery.shard import Lane, ShardDelivery
from tests.support.delivery.stream_record_examples import (
    WRITTEN_AT,
    example_record,
    example_records,
    numbers_of,
    sequence_number,
)

SUCCESS = FunctionReturned(b"null", Invocation(request_id="r"))


def settings(**changes: Any) -> MappingSettings:
    return MappingSettings(uuid="u", stream_arn="stream", function_arn="function", **changes)


def waiting(mapping: MappingSettings, assumptions: Assumptions | None = None, count: int = 0) -> WaitingRecords:
    records = WaitingRecords(mapping, assumptions or Assumptions())
    for record in example_records(1, count):
        records.add(record, 0.0)
    return records


def test_without_a_window_even_one_record_is_sent_at_once() -> None:
    records = waiting(settings(batch_size=100), count=1)
    assert records.due_at() == 0.0
    assert numbers_of(records.take_batch().records) == [1]
    assert records.due_at() is None


def test_a_batch_has_at_most_batch_size_records() -> None:
    records = waiting(settings(batch_size=2), count=5)
    assert [numbers_of(records.take_batch().records) for _ in range(3)] == [[1, 2], [3, 4], [5]]


def test_a_batch_waits_for_its_window_unless_it_is_full() -> None:
    records = waiting(settings(batch_size=3, window_seconds=5), count=2)
    assert records.due_at() == 5.0
    records.add(example_record(3), 1.0)
    assert records.due_at() == 0.0


def test_a_batch_is_sent_at_the_payload_limit() -> None:
    assumptions = Assumptions(payload_bytes=EVENT_BYTES + 3 * 11)
    records = waiting(settings(batch_size=100, window_seconds=5), assumptions)
    for number in range(1, 5):
        assert records.due_at() != 0.0
        records.add(example_record(number, size=10), 0.0)
    assert records.due_at() == 0.0
    batch = records.take_batch()
    assert numbers_of(batch.records) == [1, 2, 3]
    assert len(event_payload(batch.records)) <= assumptions.payload_bytes
    assert records.due_at() == 5.0


def test_a_record_over_the_payload_limit_is_sent_alone() -> None:
    records = waiting(settings(), Assumptions(payload_bytes=20))
    for number in (1, 2):
        records.add(example_record(number, size=100), 0.0)
    assert [numbers_of(records.take_batch().records) for _ in range(2)] == [[1], [2]]


def test_windows_open_as_recorded_on_aws() -> None:
    """Size 2, window 5, five writes at once: [1,2] [3,4] [5], the last 4.99 s after the second."""
    lane = Lane(settings(batch_size=2, window_seconds=5), Assumptions())
    for record in example_records(1, 5):
        lane.add(record, WRITTEN_AT)
    sent: list[tuple[float, list[int]]] = []
    now = WRITTEN_AT
    while (due := lane.next_time()) is not None:
        now = max(now, due)
        batch = lane.start(now).batch
        assert batch is not None
        sent.append((now - WRITTEN_AT, numbers_of(batch.records)))
        now += 0.01
        lane.take_outcome(SUCCESS, now)
    assert [numbers for _, numbers in sent] == [[1, 2], [3, 4], [5]]
    assert round(sent[2][0] - sent[1][0], 2) == 5.01


def test_where_a_window_opens_after_a_pause_is_an_assumption() -> None:
    for from_first_record, due in ((True, 105.0), (False, 5.0)):
        records = waiting(settings(window_seconds=5), Assumptions(window_from_first_record=from_first_record))
        records.open_window(0.0)
        records.add(example_record(1), 100.0)
        assert records.due_at() == due


def test_batches_are_made_of_the_records_that_the_filters_let_through() -> None:
    shard = ShardDelivery(settings(batch_size=2, filters=('{"wanted": [true]}',)), Assumptions(), None)
    records = [
        example_record(number)._replace(body=b'{"wanted": %s}' % (b"false" if number in {1, 3, 6} else b"true"))
        for number in range(1, 7)
    ]
    assert shard.add(records, WRITTEN_AT) == 3
    # The first is settled, the third is behind one that isn't.
    assert shard.checkpoint == sequence_number(1)
    ((_, due),) = shard.start(WRITTEN_AT)
    assert due.batch is not None
    assert numbers_of(due.batch.records) == [2, 4]
    shard.take_outcome(0, SUCCESS, WRITTEN_AT)
    assert shard.checkpoint == sequence_number(4)
    ((_, due),) = shard.start(WRITTEN_AT)
    assert due.batch is not None
    assert numbers_of(due.batch.records) == [5]
    shard.take_outcome(0, SUCCESS, WRITTEN_AT)
    assert (shard.checkpoint, shard.is_idle) == (sequence_number(6), True)
