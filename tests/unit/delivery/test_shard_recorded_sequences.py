"""What others recorded on AWS for four records whose second one always fails."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from delivery.assumptions import Assumptions
from delivery.decisions import DiscardedBatch, FunctionFailed, FunctionReturned, InvocationOutcome
from delivery.failure_documents import failure_document
from delivery.records import Batch, Invocation
from delivery.settings import MappingSettings
from delivery.shard import Lane
from functions.runtime.json_log import JsonObject
from tests.support.delivery.stream_record_examples import WRITTEN_AT, example_records, numbers_of, sequence_number

BAD = 2
RETURNED = Invocation(request_id="r")
RAISED = Invocation(request_id="r", function_error="Unhandled")


def settings(**changes: Any) -> MappingSettings:
    return MappingSettings(
        uuid="u", stream_arn="stream", function_arn="function", batch_size=4, destination_arn="queue", **changes
    )


def raising(numbers: list[int]) -> FunctionFailed | FunctionReturned:
    return FunctionFailed(RAISED) if BAD in numbers else FunctionReturned(b"null", RETURNED)


def naming(identifier: str) -> Callable[[list[int]], FunctionFailed | FunctionReturned]:
    """Return a function that returns the identifier when it gets the bad record."""
    answer = json.dumps({"batchItemFailures": [{"itemIdentifier": identifier}]}).encode()

    def function(numbers: list[int]) -> FunctionFailed | FunctionReturned:
        return FunctionReturned(answer if BAD in numbers else b'{"batchItemFailures": []}', RETURNED)

    return function


def deliver(
    function: Callable[[list[int]], InvocationOutcome], mapping: MappingSettings, assumptions: Assumptions | None = None
) -> tuple[list[list[int]], list[DiscardedBatch]]:
    """Deliver the four records in one lane; return the invocations and the discarded batches."""
    lane = Lane(mapping, assumptions or Assumptions())
    for record in example_records(1, 4):
        lane.add(record, WRITTEN_AT)
    invocations: list[list[int]] = []
    discards: list[DiscardedBatch] = []
    while (now := lane.next_time()) is not None:
        start = lane.start(max(now, WRITTEN_AT))
        discards += start.discards
        if start.batch is None:
            continue
        numbers = numbers_of(start.batch.records)
        invocations.append(numbers)
        discard = lane.take_outcome(function(numbers), max(now, WRITTEN_AT)).discarded
        discards += [discard] if discard else []
    return invocations, discards


def document(discard: DiscardedBatch, mapping: MappingSettings) -> JsonObject:
    return failure_document(discard, "shard", mapping, "unused")


def test_a_batch_that_raises_is_retried_whole_without_bisect() -> None:
    mapping = settings(maximum_retry_attempts=2)
    invocations, (discard,) = deliver(raising, mapping)
    assert invocations == [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]]
    assert numbers_of(discard.records) == [1, 2, 3, 4]


def test_a_batch_that_raises_is_split_in_half_with_bisect() -> None:
    mapping = settings(maximum_retry_attempts=1, bisect=True)
    invocations, (discard,) = deliver(raising, mapping)
    assert invocations == [[1, 2, 3, 4], [1, 2], [1], [2], [2], [3, 4]]
    assert numbers_of(discard.records) == [2]
    assert document(discard, mapping)["requestContext"]["approximateInvokeCount"] == 2
    assert document(discard, mapping)["responseContext"]["functionError"] == "Unhandled"


@pytest.mark.parametrize("bisects", [(), ("bisect",)])
@pytest.mark.parametrize("answers", ["raises", "names the first"])
def test_a_retry_of_the_same_records_has_their_request_id_and_no_other_batch_has(
    bisects: tuple[str, ...], answers: str
) -> None:
    """Recorded: a suffix, or a half, gets an id of its own."""
    answers_in_part = answers != "raises"
    mapping = settings(
        maximum_retry_attempts=2, report_batch_item_failures=answers_in_part, **dict.fromkeys(bisects, True)
    )
    lane = Lane(mapping, Assumptions())
    for record in example_records(1, 4):
        lane.add(record, WRITTEN_AT)
    named = naming(sequence_number(BAD)) if answers_in_part else raising
    ids: dict[tuple[int, ...], str] = {}
    while (now := lane.next_time()) is not None:
        batch = lane.start(max(now, WRITTEN_AT)).batch
        assert batch is not None
        numbers = tuple(numbers_of(batch.records))
        assert batch.request_id == ids.get(numbers)
        invocation = Invocation(request_id=ids.setdefault(numbers, f"id of {numbers}"))
        lane.take_outcome(named(list(numbers))._replace(invocation=invocation), max(now, WRITTEN_AT))


def test_partial_responses_without_bisect_discard_good_records_too() -> None:
    mapping = settings(maximum_retry_attempts=1, report_batch_item_failures=True)
    invocations, (discard,) = deliver(naming(sequence_number(BAD)), mapping)
    assert invocations == [[1, 2, 3, 4], [2, 3, 4], [2, 3, 4]]
    assert numbers_of(discard.records) == [2, 3, 4]
    assert document(discard, mapping)["requestContext"]["approximateInvokeCount"] == 2


@pytest.mark.parametrize("split", ["half", "isolate"])
def test_partial_responses_with_bisect_isolate_the_bad_record(split: Any) -> None:
    """Both assumptions on where a batch that names its first record is split fit this sequence."""
    mapping = settings(maximum_retry_attempts=1, report_batch_item_failures=True, bisect=True)
    assumptions = Assumptions(split_on_first_record=split)
    invocations, (discard,) = deliver(naming(sequence_number(BAD)), mapping, assumptions)
    assert invocations == [[1, 2, 3, 4], [2, 3, 4], [2], [2], [3, 4]]
    assert numbers_of(discard.records) == [2]
    assert document(discard, mapping)["requestContext"]["approximateInvokeCount"] == 2
    assert document(discard, mapping)["responseContext"]["functionError"] is None


def test_an_empty_identifier_fails_the_whole_batch() -> None:
    mapping = settings(maximum_retry_attempts=0, report_batch_item_failures=True)
    invocations, (discard,) = deliver(naming(""), mapping)
    assert invocations == [[1, 2, 3, 4]]
    assert numbers_of(discard.records) == [1, 2, 3, 4]
    assert document(discard, mapping)["responseContext"]["functionError"] is None


@pytest.mark.parametrize(("attempts", "invocations"), [(0, 1), (1, 2), (2, 3), (3, 4)])
def test_maximum_retry_attempts_counts_retries_and_not_invocations(attempts: int, invocations: int) -> None:
    mapping = settings(maximum_retry_attempts=attempts)
    delivered, (discard,) = deliver(raising, mapping)
    assert len(delivered) == invocations
    assert document(discard, mapping)["requestContext"]["approximateInvokeCount"] == invocations


def test_reported_failures_are_ignored_unless_configured() -> None:
    invocations, discards = deliver(naming(sequence_number(BAD)), settings(maximum_retry_attempts=3))
    assert invocations == [[1, 2, 3, 4]]
    assert discards == []


def test_a_function_error_is_bisected_also_with_partial_responses() -> None:
    mapping = settings(maximum_retry_attempts=1, bisect=True, report_batch_item_failures=True)
    invocations, _ = deliver(raising, mapping)
    assert invocations == [[1, 2, 3, 4], [1, 2], [1], [2], [2], [3, 4]]


def test_a_batch_of_one_is_retried_and_then_discarded() -> None:
    mapping = settings(maximum_retry_attempts=1, bisect=True)
    lane = Lane(mapping, Assumptions())
    lane.add(example_records(2, 2)[0], WRITTEN_AT)
    delivered: list[Batch] = []
    while (now := lane.next_time()) is not None and (batch := lane.start(max(now, WRITTEN_AT)).batch) is not None:
        delivered.append(batch)
        lane.take_outcome(FunctionFailed(RAISED), max(now, WRITTEN_AT))
    assert [numbers_of(batch.records) for batch in delivered] == [[2], [2]]
