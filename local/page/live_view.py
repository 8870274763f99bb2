"""The requests of the live view: follow a user's trail as it grows, and change that user."""

import json
import re
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler

from botocore.exceptions import BotoCoreError, ClientError

from local.actions import ApiResponse, call_api, write_unsupported_user
from local.page.trail import TrailReader
from local.state import LocalStack

LARGEST_BODY_BYTES = 16 * 1024
"""Of an action's request."""

_PATH = re.compile(r"/live/users/(?P<user_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/(?P<action>[a-z]+))?")

_POLL_SECONDS = 0.25
_IDLE_POLL_SECONDS = 1.0
_READS_UNTIL_IDLE = 40
"""After ten seconds without news the view polls less often: a forgotten tab must cost little."""

_READS_PER_COMMENT = 20
"""After this many reads without news a comment line finds out whether the browser still listens."""


class LiveView:
    """Answers GET /live/users/{userId} with events, and POST /live/users/{userId}/{action}."""

    def __init__(self, stack: LocalStack, closing: threading.Event) -> None:
        """Prepare to answer; `closing` is set when the server ends."""
        self._stack = stack
        self._closing = closing

    def followed_user(self, path: str) -> str | None:
        """Return the user id in the path of a trail, or None for any other path."""
        match = _PATH.fullmatch(path)
        return match["user_id"] if match and match["action"] is None else None

    def follow(self, request: BaseHTTPRequestHandler, user_id: str) -> None:
        """Send the user's trail now and after each change, until the browser or the stack ends."""
        request.close_connection = True
        request.send_response(HTTPStatus.OK)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        reader = TrailReader(self._stack, user_id)
        last, unchanged_reads = "", 0
        while not self._closing.wait(_POLL_SECONDS if unchanged_reads < _READS_UNTIL_IDLE else _IDLE_POLL_SECONDS):
            try:
                trail = reader.read().model_dump_json(by_alias=True)
            except (BotoCoreError, ClientError):
                return  # The emulator is ending. The browser asks again.
            if trail != last:
                event, last, unchanged_reads = f"data: {trail}\n\n", trail, 0
            else:
                unchanged_reads += 1
                event = ":\n\n" if unchanged_reads % _READS_PER_COMMENT == 0 else ""
            try:
                request.wfile.write(event.encode())
            except OSError:
                return  # The browser has closed the connection.

    def act(self, path: str, body: bytes) -> ApiResponse | None:
        """Do what a button asks for; return None if the path isn't an action's."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        user_id = match["user_id"]
        try:
            match match["action"]:
                case "update":
                    return call_api(self._stack, "PATCH", f"/users/{user_id}", body)
                case "delete":
                    return call_api(self._stack, "DELETE", f"/users/{user_id}")
                case "poison":
                    write_unsupported_user(self._stack, user_id)
                    return ApiResponse(HTTPStatus.NO_CONTENT, b"")
                case _:
                    return None
        except (BotoCoreError, ClientError) as error:
            detail = json.dumps({"title": "The local stack did not do that.", "detail": str(error)})
            return ApiResponse(HTTPStatus.BAD_GATEWAY, detail.encode())
