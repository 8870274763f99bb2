"""`GET /users/{userId}/activity`: what happened to a user, oldest first, a page at a time."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from http import HTTPStatus

from functions.activity.store import ActivityPage
from functions.http_api.errors import MalformedRequestError
from functions.http_api.request import Request
from functions.http_api.response import Response
from functions.stream_records.attribute_values import PlainValue
from functions.users.administration import read_user
from functions.users.store import REGISTRATION_DIGEST, UsersStore

ReadPage = Callable[[str, int, str | None], ActivityPage]
"""Gives up to so many changes of a user, those after a change id or the first ones."""

LARGEST_PAGE = 100
USUAL_PAGE = 25
_CHANGE_ID = re.compile(r"[0-9]{40}", re.ASCII)


def activity_endpoint(request: Request, user_id: str, users: UsersStore, read_page: ReadPage) -> Response:
    """Show a page of a user's history: 200 with the changes and the token of the next page, null on the last.

    A user who was deleted still has a history, and one who just registered doesn't have one yet. The registration's
    digest is left out: it tells of a request, and by it values could be guessed that the user has long changed.

    Raises:
        MalformedRequestError: The query's limit or nextToken isn't one.
        UserNotFoundError: There is neither a user nor a history.
    """
    after = _after(request.query.get("nextToken"))
    page = read_page(user_id, _limit(request.query.get("limit")), after)
    if not page.items and after is None:
        read_user(users, user_id)
    return Response(
        status=HTTPStatus.OK,
        body={
            "items": [_shown(entry) for entry in page.items],
            "nextToken": None if page.after is None else next_token(page.after),
        },
        logged={"userId": user_id},
    )


def _shown(entry: dict[str, PlainValue]) -> dict[str, PlainValue]:
    changes = {name: change for name, change in entry["changes"].items() if name != REGISTRATION_DIGEST}
    return {**entry, "changes": changes}


def next_token(change_id: str) -> str:
    """Write the place where the next page begins, in a form that callers don't read."""
    return urlsafe_b64encode(change_id.encode()).decode().rstrip("=")


def _after(token: str | None) -> str | None:
    if token is None:
        return None
    try:
        change_id = urlsafe_b64decode(token.encode("ascii") + b"==").decode("ascii")
    except (Base64Error, UnicodeError):
        change_id = ""
    # Base64 can be written in several ways: only the one that was handed out is taken back.
    if not _CHANGE_ID.fullmatch(change_id) or next_token(change_id) != token:
        raise MalformedRequestError("nextToken isn't one that an earlier page gave. Leave it out to begin anew.")
    return change_id


def _limit(value: str | None) -> int:
    if value is None:
        return USUAL_PAGE
    if re.fullmatch(r"[0-9]{1,3}", value) and 1 <= int(value) <= LARGEST_PAGE:
        return int(value)
    raise MalformedRequestError(f"limit takes a whole number from 1 to {LARGEST_PAGE}.")
