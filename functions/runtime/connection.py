"""One kept connection to a service: HTTP/1.1 as AWS's JSON services speak it.

A request is sent as it is. An answer is read if it has a Content-Length, as DynamoDB's do
(RFC 9112, section 6.3); any other counts as a connection that broke. Failures are botocore's
exceptions, so that its retries and our callers know them.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
from typing import TYPE_CHECKING, NamedTuple

import botocore
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

# Every call here answers in milliseconds. With botocore's own 60 s, one lost packet could use up a
# function's whole time. With these a silent service has been asked three times after 12 s, and
# apiTimeoutSeconds leaves room for that, so the caller gets 503.
CONNECT_SECONDS = 1
READ_SECONDS = 3

_LONGEST_LINE = 65_536


class Origin(NamedTuple):
    """Where requests go."""

    scheme: str  # http or https
    host: str
    port: int

    @property
    def url(self) -> str:
        """The origin as a URL, without a path."""
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them: without a default port."""
        is_default = self.port == (443 if self.scheme == "https" else 80)
        return self.host if is_default else f"{self.host}:{self.port}"


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    headers: dict[str, str]  # by lower-case name
    body: bytes

    def stream(self, **_: object) -> Iterator[bytes]:
        """Yield the body, as botocore reads it from urllib3's response."""
        yield self.body


class Connection:
    """Sends requests one after the other; connects when it has to."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._socket: socket.socket | None = None
        self._tls: ssl.SSLContext | None = None

    def exchange(self, request: bytes) -> Answer:
        """Send a request, head and body, and return its answer.

        Raises:
            HTTPClientError: It couldn't be sent, or the answer didn't come whole. Its subclass says
                which, as botocore's own session would.
        """
        url = self._origin.url
        try:
            connected = self._connected()
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=url, error=error) from error
        except ssl.SSLError as error:
            raise SSLError(endpoint_url=url, error=error) from error
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=url, error=error) from error
        is_over = True
        try:
            connected.sendall(request)
            with connected.makefile("rb") as reader:
                answer, is_over = _read(reader)
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=url, error=error) from error
        except (OSError, ValueError, KeyError) as error:
            raise ConnectionClosedError(endpoint_url=url, error=error) from error
        finally:
            if is_over:
                self.close()
        return answer

    def close(self) -> None:
        """Let the next request connect anew."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __del__(self) -> None:
        self.close()

    def _connected(self) -> socket.socket:
        if self._socket is not None and _is_silent(self._socket):
            return self._socket
        self.close()
        connected = socket.create_connection((self._origin.host, self._origin.port), CONNECT_SECONDS)
        try:
            # Head and body go out at once, and wait for no acknowledgement.
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._origin.scheme == "https":
                if self._tls is None:
                    self._tls = tls_context()
                connected = self._tls.wrap_socket(connected, server_hostname=self._origin.host)
            connected.settimeout(READ_SECONDS)
        except BaseException:
            connected.close()
            raise
        self._socket = connected
        return connected


def _is_silent(connected: socket.socket) -> bool:
    """Say whether an idle connection is still open: one that was closed can be read to its end."""
    poll = select.poll()
    poll.register(connected, select.POLLIN)
    return not poll.poll(0)


def tls_context() -> ssl.SSLContext:
    """Return a context that trusts whom botocore brings along, and verifies names.

    botocore prefers the package certifi, which Lambda's runtime lacks.
    """
    # os.path, because pathlib takes time to load.
    authorities = os.path.join(os.path.dirname(botocore.__file__), "cacert.pem")  # noqa: PTH118, PTH120
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    context.load_verify_locations(authorities)
    return context


def _read(reader: BufferedReader) -> tuple[Answer, bool]:
    """Read an answer, and whether the connection ends with it.

    Raise ValueError or KeyError for one that isn't HTTP/1.1, is cut off or has no length.
    """
    version, status, *_ = _line(reader).split(" ", 2)
    headers: dict[str, str] = {}
    while line := _line(reader):
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError("a header without a colon")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if version != "HTTP/1.1" or "transfer-encoding" in headers:
        raise ValueError("an answer in another form")
    length = int(headers["content-length"])
    body = reader.read(length)
    if len(body) < length:
        raise ValueError("the connection closed within the body")
    return Answer(int(status), headers, body), headers.get("connection", "").lower() == "close"


def _line(reader: BufferedReader) -> str:
    line = reader.readline(_LONGEST_LINE)
    if not line.endswith(b"\r\n"):
        raise ValueError("the connection closed within the head")
    return line[:-2].decode("latin-1")
