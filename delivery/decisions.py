"""What follows from an invocation: which records are settled, retried, split or discarded.

Rules: Lambda developer guide, "Retaining discarded batches for a DynamoDB event source" and
"Configuring partial batch response with DynamoDB and Lambda". What the guide leaves open follows
sequences recorded on AWS (tests/unit/delivery/test_shard_recorded_sequences.py) or `Assumptions`.
"""

import json
from collections.abc import Sequence
from itertools import takewhile
from typing import Literal, NamedTuple

from delivery.assumptions import Assumptions
from delivery.records import Batch, Invocation, StreamRecord
from delivery.settings import INFINITE, MappingSettings
from functions.runtime.json_log import Json, is_array, is_object


class NotAdmitted(NamedTuple):
    """No invocation took place: Lambda throttled or denied it, or could not be reached."""

    reason: str


class FunctionFailed(NamedTuple):
    """The function raised, timed out, or its environment died."""

    invocation: Invocation


class FunctionReturned(NamedTuple):
    """The function returned a response."""

    payload: bytes
    invocation: Invocation


InvocationOutcome = NotAdmitted | FunctionFailed | FunctionReturned

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]
"""Why a batch is discarded, as a failure document names it."""


class DiscardedBatch(NamedTuple):
    """Records that are not delivered any more."""

    records: tuple[StreamRecord, ...]
    condition: Condition | None
    """None when the stream itself has trimmed the records; then there is no failure document."""
    invocations: int
    """How often the function got exactly these records."""
    last_invocation: Invocation | None
    at: float
    """Seconds since the epoch."""


class Decision(NamedTuple):
    """What follows from the outcome of a batch."""

    batch: Batch
    settled: Sequence[StreamRecord] = ()
    discarded: DiscardedBatch | None = None
    next_batches: Sequence[Batch] = ()
    """To be delivered next, in this order, before any other record of the lane."""
    wait_seconds: float = 0.0
    """To wait before the first of them."""


def decide(
    batch: Batch, outcome: InvocationOutcome, now: float, settings: MappingSettings, assumptions: Assumptions
) -> Decision:
    """Decide what follows from the outcome of a batch, and update the batch's counts.

    | Outcome                     | What follows                                              |
    | --------------------------- | --------------------------------------------------------- |
    | not admitted                | the same batch after a wait, without using up a retry     |
    | all records settled         | checkpoint behind the batch                               |
    | the first n settled         | the rest as a new batch, at once and with all its retries |
    | none settled, bisect, n > 1 | two halves, at once and each with all its retries         |
    | none settled, retries left  | the same batch after a wait                               |
    | none settled, none left     | the batch is discarded                                    |
    """
    if isinstance(outcome, NotAdmitted):
        batch.refusals += 1
        return Decision(batch, next_batches=[batch], wait_seconds=assumptions.retry_wait(batch.refusals))
    batch.refusals = 0
    records = batch.records
    if isinstance(outcome, FunctionFailed):
        settled = None
    elif settings.report_batch_item_failures:
        settled = read_response(outcome.payload, records, assumptions)
    else:
        settled = len(records)
    if settled == len(records):
        return Decision(batch, settled=records)
    if settled:
        return Decision(batch, settled=records[:settled], next_batches=[Batch(records[settled:])])
    batch.last_invocation = outcome.invocation
    batch.request_id = outcome.invocation.request_id  # A retry of the same records has it too (recorded).
    batch.failures += 1
    if settings.bisect and len(records) > 1:
        isolate = settled == 0 and assumptions.split_on_first_record == "isolate"
        middle = 1 if isolate else len(records) // 2
        return Decision(batch, next_batches=[Batch(records[:middle]), Batch(records[middle:])])
    if settings.maximum_retry_attempts != INFINITE and batch.failures > settings.maximum_retry_attempts:
        discarded = DiscardedBatch(records, "RetryAttemptsExhausted", batch.failures, batch.last_invocation, now)
        return Decision(batch, discarded=discarded)
    return Decision(batch, next_batches=[batch], wait_seconds=assumptions.retry_wait(batch.failures))


def read_response(payload: bytes, records: Sequence[StreamRecord], assumptions: Assumptions) -> int | None:
    """Read the response of a function that reports batch item failures of a stream.

    Returns:
        How many records, from the first on, are settled: 0 when the first one is named; None when
        the batch fails as a whole.
    """
    # Positions, because sequence numbers compare wrongly as strings.
    failed = failed_positions(payload, [record.sequence_number for record in records], assumptions)
    return None if failed is None else min(failed, default=len(records))


def failed_positions(payload: bytes, identifiers: Sequence[str], assumptions: Assumptions) -> set[int] | None:
    """Read the response of a function that reports batch item failures.

    | Response                                           | Failed                             |
    | -------------------------------------------------- | ---------------------------------- |
    | null, {}, [], batchItemFailures empty or null      | none                               |
    | identifier "", null, missing, or not in the batch  | the batch as a whole               |
    | identifiers of the batch                           | those named                        |
    | anything else                                      | see `Assumptions`                  |

    Args:
        payload: the response.
        identifiers: of the batch: sequence numbers of a stream, message ids of a queue.
        assumptions: what holds where AWS's documentation leaves a choice.

    Returns:
        The positions of those that failed; None when the batch fails as a whole.
    """
    unreadable: set[int] | None = None if assumptions.unreadable_response == "fails" else set()
    try:
        response: Json = json.loads(payload) if payload else None
    except ValueError:
        return unreadable
    failures: Json = response.get("batchItemFailures") if is_object(response) else response
    if failures is None or failures == []:
        return set()
    if not is_object(response) or not is_array(failures):
        return unreadable
    positions = {identifier: position for position, identifier in enumerate(identifiers)}
    named: set[int] = set()
    for failure in failures:
        identifier: Json = failure.get("itemIdentifier") if is_object(failure) else None
        position = positions.get(identifier) if isinstance(identifier, str) else None
        if position is not None:
            named.add(position)
        elif assumptions.invalid_identifier == "fails":
            return None
    return named or None


class DueBatch(NamedTuple):
    """A batch that is due, without the records that are too old to be delivered."""

    batch: Batch | None
    """None when no record is left."""
    discards: Sequence[DiscardedBatch]


def expire(batch: Batch, now: float, settings: MappingSettings, assumptions: Assumptions) -> DueBatch:
    """Discard the oldest records of a batch if they are too old to be delivered."""
    maximum_age = settings.maximum_record_age_seconds

    def is_expired(record: StreamRecord) -> bool:
        age = now - record.written_at
        return age > maximum_age or (age == maximum_age and assumptions.expires_at_limit)

    expired = () if maximum_age == INFINITE else tuple(takewhile(is_expired, batch.records))
    rest = batch.records[len(expired) :]
    trimmed = tuple(takewhile(lambda record: now - record.written_at > assumptions.retention_seconds, rest))
    rest = rest[len(trimmed) :]
    if len(rest) == len(batch.records):
        return DueBatch(batch, ())

    discards: list[DiscardedBatch] = []
    if expired:
        discards.append(DiscardedBatch(expired, "RecordAgeExceeded", batch.failures, batch.last_invocation, now))
    if trimmed:
        discards.append(DiscardedBatch(trimmed, None, batch.failures, batch.last_invocation, now))
    if not rest:
        return DueBatch(None, discards)
    if assumptions.fresh_quota_after_expiry:
        return DueBatch(Batch(rest), discards)
    return DueBatch(Batch(rest, batch.failures, batch.refusals, batch.last_invocation), discards)
