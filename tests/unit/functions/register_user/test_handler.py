"""`POST /register`, from event to answer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.http_api.endpoint import answer
from functions.register_user.handler import handler, register_endpoint
from functions.users.user import RegistrationRequest, UnavailableError, User, keys_of
from tests.support.users.http_api_events import Answer, http_event, read_answer
from tests.support.users.people import registration
from tests.support.users.users_api import UsersApi
from tests.support.users.users_in_memory import InMemoryUsers

ALICE = registration()
KEY = "an idempotency key"


class BusyUsers(InMemoryUsers):
    """A store whose tables are throttled."""

    def add(self, user: User, request: RegistrationRequest | None) -> None:  # noqa: ARG002  the protocol's parameters
        raise UnavailableError("ThrottlingException")


def send(event: dict[str, Any], users: InMemoryUsers | None = None) -> Answer:
    store = users or InMemoryUsers()
    return read_answer(answer(event, lambda request: register_endpoint(request, store)))


def test_a_registration_returns_the_users_id_and_location() -> None:
    users = InMemoryUsers()
    answered = UsersApi(users).register(ALICE)
    (user_id,) = users.users
    assert answered == Answer(
        201,
        {
            "cache-control": "no-store",
            "content-type": "application/json",
            "location": f"/users/{user_id}",
            "etag": '"1"',
        },
        {"message": "User registered successfully", "userId": user_id},
    )


def test_every_taken_value_is_named() -> None:
    api = UsersApi(InMemoryUsers())
    api.register(ALICE)
    answered = api.register({**ALICE, "email": "ALICE@example.com"})
    assert (answered.status, answered.problem, answered.problem_fields) == (
        409,
        "already-taken",
        [*keys_of(ALICE)],
    )


def test_a_throttled_table_is_answered_with_503_and_retry_after() -> None:
    answered = UsersApi(BusyUsers()).register(ALICE)
    assert (answered.status, answered.problem, answered.headers["retry-after"]) == (503, "unavailable", "1")


def test_a_retry_with_the_same_key_gets_the_first_answer() -> None:
    api = UsersApi(InMemoryUsers())
    first = api.register(ALICE, key=KEY)
    assert first.status == 201
    assert api.register(ALICE, key=KEY) == first
    assert api.register(dict(reversed(ALICE.items())), key=KEY) == first


def test_a_key_with_another_body_is_refused_even_if_that_body_is_taken() -> None:
    api = UsersApi(InMemoryUsers())
    api.register(ALICE, key=KEY)
    api.register(registration(2, email="bob@example.com"))
    assert api.register({**ALICE, "name": "Eve"}, key=KEY).problem == "idempotency-key-reused"
    assert api.register({**ALICE, "email": "bob@example.com"}, key=KEY).problem == "idempotency-key-reused"


def test_a_refused_request_does_not_use_up_its_key() -> None:
    api = UsersApi(InMemoryUsers())
    assert api.register({**ALICE, "name": ""}, key=KEY).status == 422
    assert api.register(ALICE, key=KEY).status == 201


@pytest.mark.parametrize("key", ["", "a", "x" * 15, "x" * 256, "caf\u00e9" * 4, "a\tb" * 6, "a\x00b" * 6, "\x7f" * 16])
def test_an_invalid_key_is_malformed(key: str) -> None:
    answered = UsersApi(InMemoryUsers()).register(ALICE, key=key)
    assert (answered.status, answered.problem) == (400, "malformed-request")
    assert answered.body["detail"] == "Idempotency-Key takes 16 to 255 printable ASCII characters."


@pytest.mark.parametrize(
    "key", ["x" * 16, " " * 16, "x" * 255, "3f1c2a" * 4, '"a quoted word"' * 2, "~!@#$%^&*()_+{}|"]
)
def test_a_printable_key_is_accepted(key: str) -> None:
    assert UsersApi(InMemoryUsers()).register(ALICE, key=key).status == 201


BAD_EVENTS: dict[str, tuple[dict[str, Any], int]] = {
    "no body": (http_event("POST /register"), 400),
    "not JSON": (http_event("POST /register", body="hello"), 400),
    "not an object": (http_event("POST /register", body="[]"), 400),
    "a form": (
        http_event("POST /register", body=b"name=A", headers={"content-type": "application/x-www-form-urlencoded"}),
        415,
    ),
    "a mebibyte": (http_event("POST /register", body=json.dumps({"name": "a" * 2**20})), 413),
    "a depth of thousands": (http_event("POST /register", body='{"":' * 2_000 + "1" + "}" * 2_000), 400),
    "an empty object": (http_event("POST /register", body="{}"), 422),
    "half a surrogate pair": (http_event("POST /register", body=json.dumps({**ALICE, "name": "\ud800"})), 422),
    "a huge number": (http_event("POST /register", body='{"name": ' + "9" * 9999 + "}"), 422),
}


@pytest.mark.parametrize(("event", "status"), BAD_EVENTS.values(), ids=BAD_EVENTS.keys())
def test_bad_input_is_refused_with_its_status(event: dict[str, Any], status: int) -> None:
    assert send(event).status == status


hostile_text = st.text(st.characters(codec=None, categories=None), max_size=50)


@given(
    body=st.one_of(
        hostile_text,
        st.binary(max_size=100),
        st.dictionaries(
            st.sampled_from([*ALICE]) | hostile_text, hostile_text | st.integers() | st.none(), max_size=5
        ).map(json.dumps),
    ),
    headers=st.dictionaries(
        st.sampled_from(["content-type", "Idempotency-Key", "Content-Encoding", "If-Match"]),
        hostile_text | st.just("application/json"),
    ),
)
def test_no_input_causes_an_internal_error(body: str | bytes, headers: dict[str, str]) -> None:
    assert send(http_event("POST /register", body=body, headers=headers)).status in {201, 400, 413, 415, 422}


def test_the_log_contains_no_personal_data(capsys: pytest.CaptureFixture[str]) -> None:
    api = UsersApi(InMemoryUsers())
    api.register(ALICE)
    api.register(ALICE)
    api.register({**ALICE, "email": "no mail"})
    log = capsys.readouterr().out
    assert len(log.splitlines()) == 3
    assert not any(text in log for text in ("Alice", "alice", "example.com", "no mail"))


def test_a_missing_setting_is_logged_and_hidden_from_the_caller(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("USERS_TABLE", raising=False)
    answered = read_answer(handler(http_event("POST /register", body=json.dumps(ALICE)), None))
    assert answered.status == 500
    assert "USERS_TABLE" not in json.dumps(answered.body)
    assert "USERS_TABLE" in capsys.readouterr().out
