"""What the function's answer says of a batch.

Rules: Lambda developer guide, "Configuring partial batch response with DynamoDB and Lambda"; answers that the guide
doesn't name are decided by `Parameters`.
"""

import json
from collections.abc import Sequence
from typing import Literal, NamedTuple

from functions.json_types import Json, is_array, is_object
from local.event_source_mapping.parameters import Parameters
from local.event_source_mapping.records import StreamRecord


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
