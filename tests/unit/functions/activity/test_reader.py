"""Items of Activity by key, at the wire."""

from collections.abc import Callable

import pytest
from botocore.exceptions import ReadTimeoutError

from functions.activity.items import ItemKey, ReadOutcome
from functions.activity.reader import ActivityReader
from functions.runtime.json_log import JsonObject
from tests.support.aws.aws_wire import Answer, Failure, Wire, in_turn
from tests.support.records.record_processing_fakes import ManualClock

TABLE = "Activity-test"
KEYS: list[ItemKey] = [("u-1", "1"), ("u-1", "2"), ("u-2", "1")]


def _item(key: ItemKey) -> JsonObject:
    return {"userId": {"S": key[0]}, "changeId": {"S": key[1]}}


def _answer(found: list[ItemKey], unprocessed: list[ItemKey]) -> JsonObject:
    keys = {TABLE: {"Keys": [_item(key) for key in unprocessed]}} if unprocessed else {}
    return {"Responses": {TABLE: [_item(key) for key in found]}, "UnprocessedKeys": keys}


def _read(
    *answers: Answer | Callable[[JsonObject], Answer], keys: list[ItemKey] = KEYS, clock: ManualClock | None = None
) -> tuple[ReadOutcome, list[list[JsonObject]]]:
    wire = Wire("dynamodb", in_turn(*answers))
    outcome = ActivityReader(wire.client, TABLE, clock or ManualClock()).read(keys)
    assert all(request["RequestItems"][TABLE]["ConsistentRead"] for request in wire.requests)
    return outcome, [request["RequestItems"][TABLE]["Keys"] for request in wire.requests]


def test_what_exists_is_found_in_one_consistent_call() -> None:
    outcome, asked = _read(_answer(KEYS[:2], []))
    assert outcome == ReadOutcome({key: _item(key) for key in KEYS[:2]}, None, frozenset())
    assert asked == [[_item(key) for key in KEYS]]


def test_a_key_that_is_named_twice_is_asked_for_once() -> None:
    _, asked = _read(_answer(KEYS, []), keys=[*KEYS, KEYS[0]])
    assert asked == [[_item(key) for key in KEYS]]


def test_nothing_is_asked_for_no_key() -> None:
    assert _read(_answer([], []), keys=[]) == (ReadOutcome({}, None, frozenset()), [])


def test_unprocessed_keys_are_asked_for_again() -> None:
    outcome, asked = _read(_answer(KEYS[:1], KEYS[1:]), _answer(KEYS[1:], []))
    assert (set(outcome.items), outcome.interruption) == (set(KEYS), None)
    assert asked[1] == [_item(key) for key in KEYS[1:]]


def test_keys_that_stay_unprocessed_are_named_with_what_was_found() -> None:
    clock = ManualClock()
    outcome, asked = _read(_answer(KEYS[:1], KEYS[1:]), _answer([], KEYS[1:]), clock=clock)
    assert outcome == ReadOutcome({KEYS[0]: _item(KEYS[0])}, "BatchGetItem: keys stay unprocessed", frozenset(KEYS[1:]))
    assert len(asked) == 5
    assert 0.3 < sum(clock.slept) < 0.8


def test_reading_ends_before_the_invocations_time_does() -> None:
    outcome, asked = _read(_answer([], KEYS), clock=ManualClock(remaining=0.06))
    assert (outcome.unread, len(asked)) == (frozenset(KEYS), 1)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Failure("ThrottlingException"), "BatchGetItem: ThrottlingException"),
        (Failure("ValidationException", message="secret"), "BatchGetItem: ValidationException"),
        (ReadTimeoutError(endpoint_url="https://dynamodb"), "ReadTimeoutError"),
    ],
)
def test_a_failed_call_leaves_all_unread_with_a_reason(failure: Answer, reason: str) -> None:
    outcome, _ = _read(failure)
    assert outcome == ReadOutcome({}, reason, frozenset(KEYS))
