"""The live view's two kinds of request: follow a user's trail as it grows, and act on that user."""

import json
import re
import threading
import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, ClassVar

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session

from local.page.trail import StackReader
from local.state import clients_of

if TYPE_CHECKING:
    from local.state import LocalStack


# A change of a user that LogUserChangesFunction can't process, as an unforeseen writer might make.

POISONED_SCHEMA_VERSION = 2
"""A layout of the item that no function knows. Add it to SUPPORTED_SCHEMA_VERSIONS, and the change can be replayed."""


def write_poisoned_change(stack: "LocalStack", user_id: str | None = None, name: str = "Mallory") -> str:
    """Write an item of the Users table in a layout that the function refuses, past the API, which would never do so.

    Args:
        stack: where.
        user_id: of a user there is, whose next change is the poisoned one; None for a new user.
        name: of the new user.

    Returns:
        The user's id.

    Raises:
        botocore.exceptions.ClientError: the table refused.
    """
    dynamodb = clients_of(stack).dynamodb
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if user_id is not None:
        dynamodb.update_item(
            TableName=stack.outputs.users_table_name,
            Key={"userId": {"S": user_id}},
            UpdateExpression="SET schemaVersion = :schema, updatedAt = :now ADD version :one",
            ConditionExpression="attribute_exists(userId)",
            ExpressionAttributeValues={
                ":schema": {"N": str(POISONED_SCHEMA_VERSION)},
                ":now": {"S": now},
                ":one": {"N": "1"},
            },
        )
        return user_id
    user_id = str(uuid.uuid4())
    username = f"{name.casefold()}-{user_id[:8]}"
    dynamodb.put_item(
        TableName=stack.outputs.users_table_name,
        Item={
            "userId": {"S": user_id},
            "name": {"S": name},
            "email": {"S": f"{username}@example.com"},
            "username": {"S": username},
            "version": {"N": "1"},
            "createdAt": {"S": now},
            "updatedAt": {"S": now},
            "schemaVersion": {"N": str(POISONED_SCHEMA_VERSION)},
        },
    )
    return user_id


# What the page's buttons do to the user just registered: update and delete by the API, signed;
# poison in the table.

_TIMEOUT_SECONDS = 30


class ActionAnswer:
    """What the stack answered to an action: an HTTP status and a JSON body, empty where there is none."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.body = body


def update_user(stack: "LocalStack", user_id: str, changes: bytes) -> ActionAnswer:
    """Send `PATCH /users/{userId}` with a JSON body, signed with the stack's keys."""
    return _call(stack, "PATCH", user_id, changes)


def delete_user(stack: "LocalStack", user_id: str) -> ActionAnswer:
    """Send `DELETE /users/{userId}`, signed with the stack's keys."""
    return _call(stack, "DELETE", user_id, b"")


def poison_user(stack: "LocalStack", user_id: str) -> ActionAnswer:
    """Write a version of the user that LogUserChangesFunction can't read, past the API, which would never write one."""
    write_poisoned_change(stack, user_id)
    return ActionAnswer(204, b"")


def _call(stack: "LocalStack", method: str, user_id: str, body: bytes) -> ActionAnswer:
    url = f"{stack.outputs.api_url}/users/{user_id}"
    request = AWSRequest(method=method, url=url, data=body, headers={"Content-Type": "application/json"})
    credentials = Credentials(stack.access_key_id, stack.secret_access_key)
    SigV4Auth(credentials, "execute-api", stack.region).add_auth(request)
    answer = URLLib3Session(timeout=_TIMEOUT_SECONDS).send(request.prepare())
    return ActionAnswer(answer.status_code, answer.content)


_USER = re.compile(r"/live/users/(?P<user_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/(?P<action>[a-z]+))?")

_LIVELY_SECONDS = 0.25
_QUIET_SECONDS = 1.0
_LOOKS_UNTIL_QUIET = 40
"""So many looks without news, ten seconds, and the view looks less often: a forgotten tab should cost little."""

_LOOKS_UNTIL_KEEPALIVE = 20
"""A comment line after so many looks without news finds out that the browser has gone."""


class LiveEndpoints:
    """Answers /live/users/{userId} with server-sent events, and POST /live/users/{userId}/{update,delete,poison}."""

    LARGEST_BODY_BYTES: ClassVar[int] = 16 * 1024

    def __init__(self, stack: "LocalStack", closing: threading.Event) -> None:
        self._stack = stack
        self._closing = closing

    def followed_user(self, path: str) -> str | None:
        """The user id in the path of a trail, or None for any other path."""
        match = _USER.fullmatch(path)
        return match["user_id"] if match and match["action"] is None else None

    def follow(self, request: BaseHTTPRequestHandler, user_id: str) -> None:
        """Send the user's trail now and whenever it changed, until the browser leaves or the stack ends.

        Args:
            request: the request to answer; its connection ends with the answer.
            user_id: whose trail.
        """
        request.close_connection = True
        request.send_response(HTTPStatus.OK)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        reader = StackReader(self._stack, user_id)
        last, looks = "", 0
        while not self._closing.wait(_LIVELY_SECONDS if looks < _LOOKS_UNTIL_QUIET else _QUIET_SECONDS):
            try:
                trail = reader.read().model_dump_json(by_alias=True)
            except (BotoCoreError, ClientError):
                return  # The emulator is going down; the browser asks again, and finds it or not.
            looks = 0 if trail != last else looks + 1
            event = f"data: {trail}\n\n" if trail != last else ":\n\n" if looks % _LOOKS_UNTIL_KEEPALIVE == 0 else ""
            last = trail
            try:
                request.wfile.write(event.encode())
            except OSError:
                return  # The browser has left.

    def act(self, path: str, body: bytes) -> ActionAnswer | None:
        """Do what a button asks, or return None for a path that is no action.

        Args:
            path: of the request.
            body: its JSON; only an update has something in it.
        """
        match = _USER.fullmatch(path)
        if match is None:
            return None
        try:
            match match["action"]:
                case "update":
                    return update_user(self._stack, match["user_id"], body)
                case "delete":
                    return delete_user(self._stack, match["user_id"])
                case "poison":
                    return poison_user(self._stack, match["user_id"])
                case _:
                    return None
        except (BotoCoreError, ClientError) as error:
            detail = json.dumps({"title": "The local stack did not do that.", "detail": str(error)})
            return ActionAnswer(HTTPStatus.BAD_GATEWAY, detail.encode())
