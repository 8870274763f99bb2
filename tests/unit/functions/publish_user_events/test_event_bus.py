"""What EventBridge takes and refuses, event by event."""

from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from functions.consumers.stored_change import RetryChangeError, UnprocessableChangeError
from functions.publish_user_events.event_bus import BYTES_PER_CALL, ENTRIES_PER_CALL, REFUSALS, EventBus
from functions.publish_user_events.user_event import MAXIMUM_ENTRY_BYTES, UserEvent
from functions.runtime.json_log import JsonObject
from tests.support.aws.aws_wire import Answer, Failure, Wire, in_turn

BUS = "UserEvents-test"
RETRYABLE = [
    "InternalFailure",
    "ThrottlingException",
    "AccessDeniedException",
    "NotAuthorizedForSourceException",
    "NotAuthorizedForDetailTypeException",
    "InvalidAccountIdException",
    "RedactionFailure",
    "SomethingNew",
]


def event(number: int, size: int = 0) -> UserEvent:
    detail = f'{{"number": {number}}}'
    return UserEvent("userstream.test", "UserChanged", detail.ljust(size - len("userstream.testUserChanged")))


def taken(request: JsonObject) -> Answer:
    """Take every entry."""
    return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in request["Entries"]]}


WIRE = Wire("events", taken)


def put(events: dict[int, UserEvent], answer: Any = taken) -> tuple[dict[int, Exception], list[JsonObject]]:
    """Return the failures, and the requests that were sent."""
    WIRE.answer = answer
    WIRE.requests.clear()
    return EventBus(WIRE.client, BUS).put(events), list(WIRE.requests)


def numbers(requests: Sequence[JsonObject]) -> list[list[str]]:
    """Return the details of each call."""
    return [[entry["Detail"].strip() for entry in request["Entries"]] for request in requests]


def test_an_event_is_put_on_the_bus_without_a_time_of_its_own() -> None:
    failures, requests = put({0: event(7)})

    entry = {"EventBusName": BUS, "Source": "userstream.test", "DetailType": "UserChanged", "Detail": '{"number": 7}'}
    assert requests == [{"Entries": [entry]}]
    assert failures == {}


def test_no_event_is_no_call() -> None:
    assert put({}) == ({}, [])


@given(sizes=st.lists(st.integers(60, MAXIMUM_ENTRY_BYTES) | st.integers(60, 100), min_size=1, max_size=25))
def test_calls_keep_both_limits_and_the_order(sizes: list[int]) -> None:
    events = {position: event(position, size) for position, size in enumerate(sizes)}

    failures, requests = put(events)

    assert failures == {}
    assert [number for call in numbers(requests) for number in call] == [
        each.detail.strip() for each in events.values()
    ]
    for request in requests:
        entries = request["Entries"]
        assert len(entries) <= ENTRIES_PER_CALL
        size = sum(len(entry["Source"] + entry["DetailType"] + entry["Detail"]) for entry in entries)
        assert size <= BYTES_PER_CALL


def answering(codes: Sequence[str | None]) -> Any:
    """Fail the entries that have a code."""

    def answer(request: JsonObject) -> Answer:
        results = [{"ErrorCode": code, "ErrorMessage": "m"} if code else {"EventId": "e"} for code in codes]
        assert len(results) == len(request["Entries"])
        return {"FailedEntryCount": sum(map(bool, codes)), "Entries": results}

    return answer


@given(codes=st.lists(st.none() | st.sampled_from([*RETRYABLE, *sorted(REFUSALS)]), min_size=1, max_size=10))
def test_each_entry_fails_by_itself(codes: list[str | None]) -> None:
    events = {position * 3: event(position) for position in range(len(codes))}

    failures, requests = put(events, answering(codes))

    assert len(requests) == 1
    assert {position // 3: str(failure) for position, failure in failures.items()} == {
        position: f"its event is refused: PutEvents: {code}" if code in REFUSALS else f"PutEvents: {code}"
        for position, code in enumerate(codes)
        if code
    }
    for position, failure in failures.items():
        refused = codes[position // 3] in REFUSALS
        assert isinstance(failure, UnprocessableChangeError if refused else RetryChangeError)


UNANSWERED: list[JsonObject] = [{}, {"Entries": []}, {"Entries": [{}]}, {"FailedEntryCount": 0}]


@pytest.mark.parametrize("answer", UNANSWERED)
def test_an_entry_without_an_answer_comes_again(answer: JsonObject) -> None:
    failures, _ = put({0: event(0), 1: event(1)}, in_turn(answer))

    assert {position: str(failure) for position, failure in failures.items()} == dict.fromkeys(
        (0, 1), "PutEvents: no EventId"
    )


@pytest.mark.parametrize(
    "failure", [Failure("ThrottlingException"), Failure("InternalException", 500), ReadTimeoutError(endpoint_url="e")]
)
def test_a_call_that_fails_fails_its_own_events_alone(failure: Failure | Exception) -> None:
    def answer(request: JsonObject) -> Answer:
        return failure if any("11" in entry["Detail"] for entry in request["Entries"]) else taken(request)

    failures, requests = put({position: event(position) for position in range(12)}, answer)

    assert failures.keys() == {10, 11}
    assert len(requests) == 2
    assert not any(isinstance(each, UnprocessableChangeError) for each in failures.values())


@pytest.mark.parametrize(
    "refusal",
    [Failure("ValidationException"), Failure("SerializationException"), Failure("RequestEntityTooLarge", 413)],
)
def test_a_call_that_is_refused_for_one_event_takes_the_others(refusal: Failure) -> None:
    def answer(request: JsonObject) -> Answer:
        return refusal if any("3" in entry["Detail"] for entry in request["Entries"]) else taken(request)

    failures, requests = put({position: event(position) for position in range(5)}, answer)

    assert {position: str(failure) for position, failure in failures.items()} == {
        3: f"its event is refused: PutEvents: {refusal.code}"
    }
    assert isinstance(failures[3], UnprocessableChangeError)
    assert [len(request["Entries"]) for request in requests] == [5, 1, 1, 1, 1, 1]
