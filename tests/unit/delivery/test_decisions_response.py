"""Every form of answer that is documented or was recorded, and what is made of those that aren't."""

import json
from typing import Any

import pytest

from delivery.assumptions import Assumptions
from delivery.decisions import read_response
from tests.support.delivery.stream_record_examples import example_record, example_records, sequence_number

RECORDS = example_records(1, 4)
ALL, NOTHING = 4, None


def read(answer: Any, assumptions: Assumptions | None = None) -> int | None:
    return read_response(json.dumps(answer).encode(), RECORDS, assumptions or Assumptions())


def failures(*identifiers: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


@pytest.mark.parametrize("answer", [None, {}, [], {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_these_answers_are_a_complete_success(answer: Any) -> None:
    assert read(answer) == ALL


def test_an_answer_of_no_bytes_is_a_complete_success() -> None:
    assert read_response(b"", RECORDS, Assumptions()) == ALL


@pytest.mark.parametrize(
    "answer",
    [
        failures(""),
        failures(None),
        failures(123),
        failures("999"),
        {"batchItemFailures": [{"foo": 1}]},
        {"batchItemFailures": [{"foo": None}]},
        {"batchItemFailures": [dict[str, str]()]},
        {"batchItemFailures": [sequence_number(2)]},
        {"batchItemFailures": [None]},
    ],
)
def test_identifiers_of_no_record_are_a_complete_failure(answer: Any) -> None:
    assert read(answer) == NOTHING


def test_what_comes_before_the_named_record_is_settled() -> None:
    assert read(failures(sequence_number(3))) == 2


def test_the_lowest_of_several_counts_in_whatever_order_they_come() -> None:
    assert read(failures(sequence_number(4), sequence_number(2), sequence_number(3))) == 1


def test_naming_the_first_record_is_told_from_naming_none() -> None:
    assert read(failures(sequence_number(1))) == 0


def test_the_lowest_is_that_of_integers() -> None:
    """These two were seen in one shard, 20 minutes apart; as texts they are in the wrong order."""
    earlier = example_record(0)._replace(sequence_number="9700001729061958505432")
    later = example_record(0)._replace(sequence_number="71700001194713044981914")
    answer = json.dumps(failures(later.sequence_number, earlier.sequence_number)).encode()
    assert read_response(answer, (example_record(-1), earlier, later), Assumptions()) == 1


def test_an_identifier_of_no_record_beside_valid_ones() -> None:
    mixed = failures(sequence_number(3), "999")
    assert read(mixed) == NOTHING
    assert read(mixed, Assumptions(invalid_identifier="ignored")) == 2
    assert read(failures("999"), Assumptions(invalid_identifier="ignored")) == NOTHING


@pytest.mark.parametrize(
    "answer",
    [{"batchItemFailures": "x"}, {"batchItemFailures": {}}, {"batchItemFailures": 0}, "done", 0, True, [1], ""],
)
def test_an_answer_in_no_documented_form(answer: Any) -> None:
    assert read(answer) == NOTHING
    assert read(answer, Assumptions(unreadable_response="succeeds")) == ALL


def test_an_answer_that_is_no_json() -> None:
    assert read_response(b"<html>", RECORDS, Assumptions()) == NOTHING
    assert read_response(b"\xff", RECORDS, Assumptions()) == NOTHING
    assert read_response(b"<html>", RECORDS, Assumptions(unreadable_response="succeeds")) == ALL


def test_other_members_of_the_answer_say_nothing() -> None:
    assert read({"statusCode": 500}) == ALL
    assert read({"batchItemFailures": [{"itemIdentifier": sequence_number(2), "why": "x"}], "n": 1}) == 1
