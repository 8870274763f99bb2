"""HTTP requests written byte by byte, because a client library refuses or repairs some of them."""

import json
import socket
from collections.abc import Mapping
from http.client import HTTPResponse
from typing import NamedTuple
from urllib.parse import urlsplit

from functions.runtime.json_log import Json


class RawAnswer(NamedTuple):
    """A response."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name; the last of repeated ones."""
    body: bytes

    @property
    def json(self) -> Json:
        """The body's JSON value."""
        return json.loads(self.body)


def send(url: str, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | bytes = b"") -> RawAnswer:
    """Send one request on a connection of its own.

    Args:
        url: Base URL of the API; its path comes before `path`.
        method: Sent unchanged in the request line.
        path: Target below the base URL, sent unchanged.
        body: Sent with its Content-Length.
        headers: Further headers; as bytes, whole header lines, for what a mapping can't hold.
    """
    parts = urlsplit(url)
    assert parts.hostname is not None
    lines = [f"{method} {parts.path}{path} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    head = "".join(f"{line}\r\n" for line in lines).encode()
    head += headers if isinstance(headers, bytes) else _header_lines(headers)
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=30) as connection:
        connection.sendall(head + b"\r\n" + body)
        response = HTTPResponse(connection, method=method)
        response.begin()
        answered = {name.lower(): value for name, value in response.getheaders()}
        answer = RawAnswer(response.status, answered, response.read())
        response.close()
        return answer


def _header_lines(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1")
