"""What follows from an invocation: what is settled, what comes again and when, and what is given up.

Rules: Lambda developer guide, "Retaining discarded batches for a DynamoDB event source" and "Configuring partial batch
response"; what the guide leaves open follows sequences that others recorded on AWS (tests/unit/delivery).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal, NamedTuple

from delivery.records import Batch, Invocation, StreamRecord
from delivery.settings import INFINITE, MappingSettings, Parameters
from functions.runtime.json_log import Json, is_array, is_object

# What the function's answer says of a batch.
#
# Rules: Lambda developer guide, "Configuring partial batch response with DynamoDB and Lambda";
# answers that the guide doesn't name are decided by `Parameters`.


class Answer(NamedTuple):
    """What became of a batch that the function returned from."""

    settled: int
    """So many records, from the first on, are processed: the whole batch after a success."""
    names_first_record: bool = False
    """Nothing is settled and the answer names the first record as the one that failed."""


def read_answer(payload: bytes, records: Sequence[StreamRecord], parameters: Parameters) -> Answer:
    """Read the answer of a function that reports batch item failures.

    | Answer                                            | Meaning                                      |
    | ------------------------------------------------- | -------------------------------------------- |
    | null, {}, [], batchItemFailures empty or null     | all is processed                             |
    | identifier "", null or not there; or not of batch | nothing is                                   |
    | identifiers of the batch                          | what comes before the first of them is       |
    | anything else                                     | see `Parameters`                             |
    """
    succeeded, failed = Answer(len(records)), Answer(0)
    unreadable = failed if parameters.unreadable_answer == "fails" else succeeded
    try:
        answer: Json = json.loads(payload) if payload else None
    except ValueError:
        return unreadable
    if answer is None or answer in ({}, []):
        return succeeded
    if not is_object(answer):
        return unreadable
    failures: Json = answer.get("batchItemFailures")
    if failures is None or failures == []:
        return succeeded
    if not is_array(failures):
        return unreadable
    return _lowest(failures, records, parameters.invalid_identifier) or failed


def _lowest(
    failures: list[Json], records: Sequence[StreamRecord], invalid: Literal["fails", "ignored"]
) -> Answer | None:
    """Return where the first named record stands; None when the batch fails as a whole.

    Places are compared, not sequence numbers: as texts those would be in the wrong order.
    """
    places = {record.sequence_number: place for place, record in enumerate(records)}
    lowest: int | None = None
    for failure in failures:
        identifier: Json = failure.get("itemIdentifier") if is_object(failure) else None
        place = places.get(identifier) if isinstance(identifier, str) else None
        if place is not None:
            lowest = place if lowest is None else min(lowest, place)
        elif invalid == "fails":
            return None
    if lowest is None:
        return None
    return Answer(lowest, names_first_record=lowest == 0)


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
