import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from local.output import FunctionLogLine, readable_lines

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


def shown(*messages: str | dict[str, Any]) -> list[str]:
    texts = [message if isinstance(message, str) else json.dumps(message) for message in messages]
    lines = readable_lines(FunctionLogLine(NOON, text) for text in texts)
    return [line.plain.partition(" ")[2] for line in lines]


def test_an_added_user_is_shown_with_the_missions_words() -> None:
    image = {"userId": "u-1", "name": "Eve", "email": "eve@example.com", "username": "toto", "version": 1}
    assert shown({"level": "INFO", "message": "USER ADDED:", "userId": "u-1", "image": image}) == [
        "USER ADDED: u-1  name=Eve  email=eve@example.com  username=toto"
    ]


def test_a_changed_attribute_that_is_not_shown_otherwise_is_shown_too() -> None:
    image = {"name": "Eve", "version": 2}
    line = {"message": "USER UPDATED - NEW:", "userId": "u-1", "image": image, "changedFields": ["version"]}
    assert shown(line) == ["USER UPDATED - NEW: u-1  name=Eve  version=2"]


def test_any_other_structured_line_is_shown_with_its_fields() -> None:
    line = {"level": "WARNING", "message": "BATCH STOPPED:", "sequenceNumber": "1", "comeAgain": 2}
    assert shown(line) == ["BATCH STOPPED:  sequenceNumber=1  comeAgain=2"]


def test_the_runtimes_own_lines_are_left_out_and_other_lines_are_not() -> None:
    assert shown("START RequestId: 1 Version: $LATEST", "Traceback (most recent call last):", "END RequestId: 1") == [
        "Traceback (most recent call last):"
    ]


def test_json_that_is_not_a_structured_line_is_shown_unchanged() -> None:
    assert shown("[1]", "17", '{"a": 1}') == ["[1]", "17", '{"a": 1}']


@given(st.text(st.characters(categories=["Cc", "Cf", "Lu"])))
def test_no_name_can_move_the_cursor_of_the_terminal(name: str) -> None:
    (line,) = shown({"message": "USER ADDED:", "userId": "u-1", "image": {"name": name}})
    assert line.isprintable()


def test_figures_for_cloudwatch_are_left_out() -> None:
    figures = {"level": "INFO", "message": "changes logged", "_aws": {"Timestamp": 1}, "ChangesLogged": 1}
    request = {"level": "INFO", "message": "request answered", "status": 201, "_aws": {"Timestamp": 1}}

    assert shown(figures, request) == ["request answered  status=201"]
