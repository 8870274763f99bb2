"""The page's server: the site in frontend/, config.json from the stack outputs, the live view.

It listens on 127.0.0.1 only. Another site in the same browser must neither read it nor use its
buttons: a request is answered only under this server's own host name (DNS rebinding), an action
only for this site's own pages (CSRF).
"""

import errno
import json
import re
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from typing_extensions import override

from functions.users.attributes import ATTRIBUTES
from functions.users.user import keys_of
from infra.naming import PROJECT_ROOT
from infra.site_config import CONFIG_FILE, SiteConfig, origin, security_headers
from local.actions import ApiResponse, call_api, write_unsupported_user
from local.mailbox import latest_mails
from local.own_pages import is_of_another_site
from local.page.trail import TrailReader
from local.state import LocalStack

_HOST = "127.0.0.1"
_SITE_FILES = PROJECT_ROOT / "frontend"
_LIVE_FILES = PROJECT_ROOT / "local" / "page" / "static"
_LIVE_TAGS = b'<link rel="stylesheet" href="live/live.css"><script type="module" src="live/live.js"></script></head>'
_LENGTH_DIGITS = 9
_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}

_LARGEST_BODY_BYTES = 16 * 1024
"""Of an action's request."""

_LIVE_PATH = re.compile(r"/live/users/(?P<user_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/(?P<action>[a-z]+))?")

_OWN_PAGES_ONLY = b"Only this site's own pages may ask for that.\n"

_MAILS_READ = 100
"""The newest ones, of which those to one address are shown."""

_POLL_SECONDS = 0.25
_IDLE_POLL_SECONDS = 1.0
_READS_UNTIL_IDLE = 40
"""After ten seconds without news the view polls less often: a forgotten tab must cost little."""

_READS_PER_COMMENT = 20
"""After this many reads without news a comment line finds out whether the browser still listens."""


