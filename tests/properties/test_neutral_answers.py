"""Neutral answers tell nothing of an address: an asker who knows half of them learns no other.

Two worlds get the same requests. In one the other half of the addresses is registered, in the other
it isn't. Every answer is the same, and so is every call to the store and to the queue, on which the
time that an answer takes depends.
"""

import json
import random
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.http_api.endpoint import answer
from functions.register_user.neutral import request_endpoint
from functions.users.confirmation import PendingRegistration
from functions.users.service import register
from tests.support.users.http_api_events import http_event
from tests.support.users.pending_in_memory import InMemoryPending
from tests.support.users.people import registration
from tests.support.users.users_in_memory import InMemoryUsers

REQUESTS = 10_000
ADDRESSES = [f"person-{number}@example.com" for number in range(200)]
KNOWN_TO_THE_ASKER = ADDRESSES[::2]
OTHERS = ADDRESSES[1::2]
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


class World(InMemoryPending):
    """A store that notes its calls, without the ids that are drawn."""

    def __init__(self, registered: list[str]) -> None:
        super().__init__(InMemoryUsers())
        self.calls: list[object] = []
        for number, address in enumerate(registered):
            person = registration(email=address, username=f"user-{number}")
            register(self.users, person, idempotency_key=None, now=NOW)

    def add(self, pending: PendingRegistration, now: int) -> None:
        request = None if pending.request is None else (pending.request.key, pending.request.digest)
        self.calls.append(("add", pending.registration, request))
        super().add(pending, now)

    def get(self, user_id: str, now: int) -> PendingRegistration | None:
        self.calls.append("get")
        return super().get(user_id, now)

    def is_registered(self, address_key: str, now: int) -> bool:
        self.calls.append("is_registered")
        return super().is_registered(address_key, now)

    def answer_to(self, event: dict[str, Any]) -> dict[str, Any]:
        return answer(
            event,
            lambda request: request_endpoint(request, self, lambda _user_id, _request_id: self.calls.append("mail")),
        )


def worlds() -> tuple[World, World]:
    """The asker's own knowledge is the same in both."""
    # In both the same usernames are taken, of users with other addresses.
    elsewhere = [f"elsewhere-{number}@example.org" for number in range(len(OTHERS))]
    return World([*KNOWN_TO_THE_ASKER, *OTHERS]), World([*KNOWN_TO_THE_ASKER, *elsewhere])


def asked(address: str, username: str, name: str, key: str | None) -> dict[str, Any]:
    headers = {} if key is None else {"idempotency-key": key}
    body = {"name": name, "email": address, "username": username}
    return http_event("POST /register", body=json.dumps(body), headers=headers)


def spelled(address: str, draw: random.Random) -> str:
    return "".join(draw.choice([letter, letter.upper()]) for letter in address)


def test_ten_thousand_requests_tell_nothing() -> None:
    draw = random.Random(14)  # noqa: S311  the requests, the same in each run
    registered, unregistered = worlds()
    for _ in range(REQUESTS):
        event = asked(
            spelled(draw.choice([*ADDRESSES, "new@example.com", "not an address"]), draw),
            f"user-{draw.randrange(4 * len(ADDRESSES))}",
            draw.choice(["Alice", "Bob"]),
            draw.choice([None, f"key-of-the-asker-{draw.randrange(500)}"]),
        )
        assert registered.answer_to(event) == unregistered.answer_to(event)
    assert registered.calls == unregistered.calls
    assert {call if isinstance(call, str) else "add" for call in registered.calls} == {"add", "mail"}


requests = st.builds(
    asked,
    st.sampled_from([*OTHERS[:4], *KNOWN_TO_THE_ASKER[:4], "new@example.com", "ANY@example.com", "no address", ""]),
    st.sampled_from([f"user-{number}" for number in range(198, 206)]),
    st.sampled_from(["Alice", "Bob", ""]),
    st.none() | st.sampled_from([f"key-of-the-asker-{number}" for number in range(4)]),
)


@settings(max_examples=50)
@given(st.lists(requests, min_size=1, max_size=30))
def test_no_sequence_of_requests_tells_an_address(events: list[dict[str, Any]]) -> None:
    registered, unregistered = worlds()
    for event in events:
        assert registered.answer_to(event) == unregistered.answer_to(event)
    assert registered.calls == unregistered.calls
