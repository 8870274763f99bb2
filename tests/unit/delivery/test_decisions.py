"""What follows from one outcome, and what is too old to be delivered."""

import json
from typing import Any

import pytest

from delivery.assumptions import Assumptions
from delivery.decisions import FunctionFailed, FunctionReturned, NotAdmitted, decide, expire
from delivery.records import Batch, Invocation
from delivery.settings import MappingSettings
from tests.support.delivery.stream_record_examples import (
    WRITTEN_AT,
    example_record,
    example_records,
    numbers_of,
    sequence_number,
)

INVOCATION = Invocation(request_id="r", function_error="Unhandled")
NOW = WRITTEN_AT + 1


def settings(**changes: Any) -> MappingSettings:
    return MappingSettings(uuid="u", stream_arn="stream", function_arn="function", **changes)


def partial(number: int) -> FunctionReturned:
    answer = {"batchItemFailures": [{"itemIdentifier": sequence_number(number)}]}
    return FunctionReturned(json.dumps(answer).encode(), Invocation(request_id="r"))


def test_what_was_not_admitted_comes_again_and_costs_no_attempt() -> None:
    batch = Batch(example_records(1, 2))
    for _ in range(10):
        decision = decide(batch, NotAdmitted("throttled"), NOW, settings(maximum_retry_attempts=0), Assumptions())
        assert decision.next_batches == [batch]
        assert decision.discarded is None
    assert batch.failures == 0


def test_waits_grow_to_a_limit() -> None:
    assumptions = Assumptions(first_retry_seconds=0.2, retry_growth=2.0, longest_retry_seconds=1.0)
    batch = Batch(example_records(1, 1))
    waits = [decide(batch, FunctionFailed(INVOCATION), NOW, settings(), assumptions).wait_seconds for _ in range(5)]
    assert waits == [0.2, 0.4, 0.8, 1.0, 1.0]


def test_waits_begin_anew_after_progress_or_a_split() -> None:
    mapping = settings(report_batch_item_failures=True, bisect=True)
    batch = Batch(example_records(1, 4))
    assert decide(batch, partial(3), NOW, mapping, Assumptions()).wait_seconds == 0
    assert decide(batch, FunctionFailed(INVOCATION), NOW, mapping, Assumptions()).wait_seconds == 0


@pytest.mark.parametrize(("split", "halves"), [("half", [[1, 2], [3, 4, 5]]), ("isolate", [[1], [2, 3, 4, 5]])])
def test_where_a_batch_is_split_that_names_its_first_record(split: Any, halves: list[list[int]]) -> None:
    mapping = settings(report_batch_item_failures=True, bisect=True)
    assumptions = Assumptions(split_on_first_record=split)
    decision = decide(Batch(example_records(1, 5)), partial(1), NOW, mapping, assumptions)
    assert [numbers_of(batch.records) for batch in decision.next_batches] == halves


def test_a_batch_that_raises_is_halved_whatever_the_parameter() -> None:
    assumptions = Assumptions(split_on_first_record="isolate")
    decision = decide(Batch(example_records(1, 5)), FunctionFailed(INVOCATION), NOW, settings(bisect=True), assumptions)
    assert [numbers_of(batch.records) for batch in decision.next_batches] == [[1, 2], [3, 4, 5]]


def test_unlimited_retries_never_give_up() -> None:
    batch = Batch(example_records(1, 2))
    for _ in range(1000):
        assert decide(batch, FunctionFailed(INVOCATION), NOW, settings(), Assumptions()).next_batches == [batch]


def aged(*ages: float) -> Batch:
    return Batch(tuple(example_record(number, written_at=NOW - age) for number, age in enumerate(ages, start=1)))


def test_only_what_is_too_old_goes() -> None:
    due = expire(aged(70, 61, 5, 1), NOW, settings(maximum_record_age_seconds=60), Assumptions())
    (discarded,) = due.discards
    assert (numbers_of(discarded.records), discarded.condition) == ([1, 2], "RecordAgeExceeded")
    assert (discarded.invocations, discarded.last_invocation) == (0, None)
    assert due.batch is not None
    assert numbers_of(due.batch.records) == [3, 4]


def test_nothing_is_left_of_a_batch_that_is_too_old() -> None:
    due = expire(aged(70, 61), NOW, settings(maximum_record_age_seconds=60), Assumptions())
    assert due.batch is None


def test_a_young_batch_stays_as_it_is() -> None:
    batch = aged(59, 1)
    assert expire(batch, NOW, settings(maximum_record_age_seconds=60), Assumptions()) == (batch, ())
    assert expire(aged(3000), NOW, settings(), Assumptions()).discards == ()


def test_the_limit_itself_is_a_parameter() -> None:
    mapping = settings(maximum_record_age_seconds=60)
    assert expire(aged(60), NOW, mapping, Assumptions()).discards == ()
    assert expire(aged(60), NOW, mapping, Assumptions(expires_at_limit=True)).batch is None


@pytest.mark.parametrize(
    ("assumptions", "failures"), [(Assumptions(), 0), (Assumptions(fresh_quota_after_expiry=False), 2)]
)
def test_the_quota_of_what_an_age_drop_leaves_is_a_parameter(assumptions: Assumptions, failures: int) -> None:
    batch = aged(70, 1)
    batch.failures = 2
    batch.last_invocation = INVOCATION
    due = expire(batch, NOW, settings(maximum_record_age_seconds=60), assumptions)
    assert due.batch is not None
    assert due.batch.failures == failures
    assert due.discards[0].invocations == 2
    assert due.discards[0].last_invocation == INVOCATION


def test_what_the_stream_has_forgotten_ends_without_a_document() -> None:
    due = expire(aged(86_401, 5), NOW, settings(), Assumptions())
    (discarded,) = due.discards
    assert (numbers_of(discarded.records), discarded.condition) == ([1], None)


def test_a_maximum_age_comes_before_the_streams_own() -> None:
    due = expire(aged(86_401), NOW, settings(maximum_record_age_seconds=60), Assumptions())
    assert [discarded.condition for discarded in due.discards] == ["RecordAgeExceeded"]
