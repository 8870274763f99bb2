"""Pages of a history, whatever its values are: each fits into one answer, and none is left out."""

import json
from base64 import b64encode
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from functions.activity.table import ActivityPage
from functions.http_api.endpoint import answer
from functions.manage_users.handler import ReadPage, manage_endpoint
from functions.runtime.json_log import JsonObject
from tests.support.users.http_api_events import http_event
from tests.support.users.users_in_memory import InMemoryUsers

LAMBDA_ANSWER_BYTES = 6 * 1024 * 1024
"""Lambda developer guide, "Lambda quotas"."""
STORED_PAGE_BYTES = 1024 * 1024
"""DynamoDB ends a page there (API reference, "Query")."""
STORED_ITEM_BYTES = 400_000

# What is stored in one byte or more, and what it becomes in JSON within JSON.
VALUES = {
    "plain": "a" * STORED_ITEM_BYTES,
    "control characters": "\x01" * STORED_ITEM_BYTES,
    "quotes": '"\\' * (STORED_ITEM_BYTES // 2),
    "accents": "\u00e9" * (STORED_ITEM_BYTES // 2),
    "emoji": "\U0001f600" * (STORED_ITEM_BYTES // 4),
    "binary": b64encode(b"\x01" * STORED_ITEM_BYTES).decode(),
}


def stored(position: int, value: str, share: float) -> JsonObject:
    text = VALUES[value][: round(len(VALUES[value]) * share)]
    return {"changeId": f"{position:040}", "kind": "UPDATED", "changes": {"about": {"new": text}}}


def pages_of(entries: list[JsonObject], bytes_stored: list[float]) -> ReadPage:
    def read_page(_user_id: str, limit: int, after: str | None) -> ActivityPage:
        left = [at for at, entry in enumerate(entries) if after is None or entry["changeId"] > after]
        page: list[int] = []
        while len(page) < min(limit, len(left)) and sum(bytes_stored[at] for at in page) < STORED_PAGE_BYTES:
            page.append(left[len(page)])
        more = len(page) < len(left)
        return ActivityPage([entries[at] for at in page], entries[page[-1]]["changeId"] if more else None)

    return read_page


@given(
    drawn=st.lists(
        st.tuples(st.sampled_from(sorted(VALUES)), st.sampled_from([0.0, 0.01, 0.3, 0.82, 1.0])), max_size=7
    ),
    limit=st.sampled_from([1, 3, 25, 100]),
)
@example(drawn=[("control characters", 0.82)] * 3, limit=25)
@example(drawn=[("control characters", 1.0)], limit=1)
def test_every_page_fits_and_no_change_is_left_out(drawn: list[tuple[str, float]], limit: int) -> None:
    entries = [stored(position, value, share) for position, (value, share) in enumerate(drawn)]
    read_page = pages_of(entries, [share * STORED_ITEM_BYTES for _, share in drawn])
    shown: list[Any] = []
    query = {"limit": str(limit)}
    while True:
        event = http_event("GET /users/{userId}/activity", path={"userId": "u"}, query=query)
        result = answer(event, lambda request: manage_endpoint(request, InMemoryUsers(), read_page))
        if not entries:
            assert result["statusCode"] == 404
            return
        assert len(json.dumps(result)) <= LAMBDA_ANSWER_BYTES
        page = json.loads(result["body"])
        assert page["items"]
        shown += page["items"]
        if page["nextToken"] is None:
            break
        query["nextToken"] = page["nextToken"]
    assert shown == entries
