"""The live view's two kinds of request: follow a user's trail as it grows, and act on that user."""

import json
import re
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from local.live.actions import ActionAnswer, delete_user, poison_user, update_user
from local.live.stack_reader import StackReader

if TYPE_CHECKING:
    from local.state import LocalStack

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
