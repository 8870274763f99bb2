"""Any stored id, sent in a path: whatever API Gateway makes of it, it meets that user or nobody."""

import json
from collections.abc import Callable
from urllib.parse import quote, unquote

from hypothesis import example, given
from hypothesis import strategies as st

from functions.http_api.endpoint import answer
from functions.manage_users.handler import manage_endpoint
from functions.users.user import User, has_path
from tests.support.users.http_api_events import Answer, http_event, read_answer
from tests.support.users.users_api import UsersApi, no_activity
from tests.support.users.users_in_memory import InMemoryUsers

Gateway = Callable[[str], tuple[str, str]]
"""Returns the path that routes are matched with, and the query."""


def decoded(path: str) -> tuple[str, str]:
    """Decode the path, as HTTP APIs do, and leave it whole."""
    return unquote(path), ""


def cut(path: str) -> tuple[str, str]:
    """Decode the path and end it at a `?`; the rest is lost."""
    return unquote(path).partition("?")[0], ""


def cut_into_path_and_query(path: str) -> tuple[str, str]:
    """Decode the path and take what is behind a `?` for the query."""
    before, _, after = unquote(path).partition("?")
    return before, after


def read_as_url(path: str) -> tuple[str, str]:
    """Decode the path, and read what comes out as a URL again."""
    before, _, after = unquote(path).partition("#")[0].partition("?")
    return unquote(before), after


def resolved(path: str) -> tuple[str, str]:
    """Resolve dot segments and turn backslashes, as browsers do before they send a request."""
    segments: list[str] = []
    for segment in unquote(path).replace("\\", "/").split("/"):
        if segment == "..":
            segments = segments[:-1]
        elif segment != ".":
            segments.append(segment)
    return "/".join(segments), ""


GATEWAYS: list[Gateway] = [decoded, cut, cut_into_path_and_query, read_as_url, resolved]

PARTS = ["a", "b", "/", "?", "#", "%", "%3F", "%2F", "\\", ".", "..", "=", "&", "\u00e4", " ", "\n", "x" * 64]
IDS = st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map("".join)


def send(users: InMemoryUsers, method: str, user_id: str, gateway: Gateway) -> Answer | None:
    """Send a request about a user; None if no route of one user matches it."""
    path, query = gateway(f"/users/{quote(user_id, safe='')}")
    if not path.startswith("/users/") or "/" in (named := path.removeprefix("/users/")) or not named:
        return None
    parameters = [(name, value) for name, _, value in (pair.partition("=") for pair in query.split("&") if pair)]
    body = json.dumps({"name": "Changed"}) if method == "PATCH" else None
    event = http_event(f"{method} /users/{{userId}}", path={"userId": named}, query=parameters, body=body)
    return read_answer(answer(event, lambda request: manage_endpoint(request, users, no_activity)))


@given(
    ids=st.sets(IDS, min_size=1, max_size=4),
    data=st.data(),
    gateway=st.sampled_from(GATEWAYS),
    method=st.sampled_from(["GET", "PATCH", "DELETE"]),
)
def test_a_path_meets_the_user_of_its_id_or_nobody(
    ids: set[str], data: st.DataObject, gateway: Gateway, method: str
) -> None:
    users = InMemoryUsers()
    for user_id in ids:
        users.users[user_id] = User(user_id, {}, 1, None, None)
    before = dict(users.users)
    wanted = data.draw(st.sampled_from(sorted(ids)) | IDS, "id in the path")

    sent = send(users, method, wanted, gateway)

    changed = {user_id for user_id in ids if users.users.get(user_id) != before[user_id]}
    met = sent is not None and sent.status < 300
    assert changed == ({wanted} if met and method != "GET" else set())
    if sent is not None and met:
        assert wanted in ids
        assert method != "GET" or sent.body["userId"] == wanted
    if gateway is decoded or gateway is cut:
        assert met == (wanted in ids and has_path(wanted))


@given(user_id=IDS)
@example("a?b")
@example("a/b")
def test_a_user_without_a_path_is_in_the_list(user_id: str) -> None:
    users = InMemoryUsers()
    users.users[user_id] = User(user_id, {}, 1, None, None)
    assert [entry["userId"] for entry in UsersApi(users).find().body["items"]] == [user_id]
