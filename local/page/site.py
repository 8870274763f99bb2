"""The site in frontend/ on this machine: config.json made from the stack outputs, the live view beside the form.

Served on 127.0.0.1 alone. Another site in the same browser must neither read it nor press its buttons: a request is
answered only under this server's own host name (DNS rebinding), an action only from this site's own pages (CSRF).
"""

import errno
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from typing_extensions import override

from infra.naming import PROJECT_ROOT
from infra.site_config import CONFIG_FILE, SiteConfig, origin, security_headers
from local.page.live_view import LiveEndpoints

if TYPE_CHECKING:
    from local.state import LocalStack

DEFAULT_PORT = 8080
"""Where the site is, unless another program is there already."""

_HOST = "127.0.0.1"
_SITE = PROJECT_ROOT / "frontend"
_LIVE_PAGE = PROJECT_ROOT / "local" / "page" / "static"
_LIVE_TAGS = b'<link rel="stylesheet" href="live/live.css"><script type="module" src="live/live.js"></script></head>'
_LENGTH_DIGITS = 9
_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


class Website:
    """The site's server. Its address is known, and its port taken, before the stack behind it is deployed."""

    def __init__(self, port: int = DEFAULT_PORT, reserved: int = 0) -> None:
        """Take the port, or any free one where it is taken.

        Args:
            port: the wanted port; 0 for any.
            reserved: a port that another part of the stack is about to take.
        """
        try:
            self._server = _Server((_HOST, 0 if port == reserved else port), _Handler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            self._server = _Server((_HOST, 0), _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="website", daemon=True)

    @property
    def origin(self) -> str:
        """Scheme, host and port, as CORS compares them; also the address to open."""
        return f"http://{self._server.host}"

    def start(self, stack: "LocalStack") -> None:
        """Serve the site of a deployed stack until `stop`."""
        self._server.show(stack)
        self._thread.start()

    def stop(self) -> None:
        """End every answer under way and give the port back."""
        self._server.closing.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.host = f"{_HOST}:{self.server_port}"
        self.closing = threading.Event()

    def show(self, stack: "LocalStack") -> None:
        config = SiteConfig.from_outputs(stack.outputs)
        self.config_json = config.to_json().encode()
        self.security_headers = security_headers(origin(config.api_url))
        self.live = LiveEndpoints(stack, self.closing)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a browser that left in the middle; show any other error, which is a defect here."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # pyright: ignore[reportArgumentType]  passed on


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]  BaseServer, narrowed to the one that is
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if not self._is_for_us():
            return
        if self.command == "GET" and (user_id := self.server.live.followed_user(path)):
            self.server.live.follow(self, user_id)
        elif path == f"/{CONFIG_FILE}":
            self._send(HTTPStatus.OK, self.server.config_json, ".json")
        elif (file := _served_file(path)) is None:
            self._send(HTTPStatus.NOT_FOUND, b"Not found.\n")
        elif file.name == "index.html":
            self._send(HTTPStatus.OK, file.read_bytes().replace(b"</head>", _LIVE_TAGS), ".html")
        else:
            self._send(HTTPStatus.OK, file.read_bytes(), file.suffix)

    def do_HEAD(self) -> None:
        self.do_GET()  # As CloudFront answers it; `_send` leaves the body out.

    def do_POST(self) -> None:
        if not self._is_for_us():
            return
        # Read first: an answer before the body was read could be lost with the connection.
        body = self._body()
        if self.headers.get("Origin") != f"http://{self.server.host}":
            self._send(HTTPStatus.FORBIDDEN, b"Only this site's own pages may ask for that.\n")
        elif body is None or self.headers.get_content_type() != "application/json":
            self._send(HTTPStatus.BAD_REQUEST, b"Send a small JSON body with its Content-Length.\n")
        elif (answer := self.server.live.act(urlsplit(self.path).path, body)) is None:
            self._send(HTTPStatus.NOT_FOUND, b"Not found.\n")
        else:
            self._send(answer.status, answer.body, ".json")

    def _is_for_us(self) -> bool:
        """Whether the request names this server; if not, it is answered here."""
        host = self.headers.get("Host", "")
        if host == self.server.host:
            return True
        if host == f"localhost:{self.server.server_port}":
            # One address only, the one the API's CORS knows.
            self.send_response(HTTPStatus.TEMPORARY_REDIRECT)
            self.send_header("Location", f"http://{self.server.host}{urlsplit(self.path).path}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False
        self._send(HTTPStatus.MISDIRECTED_REQUEST, f"This is {self.server.host}.\n".encode())
        return False

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        # Compared by its digits first: Python reads no number of thousands of them.
        if not length.isdecimal() or len(length) > _LENGTH_DIGITS or int(length) > self.server.live.LARGEST_BODY_BYTES:
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
        # An edited file must show at the next reload.
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Say nothing: the terminal shows the stack's log, not the browser's every request."""

    def version_string(self) -> str:
        return "userstream"


def _served_file(path: str) -> Path | None:
    """The file behind a path of the site, found by its listed name, so that no path can lead out of the folders."""
    name = "index.html" if path == "/" else path.removeprefix("/")
    files = {file.name: file for file in _SITE.iterdir()}
    files |= {f"live/{file.name}": file for file in _LIVE_PAGE.iterdir()}
    return files.get(name)
