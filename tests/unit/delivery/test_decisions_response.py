"""Every documented or recorded form of response, and what other forms mean."""

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
def test_empty_responses_are_a_complete_success(answer: Any) -> None:
    assert read(answer) == ALL


def test_a_response_of_no_bytes_is_a_complete_success() -> None:
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


def test_records_before_the_named_one_are_settled() -> None:
    assert read(failures(sequence_number(3))) == 2


def test_the_lowest_of_several_identifiers_counts_in_any_order() -> None:
    assert read(failures(sequence_number(4), sequence_number(2), sequence_number(3))) == 1


def test_naming_the_first_record_differs_from_naming_none() -> None:
    assert read(failures(sequence_number(1))) == 0


def test_identifiers_are_ordered_as_integers() -> None:
    """Both were recorded in one shard, 20 minutes apart; as strings they sort wrongly."""
    earlier = example_record(0)._replace(sequence_number="9700001729061958505432")
    later = example_record(0)._replace(sequence_number="71700001194713044981914")
    answer = json.dumps(failures(later.sequence_number, earlier.sequence_number)).encode()
    assert read_response(answer, (example_record(-1), earlier, later), Assumptions()) == 1


def test_what_an_invalid_identifier_beside_valid_ones_means_is_an_assumption() -> None:
    mixed = failures(sequence_number(3), "999")
    assert read(mixed) == NOTHING
    assert read(mixed, Assumptions(invalid_identifier="ignored")) == 2
    assert read(failures("999"), Assumptions(invalid_identifier="ignored")) == NOTHING


@pytest.mark.parametrize(
    "answer",
    [{"batchItemFailures": "x"}, {"batchItemFailures": {}}, {"batchItemFailures": 0}, "done", 0, True, [1], ""],
)
def test_what_a_response_in_no_documented_form_means_is_an_assumption(answer: Any) -> None:
    assert read(answer) == NOTHING
    assert read(answer, Assumptions(unreadable_response="succeeds")) == ALL


def test_what_a_response_that_is_not_json_means_is_an_assumption() -> None:
    assert read_response(b"<html>", RECORDS, Assumptions()) == NOTHING
    assert read_response(b"\xff", RECORDS, Assumptions()) == NOTHING
    assert read_response(b"<html>", RECORDS, Assumptions(unreadable_response="succeeds")) == ALL


def test_other_members_of_the_response_are_ignored() -> None:
    assert read({"statusCode": 500}) == ALL
    assert read({"batchItemFailures": [{"itemIdentifier": sequence_number(2), "why": "x"}], "n": 1}) == 1
