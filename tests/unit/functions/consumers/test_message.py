"""The topic's message: read back as written, or refused with a reason that shows no value."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.consumers.message import ChangeMessage, MalformedMessageError, origin_of, parse_message
from functions.runtime.json_log import Json
from functions.runtime.trace import REQUEST_ID
from tests.support.records.record_strategies import texts

MESSAGE = ChangeMessage("u-eve", f"{10**22:040}", "e1", "ADDED", "change", "2026-11-24T00:00:00.000Z")
CONTENT = json.loads(MESSAGE.to_json())

messages = st.builds(
    ChangeMessage,
    user_id=texts(min_size=1),
    change_id=st.integers(0, 10**40 - 1).map("{:040}".format),
    event_id=texts(min_size=1),
    kind=st.sampled_from(["ADDED", "UPDATED", "DELETED"]),
    origin=st.sampled_from(["change", "backfill"]),
    occurred_at=texts(min_size=1),
    request_id=st.none() | st.from_regex(REQUEST_ID, fullmatch=True),
)


@given(messages)
def test_a_message_comes_back_as_it_was(message: ChangeMessage) -> None:
    body = message.to_json()
    assert body.isascii()
    assert parse_message(body) == message


@pytest.mark.parametrize("request_id", ["", "two words", "a\nb", '"', "x" * 129, 7, None, ["r"]])
def test_what_can_be_no_requests_id_is_left_out(request_id: Json) -> None:
    assert parse_message(json.dumps({**CONTENT, "requestId": request_id})) == MESSAGE


def test_members_of_later_versions_are_ignored() -> None:
    assert parse_message(json.dumps({**CONTENT, "tenant": "t1"})) == MESSAGE


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "isn't JSON"),
        ("secret", "isn't JSON"),
        ("[" * 100_000, "isn't JSON"),
        ("[]", "isn't an object"),
        ("{}", "messageVersion is missing"),
        (json.dumps({**CONTENT, "messageVersion": 2}), "messageVersion 2 is not supported"),
        (json.dumps({**CONTENT, "messageVersion": True}), "messageVersion is missing"),
        (json.dumps({**CONTENT, "messageVersion": "secret"}), "messageVersion is missing"),
        (json.dumps({**CONTENT, "userId": ""}), "userId must be a string that isn't empty"),
        (json.dumps({**CONTENT, "userId": "secret" * 400}), "userId is longer than 2048 bytes"),
        (json.dumps({**CONTENT, "userId": 7}), "userId must be a string"),
        (json.dumps({**CONTENT, "changeId": "secret"}), "changeId must be 40 digits"),
        (json.dumps({**CONTENT, "eventId": None}), "eventId must be a string"),
        (json.dumps({**CONTENT, "kind": "secret"}), "kind must be one of ADDED, DELETED, UPDATED"),
        (json.dumps({**CONTENT, "origin": "secret"}), "origin must be change or backfill"),
    ],
)
def test_anything_else_is_refused_with_a_reason(body: Json, reason: str) -> None:
    with pytest.raises(MalformedMessageError, match=reason) as caught:
        parse_message(body)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "origin"), [(0, "backfill"), (2**64 - 1, "backfill"), (2**64, "change"), (10**20, "change")]
)
def test_numbers_below_every_streams_are_a_backfills(number: int, origin: str) -> None:
    assert origin_of(f"{number:040}") == origin
