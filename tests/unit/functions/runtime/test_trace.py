"""A request's id and traceparent: taken if they have their form, left out if not."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.http_api.request import read_request
from functions.runtime.trace import TRACEPARENT, Trace, stored_trace
from tests.support.users.http_api_events import http_event

TRACE_ID, PARENT_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE_ID}-{PARENT_ID}-01"


def sent(traceparent: str, request_id: str = "JKJaXmPLvHcESHA=") -> Trace | None:
    event = http_event("POST /register", headers={"Traceparent": traceparent})
    event["requestContext"]["requestId"] = request_id
    return read_request(event).trace


@pytest.mark.parametrize("valid", [VALID, f"00-{TRACE_ID}-{PARENT_ID}-00", f"00-{'0' * 31}1-{'0' * 15}1-ff"])
def test_a_valid_traceparent_is_kept_as_it_came(valid: str) -> None:
    assert sent(valid) == Trace("JKJaXmPLvHcESHA=", valid)


@pytest.mark.parametrize(
    "invalid",
    [
        "",
        VALID.upper(),
        VALID.replace("00-", "01-", 1),
        VALID.replace("00-", "ff-", 1),
        f"00-{'0' * 32}-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"{VALID}-extra",
        f"{VALID},{VALID}",
        f" {VALID}",
        f"{VALID}\n",
        VALID[:-1],
        VALID.replace("4", "\u0664"),
    ],
)
def test_any_other_is_left_out(invalid: str) -> None:
    assert sent(invalid) == Trace("JKJaXmPLvHcESHA=")


@given(st.from_regex(re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"), fullmatch=True))
def test_the_form_is_the_specification_s(text: str) -> None:
    version, trace_id, parent_id, _ = text.split("-")
    valid = version == "00" and int(trace_id, 16) > 0 and int(parent_id, 16) > 0
    assert bool(TRACEPARENT.fullmatch(text)) == valid


@pytest.mark.parametrize("request_id", ["", "a b", "a\nb", '"', "x" * 129])
def test_a_request_without_an_id_has_no_trace(request_id: str) -> None:
    assert sent(VALID, request_id) is None


@given(st.sampled_from([Trace("r="), Trace("r=", VALID)]))
def test_what_is_stored_is_read_back(trace: Trace) -> None:
    assert stored_trace({"actor": {"S": "self"}, **trace.attributes()}) == trace


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"requestId": {"N": "1"}},
        {"requestId": "r="},
        {"requestId": {"S": ""}},
        {"requestId": None},
        {"traceparent": {"S": VALID}},
    ],
)
def test_attributes_of_another_form_name_no_request(stored: Any) -> None:
    assert stored_trace(stored) is None
