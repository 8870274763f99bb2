"""What follows from one outcome, and which records are too old to be delivered."""

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


def test_a_batch_that_was_not_admitted_is_retried_without_using_up_an_attempt() -> None:
    batch = Batch(example_records(1, 2))
    for _ in range(10):
        decision = decide(batch, NotAdmitted("throttled"), NOW, settings(maximum_retry_attempts=0), Assumptions())
        assert decision.next_batches == [batch]
        assert decision.discarded is None
    assert batch.failures == 0


def test_waits_between_retries_grow_to_a_limit() -> None:
    assumptions = Assumptions(first_retry_seconds=0.2, retry_growth=2.0, longest_retry_seconds=1.0)
    batch = Batch(example_records(1, 1))
    waits = [decide(batch, FunctionFailed(INVOCATION), NOW, settings(), assumptions).wait_seconds for _ in range(5)]
    assert waits == [0.2, 0.4, 0.8, 1.0, 1.0]


def test_progress_or_a_split_resets_the_wait() -> None:
    mapping = settings(report_batch_item_failures=True, bisect=True)
    batch = Batch(example_records(1, 4))
    assert decide(batch, partial(3), NOW, mapping, Assumptions()).wait_seconds == 0
    assert decide(batch, FunctionFailed(INVOCATION), NOW, mapping, Assumptions()).wait_seconds == 0


@pytest.mark.parametrize(("split", "halves"), [("half", [[1, 2], [3, 4, 5]]), ("isolate", [[1], [2, 3, 4, 5]])])
def test_where_a_batch_that_names_its_first_record_is_split_is_an_assumption(
    split: Any, halves: list[list[int]]
) -> None:
    mapping = settings(report_batch_item_failures=True, bisect=True)
    assumptions = Assumptions(split_on_first_record=split)
    decision = decide(Batch(example_records(1, 5)), partial(1), NOW, mapping, assumptions)
    assert [numbers_of(batch.records) for batch in decision.next_batches] == halves


def test_a_batch_that_raises_is_halved_under_either_assumption() -> None:
    assumptions = Assumptions(split_on_first_record="isolate")
    decision = decide(Batch(example_records(1, 5)), FunctionFailed(INVOCATION), NOW, settings(bisect=True), assumptions)
    assert [numbers_of(batch.records) for batch in decision.next_batches] == [[1, 2], [3, 4, 5]]


def test_a_batch_with_unlimited_retries_is_never_discarded() -> None:
    batch = Batch(example_records(1, 2))
    for _ in range(1000):
        assert decide(batch, FunctionFailed(INVOCATION), NOW, settings(), Assumptions()).next_batches == [batch]


def aged(*ages: float) -> Batch:
    return Batch(tuple(example_record(number, written_at=NOW - age) for number, age in enumerate(ages, start=1)))


def test_only_expired_records_are_discarded() -> None:
    due = expire(aged(70, 61, 5, 1), NOW, settings(maximum_record_age_seconds=60), Assumptions())
    (discarded,) = due.discards
    assert (numbers_of(discarded.records), discarded.condition) == ([1, 2], "RecordAgeExceeded")
    assert (discarded.invocations, discarded.last_invocation) == (0, None)
    assert due.batch is not None
    assert numbers_of(due.batch.records) == [3, 4]


def test_nothing_is_left_of_a_batch_that_expired() -> None:
    due = expire(aged(70, 61), NOW, settings(maximum_record_age_seconds=60), Assumptions())
    assert due.batch is None


def test_a_batch_that_has_not_expired_stays_unchanged() -> None:
    batch = aged(59, 1)
    assert expire(batch, NOW, settings(maximum_record_age_seconds=60), Assumptions()) == (batch, ())
    assert expire(aged(3000), NOW, settings(), Assumptions()).discards == ()


def test_whether_a_record_expires_at_the_limit_is_an_assumption() -> None:
    mapping = settings(maximum_record_age_seconds=60)
    assert expire(aged(60), NOW, mapping, Assumptions()).discards == ()
    assert expire(aged(60), NOW, mapping, Assumptions(expires_at_limit=True)).batch is None


@pytest.mark.parametrize(
    ("assumptions", "failures"), [(Assumptions(), 0), (Assumptions(fresh_quota_after_expiry=False), 2)]
)
def test_the_retries_left_after_expiry_are_an_assumption(assumptions: Assumptions, failures: int) -> None:
    batch = aged(70, 1)
    batch.failures = 2
    batch.last_invocation = INVOCATION
    due = expire(batch, NOW, settings(maximum_record_age_seconds=60), assumptions)
    assert due.batch is not None
    assert due.batch.failures == failures
    assert due.discards[0].invocations == 2
    assert due.discards[0].last_invocation == INVOCATION


def test_trimmed_records_are_discarded_without_a_condition() -> None:
    due = expire(aged(86_401, 5), NOW, settings(), Assumptions())
    (discarded,) = due.discards
    assert (numbers_of(discarded.records), discarded.condition) == ([1], None)


def test_the_maximum_age_is_applied_before_the_stream_s_retention() -> None:
    due = expire(aged(86_401), NOW, settings(maximum_record_age_seconds=60), Assumptions())
    assert [discarded.condition for discarded in due.discards] == ["RecordAgeExceeded"]
