"""What follows from an invocation: what is settled, what comes again and when, and what is given up.

Rules: Lambda developer guide, "Retaining discarded batches for a DynamoDB event source" and "Configuring partial batch
response"; what the guide leaves open follows sequences that others recorded on AWS (tests/unit/event_source_mapping).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal, NamedTuple

from local.event_source_mapping.batching import Batch, Invocation
from local.event_source_mapping.parameters import Parameters
from local.event_source_mapping.records import StreamRecord
from local.event_source_mapping.response import Answer, read_answer
from local.event_source_mapping.settings import INFINITE, MappingSettings

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]
"""Why a batch was given up, in AWS's words."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Discard:
    """Records that are given up."""

    records: tuple[StreamRecord, ...]
    condition: Condition | None
    """None when the stream itself has forgotten them, of which no document is made."""
    invocations: int
    """How often the function got exactly these records."""
    last_invocation: Invocation | None
    at: float
    """Seconds since the epoch."""


class NotAdmitted(NamedTuple):
    """The attempt was throttled, denied, or didn't reach the service: no invocation took place."""

    reason: str


class FunctionFailed(NamedTuple):
    """The function raised, was cut off by its time limit, or its environment died."""

    invocation: Invocation


class FunctionReturned(NamedTuple):
    """The function returned."""

    payload: bytes
    """Its answer, as JSON."""
    invocation: Invocation


Outcome = NotAdmitted | FunctionFailed | FunctionReturned


class Verdict(NamedTuple):
    """What follows from an outcome."""

    settled: Sequence[StreamRecord] = ()
    """Processed."""
    discard: Discard | None = None
    next_batches: Sequence[Batch] = ()
    """What comes again, in this order, before any other record of the lane."""
    wait_seconds: float = 0.0
    """To wait before the first of them."""


def judge(batch: Batch, outcome: Outcome, now: float, settings: MappingSettings, parameters: Parameters) -> Verdict:
    """Decide what follows from the outcome of a batch.

    Args:
        batch: What was delivered. Its counts are brought up to date.
        outcome: What came of it.
        now: Seconds since the epoch.
        settings: Of the mapping.
        parameters: For what AWS doesn't tell.
    """
    if isinstance(outcome, NotAdmitted):
        batch.refusals += 1
        return Verdict(next_batches=[batch], wait_seconds=parameters.retry_wait(batch.refusals))
    batch.refusals = 0
    answer = _answer(batch, outcome, settings, parameters)
    if answer.settled == len(batch.records):
        return Verdict(settled=batch.records)
    if answer.settled:
        # Progress: the rest is a new batch, at once and with all its retries (recorded).
        return Verdict(settled=batch.records[: answer.settled], next_batches=[Batch(batch.records[answer.settled :])])
    batch.last_invocation = outcome.invocation
    batch.failures += 1
    if settings.bisect and len(batch.records) > 1:
        isolate = answer.names_first_record and parameters.split_on_first_record == "isolate"
        middle = 1 if isolate else len(batch.records) // 2
        return Verdict(next_batches=[Batch(batch.records[:middle]), Batch(batch.records[middle:])])
    if settings.maximum_retry_attempts != INFINITE and batch.failures > settings.maximum_retry_attempts:
        return Verdict(discard=_discard(batch, batch.records, "RetryAttemptsExhausted", now))
    return Verdict(next_batches=[batch], wait_seconds=parameters.retry_wait(batch.failures))


def _answer(
    batch: Batch, outcome: FunctionFailed | FunctionReturned, settings: MappingSettings, parameters: Parameters
) -> Answer:
    if isinstance(outcome, FunctionFailed):
        return Answer(0)
    if not settings.report_batch_item_failures:
        return Answer(len(batch.records))
    return read_answer(outcome.payload, batch.records, parameters)


class Expiry(NamedTuple):
    """A batch without the records that are too old to be delivered."""

    discards: Sequence[Discard]
    rest: Batch | None
    """None when nothing is left."""


def expire(batch: Batch, now: float, settings: MappingSettings, parameters: Parameters) -> Expiry:
    """Give up the oldest records of a batch, as far as they are too old, before it is delivered."""
    discards: list[Discard] = []
    rest: tuple[StreamRecord, ...] = batch.records

    limit = settings.maximum_record_age_seconds
    if limit != INFINITE:
        expired = tuple(takewhile(lambda record: _is_expired(now - record.written_at, limit, parameters), rest))
        if expired:
            discards.append(_discard(batch, expired, "RecordAgeExceeded", now))
            rest = rest[len(expired) :]

    forgotten = tuple(takewhile(lambda record: now - record.written_at > parameters.retention_seconds, rest))
    if forgotten:
        discards.append(_discard(batch, forgotten, None, now))
        rest = rest[len(forgotten) :]

    if not discards:
        return Expiry((), batch)
    if not rest:
        return Expiry(discards, None)
    if parameters.fresh_quota_after_expiry:
        return Expiry(discards, Batch(rest))
    return Expiry(discards, Batch(rest, batch.failures, batch.refusals, batch.last_invocation))


def _is_expired(age: float, limit: int, parameters: Parameters) -> bool:
    return age >= limit if parameters.expires_at_limit else age > limit


def _discard(batch: Batch, records: tuple[StreamRecord, ...], condition: Condition | None, now: float) -> Discard:
    return Discard(
        records=records,
        condition=condition,
        invocations=batch.failures,
        last_invocation=batch.last_invocation,
        at=now,
    )
