"""The site as CloudFront serves it with a limit per client: page and registration in one place."""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from infra.components.client_limit import PROBLEM, RETRY_AFTER_SECONDS, TOO_MANY_REQUESTS
from infra.components.website import CONTENT_TYPES, SITE_DIRECTORY
from infra.outputs import StackOutputs
from infra.site_config import SiteConfig, security_headers

FORWARDED = ("Content-Type", "Idempotency-Key", "Origin")


@dataclass
class PageBehindCloudFront:
    """A running site.

    Attributes:
        url: its origin.
        limited: how many of the next registrations are beyond the client's limit.
        registrations: method and path of each request for /register.
    """

    url: str
    limited: int = 0
    registrations: list[str] = field(default_factory=list[str])


@contextmanager
def page_behind_cloudfront(outputs: StackOutputs) -> Generator[PageBehindCloudFront]:
    """Serve the site of a stack until the block ends; registrations go on to the stack's API."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    site = PageBehindCloudFront(url=f"http://127.0.0.1:{server.server_port}")
    _Handler.site, _Handler.outputs = site, outputs
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    site: PageBehindCloudFront
    outputs: StackOutputs

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/config.json":
            outputs = self.outputs
            config = SiteConfig(environment=outputs.environment, region=outputs.region, api_url=self.site.url)
            self._send(200, "application/json", config.to_json().encode(), security_headers(None))
            return
        file = SITE_DIRECTORY / (path.removeprefix("/") or "index.html")
        if file.is_file():
            self._send(200, CONTENT_TYPES[file.suffix], file.read_bytes(), security_headers(None))
        else:
            self._send(404, "text/plain", b"", {})

    def do_POST(self) -> None:
        self.site.registrations.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.site.limited:
            self.site.limited -= 1
            answer = json.dumps(PROBLEM).encode()
            self._send(TOO_MANY_REQUESTS, "application/json", answer, {"retry-after": str(RETRY_AFTER_SECONDS)})
            return
        api = urlsplit(self.outputs.api_url)
        connection = HTTPConnection(str(api.hostname), api.port)
        headers = {name: self.headers[name] for name in FORWARDED if name in self.headers}
        connection.request("POST", f"{api.path}{self.path}", body, headers)
        response = connection.getresponse()
        self._send(response.status, response.headers["Content-Type"], response.read(), {})
        connection.close()

    def do_OPTIONS(self) -> None:
        self.site.registrations.append(f"{self.command} {self.path}")
        self._send(404, "text/plain", b"", {})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Print nothing."""

    def _send(self, status: int, content_type: str, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
