"""`POST /register` with neutral answers, and the confirmation of the link."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.confirm_registration.handler import confirmation_endpoint
from functions.http_api.endpoint import answer
from functions.register_user.neutral import MESSAGE, request_endpoint
from functions.users.attributes import ATTRIBUTES
from functions.users.confirmation import (
    LINK_SECONDS,
    address_attribute,
    confirm_registration,
    link_token,
    request_registration,
)
from functions.users.user import ConfirmationLinkError, UnavailableError
from tests.support.users.http_api_events import Answer, http_event, read_answer
from tests.support.users.pending_in_memory import InMemoryPending
from tests.support.users.people import registration
from tests.support.users.users_in_memory import InMemoryUsers

ALICE = registration()
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


class Stack:
    """The two functions over one store, and the mails that were asked for."""

    def __init__(self) -> None:
        self.users = InMemoryUsers()
        self.store = InMemoryPending(self.users)
        self.asked: list[str] = []

    def register(self, body: object, key: str | None = None) -> Answer:
        headers = {} if key is None else {"idempotency-key": key}
        event = http_event("POST /register", body=json.dumps(body), headers=headers)
        return read_answer(answer(event, lambda request: request_endpoint(request, self.store, self._ask)))

    def _ask(self, user_id: str, request_id: str) -> None:
        assert request_id == "request-1"
        self.asked.append(user_id)

    def confirm(self, body: object) -> Answer:
        event = http_event("POST /register/confirmation", body=json.dumps(body))
        return read_answer(answer(event, lambda request: confirmation_endpoint(request, self.store)))

    def token(self, user_id: str) -> str:
        return link_token(self.store.pending[user_id])


@pytest.fixture
def stack() -> Stack:
    return Stack()


def test_a_link_registers_the_user_once(stack: Stack) -> None:
    asked = stack.register(ALICE)
    assert (asked.status, asked.body, asked.headers) == (
        202,
        {"message": MESSAGE},
        {"cache-control": "no-store", "content-type": "application/json"},
    )
    (user_id,) = stack.asked
    assert stack.users.users == {}

    token = stack.token(user_id)
    confirmed, again = stack.confirm({"token": token}), stack.confirm({"token": token})

    assert (confirmed.status, confirmed.body) == (201, {"message": "User registered successfully", "userId": user_id})
    assert stack.users.users[user_id].values == ALICE
    assert (again.status, again.problem) == (410, "confirmation-link-invalid")


def test_a_repeat_asks_for_the_mail_again_and_registers_nothing_more(stack: Stack) -> None:
    answers = [stack.register(ALICE, "a-key-of-sixteen-characters") for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(set(stack.asked)) == 1
    assert len(stack.asked) == 2
    other = stack.register({**ALICE, "name": "Somebody else"}, "a-key-of-sixteen-characters")
    assert (other.status, other.problem) == (422, "idempotency-key-reused")
    assert len(stack.asked) == 2


def test_a_username_that_is_held_is_named_and_no_mail_is_asked_for(stack: Stack) -> None:
    stack.register(ALICE)
    refused = stack.register(registration(2, username=ALICE["username"]))
    assert (refused.status, refused.problem_fields) == (409, ["username"])
    assert len(stack.asked) == 1


def test_a_queue_that_is_busy_is_answered_with_503_and_a_repeat_completes(stack: Stack) -> None:
    def busy(_user_id: str, _request_id: str) -> None:
        raise UnavailableError("SendMessage")

    event = http_event("POST /register", body=json.dumps(ALICE), headers={"idempotency-key": "a-key-of-sixteen-1"})
    refused = read_answer(answer(event, lambda request: request_endpoint(request, stack.store, busy)))
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert stack.register(ALICE, "a-key-of-sixteen-1").status == 202
    assert stack.asked == [*stack.store.pending]


@pytest.mark.parametrize("body", [{}, [], {"token": 1}, {"token": None}, {"token": "x", "more": 1}, "text"])
def test_a_body_without_a_token_alone_is_refused(stack: Stack, body: object) -> None:
    assert stack.confirm(body).problem == "malformed-request"


def test_a_value_that_is_taken_by_now_is_named(stack: Stack) -> None:
    stack.register(ALICE)
    stack.register(registration(2, email=ALICE["email"]))
    first, second = map(stack.token, stack.asked)
    assert stack.confirm({"token": second}).status == 201
    refused = stack.confirm({"token": first})
    assert (refused.status, refused.problem_fields) == (409, ["email"])


def test_a_link_works_until_it_expires(stack: Stack) -> None:
    user_id = request_registration(stack.store, ALICE, idempotency_key=None, now=NOW)
    token = stack.token(user_id)
    with pytest.raises(ConfirmationLinkError):
        confirm_registration(stack.store, token, NOW + timedelta(seconds=LINK_SECONDS))
    assert confirm_registration(stack.store, token, NOW + timedelta(seconds=LINK_SECONDS - 1)) == user_id


@given(
    kind=st.sampled_from(["changed", "left out", "added", "of another", "prolonged", "any"]),
    place=st.integers(0, 90),
    text=st.text(min_size=1),
)
def test_no_changed_link_works(kind: str, place: int, text: str) -> None:
    stack = Stack()
    one = request_registration(stack.store, ALICE, idempotency_key=None, now=NOW)
    other = request_registration(stack.store, registration(2), idempotency_key=None, now=NOW)
    token = stack.token(one)
    user_id, end, code = token.split(".")
    changed = {
        "changed": token[:place] + text[0] + token[place + 1 :],
        "left out": token[:place] + token[place + 1 :],
        "added": token[:place] + text + token[place:],
        "of another": f"{user_id}.{end}.{stack.token(other).split('.')[2]}",
        "prolonged": f"{user_id}.{int(end) + 1}.{code}",
        "any": text,
    }[kind]
    if changed != token:
        with pytest.raises(ConfirmationLinkError):
            confirm_registration(stack.store, changed, NOW)
    assert stack.users.users == {}


SPELLINGS: dict[str, Callable[[str], str]] = {
    "in capitals": str.upper,
    "padded, as base64 is": lambda token: f"{token}=",
    "with a space": lambda token: f" {token}",
    "with a line break": lambda token: f"{token}\n",
    "with a leading zero": lambda token: token.replace(".", ".0", 1),
    "with a sign": lambda token: token.replace(".", ".+", 1),
    "in full-width digits": lambda token: token.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)}),
    "with a hyphen that looks alike": lambda token: token.replace("-", "\u2010"),
    "with half of a surrogate pair": lambda token: f"{token}\ud800",
    "with the whole link before it": lambda token: f"https://app.example.com/confirm#confirm={token}",
    "percent-encoded": lambda token: token.replace(".", "%2E"),
    "cut off": lambda token: token[:-1],
    "twice": lambda token: token * 2,
    "ten thousand characters": lambda token: token[:-1] + "A" * 10_000,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_link_has_one_spelling_and_another_does_not_use_it_up(stack: Stack, spelling: str) -> None:
    stack.register(ALICE)
    token = stack.token(stack.asked[0])

    assert stack.confirm({"token": SPELLINGS[spelling](token)}).status == 410
    assert stack.users.users == {}
    assert stack.confirm({"token": token}).status == 201
    assert stack.confirm({"token": token}).status == 410


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("x" * 15, 400),
        ("x" * 16, 202),
        ("x" * 255, 202),
        ("x" * 256, 400),
        ("", 400),
        ("x" * 15 + "\u00e9", 400),
        ("x" * 15 + "\x7f", 400),
        ("x" * 8 + "\t" + "x" * 8, 400),
        ("x" * 8 + "\x1b" + "x" * 8, 400),
        ("\u0661" * 16, 400),
    ],
)
def test_a_key_has_16_to_255_printable_characters(stack: Stack, key: str, status: int) -> None:
    assert stack.register(ALICE, key).status == status
    assert len(stack.asked) == (status == 202)


def test_a_table_of_attributes_without_an_address_says_so() -> None:
    attributes: Any = [each._replace(confirmed=False) for each in ATTRIBUTES]
    with pytest.raises(LookupError, match="confirmed=True"):
        address_attribute(attributes)
