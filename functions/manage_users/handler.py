"""`/users/{userId}`: reads, changes, deletes a user, shows the history; `/users`: finds and lists.

API Gateway admits only callers whose IAM identity may invoke the route.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

# First, because it sets the thresholds before botocore is imported.
import functions.runtime.garbage_collection  # noqa: F401  # pyright: ignore[reportUnusedImport]
from functions.activity.table import ActivityPage, activity_page
from functions.http_api.endpoint import Response, answer
from functions.http_api.paging import next_token, number_that_fits, page_limit, read_token, unknown_token
from functions.http_api.request import (
    Event,
    InvalidEventError,
    MalformedRequestError,
    Request,
    entity_tag,
    if_match,
    json_object,
)
from functions.manage_users.users_page import users_page
from functions.runtime.invocation import read_text
from functions.stream_records.attribute_values import PlainValue
from functions.users.dynamodb_store import store_from_environment
from functions.users.fields import FIELDS, Fields
from functions.users.service import change_user, read_user, remove_user
from functions.users.transaction import unavailability
from functions.users.user import (
    INTERNAL_ATTRIBUTES,
    UNKNOWN_ACTOR,
    User,
    UserNotFoundError,
    UsersStore,
    attributes_of,
    has_path,
)

ReadPage = Callable[[str, int, str | None], ActivityPage]
"""Returns up to that many changes of a user: those after a change id, or the first ones."""

_CHANGE_ID = re.compile(r"[0-9]{40}", re.ASCII)


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Answer an HTTP API event (payload format 2.0) on the deployed tables."""
    return answer(event, lambda request: manage_endpoint(request, _store(), _read_page))


def _store() -> UsersStore:
    return store_from_environment(notes_deletions=True)


def _read_page(user_id: str, limit: int, after: str | None) -> ActivityPage:
    with unavailability():
        return activity_page(read_text("ACTIVITY_TABLE"), user_id, limit, after)


def manage_endpoint(request: Request, users: UsersStore, read_page: ReadPage, fields: Fields = FIELDS) -> Response:
    """Answer any of this function's routes; raise `InvalidEventError` for another one."""
    match request.route:
        case "GET /users":
            return users_page(request, users, fields)
        case "GET /users/{userId}":
            _require_no_query(request)
            return _shown(read_user(users, _user_id(request)), fields)
        case "PATCH /users/{userId}":
            _require_no_query(request)
            return _change(request, users, fields)
        case "DELETE /users/{userId}":
            _require_no_query(request)
            return _remove(request, users)
        case "GET /users/{userId}/activity":
            return _activity(request, users, read_page)
        case route:
            raise InvalidEventError(f"{route!r} is no route of manage_users: change the API's integration.")


def _user_id(request: Request) -> str:
    user_id = request.path.get("userId", "")
    if not has_path(user_id):
        raise UserNotFoundError
    return user_id


def _require_no_query(request: Request) -> None:
    # Of an id with `?`, sent encoded, a decoded path would leave the rest as a query.
    if request.query:
        raise MalformedRequestError("This route takes no parameters.")


def _change(request: Request, users: UsersStore, fields: Fields) -> Response:
    user_id, precondition = _user_id(request), if_match(request.headers)
    changes = fields.parse_changes(json_object(request))
    actor, now = request.caller or UNKNOWN_ACTOR, datetime.now(UTC)
    user = change_user(users, user_id, changes, precondition=precondition, actor=actor, now=now, trace=request.trace)
    return _shown(user, fields)


def _remove(request: Request, users: UsersStore) -> Response:
    user_id = _user_id(request)
    actor, now = request.caller or UNKNOWN_ACTOR, datetime.now(UTC)
    remove_user(users, user_id, precondition=if_match(request.headers), actor=actor, now=now, trace=request.trace)
    return Response(status=HTTPStatus.NO_CONTENT, logged={"userId": user_id})


def _shown(user: User, fields: Fields) -> Response:
    return Response(
        status=HTTPStatus.OK,
        body=attributes_of(user, fields.attributes),
        headers={"etag": entity_tag(user.version)},
        logged={"userId": user.user_id},
    )


def _activity(request: Request, users: UsersStore, read_page: ReadPage) -> Response:
    """Show a page of a user's history, oldest first, with the next page's token, null on the last.

    A deleted user still has a history, and one who just registered may not have one yet.
    """
    user_id = _user_id(request)
    after = _after(request.query.get("nextToken"))
    page = read_page(user_id, page_limit(request.query.get("limit")), after)
    if not page.items and after is None:
        read_user(users, user_id)  # raises UserNotFoundError
    entries, last = [_shown_activity(entry) for entry in page.items], page.after
    fitting = number_that_fits(entries)
    if fitting < len(entries):
        entries, last = entries[:fitting], page.items[fitting - 1]["changeId"]
    return Response(
        status=HTTPStatus.OK,
        body={"items": entries, "nextToken": None if last is None else next_token(last)},
        logged={"userId": user_id},
    )


def _shown_activity(entry: dict[str, PlainValue]) -> dict[str, PlainValue]:
    # Items of earlier releases have the registration's digest: by it, values could be guessed that
    # the user has long changed.
    changes = {name: change for name, change in entry["changes"].items() if name not in INTERNAL_ATTRIBUTES}
    return {**entry, "changes": changes}


def _after(token: str | None) -> str | None:
    if token is None:
        return None
    change_id = read_token(token)
    if not _CHANGE_ID.fullmatch(change_id):
        raise unknown_token()
    return change_id
