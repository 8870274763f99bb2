"""`GET /users`: the user who has a unique value, or a page of all users."""

from http import HTTPStatus

from functions.http_api.endpoint import Response
from functions.http_api.paging import next_token, number_that_fits, page_limit, read_token, unknown_token
from functions.http_api.request import MalformedRequestError, Request
from functions.users.attributes import Attribute
from functions.users.fields import Fields
from functions.users.service import find_user
from functions.users.user import LONGEST_KEY, User, UsersStore, attributes_of

LIST_PARAMETERS = ("limit", "nextToken")


def users_page(request: Request, users: UsersStore, fields: Fields) -> Response:
    """Answer with the user of a value, by any declared unique attribute; without one, with a page.

    Raise `MalformedRequestError` for any other query.
    """
    searched = _searched(request, [each for each in fields.attributes if each.unique is not None])
    if searched is not None:
        user = find_user(users, searched, request.query[searched.name])
        if user is None:
            return _page([], None, fields)
        return _page([user], None, fields)._replace(logged={"userId": user.user_id})
    token = request.query.get("nextToken")
    page = users.page(page_limit(request.query.get("limit")), None if token is None else _user_id(token))
    return _page(page.users, page.after, fields)


def _searched(request: Request, searchable: list[Attribute]) -> Attribute | None:
    """Return the attribute to search by, None for a page of all."""
    names = [each.name for each in searchable]
    words = f"{', '.join(names)}, or limit and nextToken" if names else "limit and nextToken"
    if any(name not in (*names, *LIST_PARAMETERS) for name in request.query):
        raise MalformedRequestError(f"This route takes one of these parameters: {words}.")
    if request.repeated:
        raise MalformedRequestError("A parameter is there more than once.")
    given = [each for each in searchable if each.name in request.query]
    if not given:
        return None
    if len(request.query) > 1:
        raise MalformedRequestError(f"Search by one parameter alone: {words}.")
    if not request.query[given[0].name]:
        raise MalformedRequestError(f"{given[0].name} is empty.")
    return given[0]


def _user_id(token: str) -> str:
    user_id = read_token(token)
    if len(user_id.encode()) > LONGEST_KEY:
        raise unknown_token()
    return user_id


def _page(users: list[User], after: str | None, fields: Fields) -> Response:
    entries = [attributes_of(user, fields.attributes) for user in users]
    fitting = number_that_fits(entries)
    if fitting < len(entries):
        entries, after = entries[:fitting], users[fitting - 1].user_id
    return Response(
        status=HTTPStatus.OK,
        body={"items": entries, "nextToken": None if after is None else next_token(after)},
    )
