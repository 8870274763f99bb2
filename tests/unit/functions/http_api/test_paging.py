"""How many entries one answer holds, and that a token is the one that was given out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.http_api.paging import LARGEST_ANSWER_BYTES, next_token, number_that_fits, read_token
from functions.http_api.request import MalformedRequestError
from functions.runtime.json_log import json_line

LAMBDA_LIMIT = 6 * 1024 * 1024


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60))
def test_a_token_is_read_as_what_it_was_made_from(after: str) -> None:
    assert read_token(next_token(after)) == after


@given(st.text(max_size=30))
def test_no_other_text_is_a_token(token: str) -> None:
    try:
        after = read_token(token)
    except MalformedRequestError:
        return
    assert next_token(after) == token


@pytest.mark.parametrize("character", ["x", '"', "\\", "\x01", "\u00e9", "\U0001f600"])
def test_a_page_ends_before_an_answer_passes_lambda_s_limit(character: str) -> None:
    entries = [{"name": character * 90_000} for _ in range(100)]

    fitting = number_that_fits(entries)

    answer = {"statusCode": 200, "body": json_line({"items": entries[:fitting], "nextToken": "x" * 3000})}
    assert len(json.dumps(answer).encode()) < LAMBDA_LIMIT
    one_more = json_line({"items": entries[: fitting + 1]})
    assert fitting == len(entries) or len(json.dumps(one_more)) > LARGEST_ANSWER_BYTES


def test_an_entry_that_is_too_large_alone_is_still_on_its_page() -> None:
    assert number_that_fits([{"name": "\x01" * 1_000_000}, {}]) == 1
    assert number_that_fits([]) == 0
