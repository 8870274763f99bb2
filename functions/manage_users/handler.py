"""`/users/{userId}`: reads, changes and deletes a user, and shows what happened to one.

API Gateway lets in only callers whose IAM identity may invoke the route.
"""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from functions.activity.store import ActivityPage, activity_page
from functions.environment import read_text
from functions.http_api.endpoint import answer
from functions.http_api.entity_tags import entity_tag, if_match
from functions.http_api.json_body import json_object
from functions.http_api.request import Event, InvalidEventError, Request
from functions.http_api.response import Response
from functions.manage_users.activity import ReadPage, activity_endpoint
from functions.users.administration import change_user, read_user, remove_user
from functions.users.availability import unavailability
from functions.users.dynamodb_store import store_from_environment
from functions.users.errors import UserNotFoundError
from functions.users.fields import parse_user_changes
from functions.users.store import UsersStore
from functions.users.user import User

LONGEST_USER_ID = 128


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Answer an HTTP API event (payload format 2.0) on the deployed tables."""
    return answer(event, lambda request: manage_endpoint(request, store_from_environment(), _read_page))


def manage_endpoint(request: Request, users: UsersStore, read_page: ReadPage) -> Response:
    """Answer any of this function's routes.

    Raises:
        RequestError: The request can't be read.
        UserError: It is refused.
        InvalidEventError: The API sends a route here that this function doesn't have.
    """
    match request.route:
        case "GET /users/{userId}":
            return _shown(read_user(users, _user_id(request)))
        case "PATCH /users/{userId}":
            return _change(request, users)
        case "DELETE /users/{userId}":
            return _remove(request, users)
        case "GET /users/{userId}/activity":
            return activity_endpoint(request, _user_id(request), users, read_page)
        case route:
            raise InvalidEventError(f"{route!r} is no route of manage_users: change the API's integration.")


def _change(request: Request, users: UsersStore) -> Response:
    user_id, precondition = _user_id(request), if_match(request.headers)
    changes = parse_user_changes(json_object(request))
    return _shown(change_user(users, user_id, changes, precondition=precondition, now=datetime.now(UTC)))


def _remove(request: Request, users: UsersStore) -> Response:
    user_id = _user_id(request)
    remove_user(users, user_id, precondition=if_match(request.headers))
    return Response(status=HTTPStatus.NO_CONTENT, logged={"userId": user_id})


def _user_id(request: Request) -> str:
    """Give the path's user id; a text that no user's id can be is one that no user has."""
    user_id = request.path.get("userId", "")
    if not (0 < len(user_id) <= LONGEST_USER_ID and user_id.isprintable()):
        raise UserNotFoundError
    return user_id


def _shown(user: User) -> Response:
    body = {
        "userId": user.user_id,
        "name": user.name,
        "email": user.email,
        "username": user.username,
        "version": user.version,
        "createdAt": user.created_at,
        "updatedAt": user.updated_at,
    }
    return Response(
        status=HTTPStatus.OK, body=body, headers={"etag": entity_tag(user.version)}, logged={"userId": user.user_id}
    )


def _read_page(user_id: str, limit: int, after: str | None) -> ActivityPage:
    with unavailability():
        return activity_page(read_text("ACTIVITY_TABLE"), user_id, limit, after)