class Site(ThreadingHTTPServer):
    """The site's server. Its address is known before the stack behind it is deployed."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, reserved: int = 0) -> None:
        """Take the port, or a free one if another program has it or the emulator reserved it."""
        try:
            super().__init__((_HOST, 0 if port == reserved else port), _Handler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            super().__init__((_HOST, 0), _Handler)
        self.host = f"{_HOST}:{self.server_port}"
        self.origin = f"http://{self.host}"
        """Scheme, host and port, as CORS compares them; also the address to open."""
        self.closing = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, name="site", daemon=True)

    def start(self, stack: LocalStack, mailbox: Path) -> None:
        """Serve the site of a deployed stack, and its mails, until `stop`."""
        self.mailbox = mailbox
        config = SiteConfig.from_outputs(stack.outputs)
        self.config_json = config.to_json().encode()
        self.security_headers = security_headers(origin(config.api_url))
        self.stack = stack
        self._thread.start()

    def stop(self) -> None:
        """End every response that is still being sent, and close the port."""
        self.closing.set()
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        self.server_close()

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a browser that closed its connection; print any other error, which is a bug."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # pyright: ignore[reportArgumentType]  passed on


class _Handler(BaseHTTPRequestHandler):
    """Answers the site's files, and what the live view asks for below /live/."""

    server: Site  # pyright: ignore[reportIncompatibleVariableOverride]  BaseServer, narrowed to the one that is
    protocol_version = "HTTP/1.1"
    timeout = 30

    @override
    def parse_request(self) -> bool:
        """Refuse a target that isn't a path: no browser sends one, and `urlsplit` fails on some."""
        if not super().parse_request():
            return False
        if not self.path.startswith("/"):
            self.close_connection = True
            self._send(HTTPStatus.BAD_REQUEST, b"Ask for a path.\n")
            return False
        return True

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if not self._names_this_server():
            return
        match = _LIVE_PATH.fullmatch(path)
        if path.startswith("/live/") and is_of_another_site(dict(self.headers.items()), self.server.origin):
            self._send(HTTPStatus.FORBIDDEN, _OWN_PAGES_ONLY)
        elif self.command == "GET" and match and match["action"] is None:
            self._follow(match["user_id"])
        elif path == "/live/mailbox":
            self._send_mails()
        elif path == f"/{CONFIG_FILE}":
            self._send(HTTPStatus.OK, self.server.config_json, ".json")
        elif (file := _served_file(path)) is None:
            self._send(HTTPStatus.NOT_FOUND, b"Not found.\n")
        elif file.name == "index.html":
            self._send(HTTPStatus.OK, file.read_bytes().replace(b"</head>", _LIVE_TAGS), ".html")
        else:
            self._send(HTTPStatus.OK, file.read_bytes(), file.suffix)

    def do_HEAD(self) -> None:
        self.do_GET()  # `_send` leaves the body out.

    def do_POST(self) -> None:
        if not self._names_this_server():
            return
        # Read first: a response before the body was read could be lost with the connection.
        body = self._body()
        if self.headers.get("Origin") != self.server.origin:
            self._send(HTTPStatus.FORBIDDEN, _OWN_PAGES_ONLY)
        elif body is None or self.headers.get_content_type() != "application/json":
            self._send(HTTPStatus.BAD_REQUEST, b"Send a small JSON body with its Content-Length.\n")
        elif (response := self._act(body)) is None:
            self._send(HTTPStatus.NOT_FOUND, b"Not found.\n")
        else:
            self._send(response.status, response.body, ".json")

    def _follow(self, user_id: str) -> None:
        """Send the user's trail now and after each change, until the browser or the stack ends."""
        self.close_connection = True
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        reader = TrailReader(self.server.stack, user_id)
        last, unchanged_reads = "", 0
        while not self.server.closing.wait(
            _POLL_SECONDS if unchanged_reads < _READS_UNTIL_IDLE else _IDLE_POLL_SECONDS
        ):
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
                self.wfile.write(event.encode())
            except OSError:
                return  # The browser has closed the connection.

    def _send_mails(self) -> None:
        """Send the mails to the address in the query: it is all that a page may see of the mailbox.

        The server can't tell this user's browser from another user's program.
        """
        mailbox, address = self.server.mailbox, parse_qs(urlsplit(self.path).query).get("to", [""])[0]
        if not address:
            self._send(HTTPStatus.BAD_REQUEST, b"Name whose mails: /live/mailbox?to=ADDRESS\n")
            return
        folder = mailbox.relative_to(PROJECT_ROOT) if mailbox.is_relative_to(PROJECT_ROOT) else mailbox
        key = _address_key(address)
        mails = [mail for mail in latest_mails(mailbox, _MAILS_READ) if key and _address_key(mail["to"]) == key]
        self._send(HTTPStatus.OK, json.dumps({"folder": str(folder), "mails": mails}).encode(), ".json")

    def _act(self, body: bytes) -> ApiResponse | None:
        """Do what a button asks for; return None if the path isn't an action's."""
        match = _LIVE_PATH.fullmatch(urlsplit(self.path).path)
        if match is None:
            return None
        stack, user_id = self.server.stack, match["user_id"]
        try:
            match match["action"]:
                case "update":
                    return call_api(stack, "PATCH", f"/users/{user_id}", body)
                case "delete":
                    return call_api(stack, "DELETE", f"/users/{user_id}")
                case "poison":
                    write_unsupported_user(stack, user_id)
                    return ApiResponse(HTTPStatus.NO_CONTENT, b"")
                case _:
                    return None
        except (BotoCoreError, ClientError) as error:
            detail = json.dumps({"title": "The local stack did not do that.", "detail": str(error)})
            return ApiResponse(HTTPStatus.BAD_GATEWAY, detail.encode())

    def _names_this_server(self) -> bool:
        """Check the request's Host header; answer the request if it names another host."""
        host = self.headers.get("Host", "")
        if host == self.server.host:
            return True
        if host == f"localhost:{self.server.server_port}":
            # The API's CORS settings allow only that address.
            self.send_response(HTTPStatus.TEMPORARY_REDIRECT)
            self.send_header("Location", f"{self.server.origin}{urlsplit(self.path).path}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False
        self._send(HTTPStatus.MISDIRECTED_REQUEST, f"This is {self.server.host}.\n".encode())
        return False

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        # Count the digits first: `int` refuses thousands of them.
        if not length.isdecimal() or len(length) > _LENGTH_DIGITS or int(length) > _LARGEST_BODY_BYTES:
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _send(self, status: int, body: bytes, suffix: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", _CONTENT_TYPES.get(suffix, "text/plain; charset=utf-8"))
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def end_headers(self) -> None:
        for name, value in self.server.security_headers.items():
            self.send_header(name, value)
        # So that an edited file shows at the next reload.
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Print nothing: the terminal shows the stack's log."""

    def version_string(self) -> str:
        return "userstream"


def _address_key(address: str) -> dict[str, str]:
    """Return what is the same for the same address, however it is written."""
    return keys_of({each.name: address for each in ATTRIBUTES if each.confirmed})


def _served_file(path: str) -> Path | None:
    """Find a file by its listed name, so that no path can lead out of the folders."""
    name = "index.html" if path == "/" else path.removeprefix("/")
    files = {file.name: file for file in _SITE_FILES.iterdir()}
    files |= {f"live/{file.name}": file for file in _LIVE_FILES.iterdir()}
    return files.get(name)
