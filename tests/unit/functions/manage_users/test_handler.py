"""`/users/{userId}`, from event to answer.

The state machine in tests/properties covers how requests act together.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.activity.table import ActivityPage
from functions.http_api.endpoint import answer
from functions.http_api.paging import next_token
from functions.manage_users.handler import ReadPage, manage_endpoint
from tests.support.users.http_api_events import Answer, http_event, read_answer
from tests.support.users.people import registration, user
from tests.support.users.users_api import UsersApi, no_activity
from tests.support.users.users_in_memory import InMemoryUsers

ALICE = user()
ARN = "arn:aws:sts::123456789012:assumed-role/Support/eve"


def alone() -> InMemoryUsers:
    users = InMemoryUsers()
    users.add(ALICE, None)
    return users


def send(route: str, read_page: ReadPage = no_activity, user_id: str = "7", **parts: Any) -> Answer:
    users = alone()
    event = http_event(route, path={"userId": user_id}, **parts)
    return read_answer(answer(event, lambda request: manage_endpoint(request, users, read_page)))


def test_a_user_is_returned_with_an_etag() -> None:
    answered = UsersApi(alone()).get("7")
    assert answered.status == 200
    assert answered.headers["etag"] == '"1"'
    assert answered.body == {
        "userId": "7",
        **registration(),
        "version": 1,
        "createdAt": "2026-11-23T10:00:00.000Z",
        "updatedAt": "2026-11-23T10:00:00.000Z",
    }


def test_a_change_returns_the_user_and_the_new_etag() -> None:
    answered = UsersApi(alone()).patch("7", {"username": "kichwa"}, if_match='"1"')
    assert (answered.status, answered.headers["etag"]) == (200, '"2"')
    assert answered.body["username"] == "kichwa"
    assert answered.body["createdAt"] < answered.body["updatedAt"]


def test_a_change_to_the_present_values_writes_nothing() -> None:
    users = alone()
    answered = UsersApi(users).patch("7", {"name": "Alice"})
    assert (answered.status, answered.headers["etag"]) == (200, '"1"')
    assert users.users["7"] == ALICE


def test_a_removed_user_is_not_found() -> None:
    api = UsersApi(alone())
    removed = api.delete("7", if_match='"1"')
    assert (removed.status, removed.body) == (204, None)
    assert api.get("7").status == 404
    assert api.delete("7").status == 404


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        (None, 400, "malformed-request"),
        ("", 400, "malformed-request"),
        ("[]", 400, "malformed-request"),
        ("{}", 422, "validation-failed"),
        ('{"name": null}', 422, "validation-failed"),
        ('{"userId": "8"}', 422, "validation-failed"),
        ('{"version": 9}', 422, "validation-failed"),
        ('{"email": "alice"}', 422, "validation-failed"),
    ],
)
def test_a_bad_change_is_refused(body: str | None, status: int, problem: str) -> None:
    answered = send("PATCH /users/{userId}", body=body)
    assert (answered.status, answered.problem) == (status, problem)


@pytest.mark.parametrize("route", ["PATCH /users/{userId}", "DELETE /users/{userId}"])
def test_a_bad_precondition_is_refused(route: str) -> None:
    answered = send(route, body='{"name": "Eve"}', headers={"If-Match": "1"})
    assert (answered.status, answered.problem) == (400, "malformed-request")


@pytest.mark.parametrize(
    "user_id", ["8", "", " ", "..", "../7", "7\x00", "7\n", "\ud800", "x" * 129, "a" * 5000, "%37", "7/activity"]
)
@pytest.mark.parametrize(
    "route",
    ["GET /users/{userId}", "PATCH /users/{userId}", "DELETE /users/{userId}", "GET /users/{userId}/activity"],
)
def test_an_unknown_id_is_not_found(route: str, user_id: str) -> None:
    answered = send(route, user_id=user_id, body='{"name": "Eve"}')
    assert (answered.status, answered.problem) == (404, "not-found")


def test_an_unknown_route_is_an_internal_error() -> None:
    assert send("PUT /users/{userId}").status == 500


CHANGES: list[dict[str, Any]] = [
    {"changeId": f"{number:040}", "kind": "UPDATED", "changes": {"version": {"old": number, "new": number + 1}}}
    for number in range(60)
]


def _signed(route: str, users: InMemoryUsers, **parts: Any) -> Answer:
    event = http_event(route, path={"userId": "7"}, **parts)
    event["requestContext"]["authorizer"] = {"iam": {"userArn": ARN}}
    return read_answer(answer(event, lambda request: manage_endpoint(request, users, no_activity)))


def test_a_change_and_a_removal_say_whose_they_are() -> None:
    users = alone()
    assert _signed("PATCH /users/{userId}", users, body='{"name": "Eve"}').status == 200
    assert users.users["7"].changed_by == ARN
    assert _signed("DELETE /users/{userId}", users).status == 204
    assert [deletion.actor for deletion in users.deletions] == [ARN]


def test_without_an_identity_nobody_is_named() -> None:
    users = alone()
    assert UsersApi(users).patch("7", {"name": "Eve"}).status == 200
    assert users.users["7"].changed_by == "caller"


def history(_user_id: str, limit: int, after: str | None) -> ActivityPage:
    """Read pages from CHANGES."""
    left = [change for change in CHANGES if after is None or change["changeId"] > after]
    page = left[:limit]
    return ActivityPage(page, page[-1]["changeId"] if len(left) > limit else None)


def test_a_history_is_read_page_by_page() -> None:
    shown: list[Any] = []
    query: dict[str, str] = {"limit": "25"}
    sizes: list[int] = []
    while True:
        page = send("GET /users/{userId}/activity", history, query=query)
        assert page.status == 200
        shown += page.body["items"]
        sizes.append(len(page.body["items"]))
        if page.body["nextToken"] is None:
            break
        query["nextToken"] = page.body["nextToken"]
    assert shown == CHANGES
    assert sizes == [25, 25, 10]


def test_a_page_has_25_changes_by_default() -> None:
    assert len(send("GET /users/{userId}/activity", history).body["items"]) == 25


def test_a_user_without_changes_has_an_empty_history() -> None:
    answered = send("GET /users/{userId}/activity")
    assert (answered.status, answered.body) == (200, {"items": [], "nextToken": None})


def test_the_history_hides_the_registration_digest() -> None:
    kept = {"name": {"new": "Alice"}, "schemaVersion": {"new": 1}}
    for changes in ({**kept, "registrationDigest": {"new": "5e88"}}, kept):
        page = ActivityPage([{**CHANGES[0], "kind": "ADDED", "changes": changes}], None)
        answered = send("GET /users/{userId}/activity", lambda _user, _limit, _after, page=page: page)
        assert answered.body["items"][0]["changes"] == kept


def test_a_removed_user_still_has_a_history() -> None:
    assert send("GET /users/{userId}/activity", history, user_id="gone").status == 200


def test_a_removed_users_history_may_end_with_an_empty_page() -> None:
    answered = send("GET /users/{userId}/activity", user_id="gone", query={"nextToken": next_token("9" * 40)})
    assert (answered.status, answered.body) == (200, {"items": [], "nextToken": None})


@pytest.mark.parametrize("limit", ["1", "100", "007"])
def test_a_limit_within_bounds_is_accepted(limit: str) -> None:
    assert len(send("GET /users/{userId}/activity", history, query={"limit": limit}).body["items"]) == min(
        int(limit), 60
    )


@pytest.mark.parametrize(
    "limit", ["", "0", "101", "-1", "+5", "1.0", "1e1", " 5", "5\n", "ten", "5,6", "\u0665", "9" * 5000]
)
def test_any_other_limit_is_malformed(limit: str) -> None:
    answered = send("GET /users/{userId}/activity", history, query={"limit": limit})
    assert (answered.status, answered.problem) == (400, "malformed-request")


GOOD_TOKEN = next_token("0" * 40)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "null",
        "=",
        "\ud800",
        "\u00e9",
        "A" * 10_000,
        GOOD_TOKEN[:-1],
        GOOD_TOKEN + "=",
        GOOD_TOKEN + "AA",
        GOOD_TOKEN + "\n",
        next_token("0" * 39),
        next_token("x" * 40),
        next_token("\u0660" * 40),
    ],
)
def test_a_token_that_no_page_returned_is_malformed(token: str) -> None:
    answered = send("GET /users/{userId}/activity", history, query={"nextToken": token})
    assert (answered.status, answered.problem) == (400, "malformed-request")


@given(st.text(st.characters(codec=None, categories=None), max_size=80))
def test_any_token_gives_a_page_or_a_malformed_request(token: str) -> None:
    assert send("GET /users/{userId}/activity", history, query={"nextToken": token}).status in {200, 400}


@given(st.text("0123456789", min_size=40, max_size=40))
def test_every_change_id_makes_a_valid_token(change_id: str) -> None:
    seen: list[str | None] = []

    def read_page(_user_id: str, _limit: int, after: str | None) -> ActivityPage:
        seen.append(after)
        return ActivityPage([], None)

    query = {"nextToken": next_token(change_id)}
    assert send("GET /users/{userId}/activity", read_page, query=query).status == 200
    assert seen == [change_id]
