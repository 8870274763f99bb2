"""The users' routes, called in this process: the handlers' real code over any store."""

import json
from typing import Any

from functions.activity.table import ActivityPage
from functions.http_api.endpoint import answer
from functions.manage_users.handler import manage_endpoint
from functions.register_user.handler import register_endpoint
from functions.users.fields import FIELDS, Fields
from functions.users.user import UsersStore
from tests.support.users.http_api_events import Answer, http_event, read_answer


def no_activity(_user_id: str, _limit: int, _after: str | None) -> ActivityPage:
    """Return an empty page of history."""
    return ActivityPage([], None)


class UsersApi:
    """Sends requests to the handlers' endpoints."""

    def __init__(self, store: UsersStore, fields: Fields = FIELDS) -> None:
        self._store = store
        self._fields = fields

    def register(self, body: object, *, key: str | None = None) -> Answer:
        headers = {} if key is None else {"Idempotency-Key": key}
        event = http_event("POST /register", body=json.dumps(body), headers=headers)
        return read_answer(answer(event, lambda request: register_endpoint(request, self._store, self._fields)))

    def get(self, user_id: str) -> Answer:
        return self._manage("GET /users/{userId}", user_id)

    def find(self, *pairs: tuple[str, str], **query: str) -> Answer:
        event = http_event("GET /users", query=[*pairs, *query.items()])
        return read_answer(
            answer(event, lambda request: manage_endpoint(request, self._store, no_activity, self._fields))
        )

    def patch(self, user_id: str, body: object, *, if_match: str | None = None) -> Answer:
        return self._manage("PATCH /users/{userId}", user_id, if_match, body=json.dumps(body))

    def delete(self, user_id: str, *, if_match: str | None = None) -> Answer:
        return self._manage("DELETE /users/{userId}", user_id, if_match)

    def _manage(self, route: str, user_id: str, if_match: str | None = None, **parts: Any) -> Answer:
        headers = {} if if_match is None else {"If-Match": if_match}
        event = http_event(route, path={"userId": user_id}, headers=headers, **parts)
        return read_answer(
            answer(event, lambda request: manage_endpoint(request, self._store, no_activity, self._fields))
        )
