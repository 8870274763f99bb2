"""A service on the loopback interface: it keeps each request's bytes, and answers by a script."""

import socket
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from io import BufferedReader
from typing import NamedTuple
from zlib import crc32


class Reply(NamedTuple):
    """What is sent for a request, and what happens then."""

    content: bytes
    closes: bool = False
    is_silent: bool = False
    """Wait until the client gives up, before the connection closes."""


def reply(  # noqa: PLR0913  each is named at the call
    body: bytes,
    *,
    status: int = 200,
    checksum_of: bytes | None = None,
    headers: Iterable[tuple[str, str]] = (),
    closes: bool = False,
    cut_to: int | None = None,
) -> Reply:
    """Return an answer with a Content-Length, and the CRC of `checksum_of`."""
    lines = [f"HTTP/1.1 {status} Answer", f"Content-Length: {len(body)}", "x-amzn-RequestId: REQUEST"]
    if checksum_of is not None:
        lines.append(f"x-amz-crc32: {crc32(checksum_of)}")
    lines += [f"{name}: {value}" for name, value in headers]
    content = "\r\n".join([*lines, "", ""]).encode("latin-1") + body
    return Reply(content[:cut_to], closes=closes or cut_to is not None)


BROKEN = Reply(b"", closes=True)
SILENT = Reply(b"", is_silent=True)


class LoopbackService:
    """Answers each request with the next of `script`, and with its last one from then on."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.port: int = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.script: list[Reply] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self.closed = threading.Event()
        """Set once the service has closed a connection."""

    def serve(self) -> None:
        """Answer connections, each in a thread of its own, until the listener closes."""
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as reader:
            while request := _request(reader):
                self.requests.append(request)
                answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                connection.sendall(answer.content)
                if answer.is_silent:
                    reader.read(1)
                if answer.closes or answer.is_silent:
                    connection.shutdown(socket.SHUT_RDWR)
                    self.closed.set()
                    return


def _request(reader: BufferedReader) -> bytes:
    lines: list[bytes] = []
    length = 0
    while (line := reader.readline()) not in (b"\r\n", b""):
        lines.append(line)
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    if not lines:
        return b""
    body: bytes = reader.read(length)
    return b"".join(lines) + b"\r\n" + body


@contextmanager
def loopback_service() -> Generator[LoopbackService]:
    """Serve for the time of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        service = LoopbackService(listener)
        threading.Thread(target=service.serve, daemon=True).start()
        yield service
        # A close alone doesn't wake a thread that waits in accept().
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
