"""A proxy in front of the emulator that injects faults into one caller's requests."""

import http.client
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import urlsplit

from typing_extensions import override

from tests.support.faults.connection_faults import Answer, Fault, Request, refusal

HOST = "127.0.0.1"

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of 0 seconds, with which closing a socket resets its connection."""

_ANSWER_SECONDS = 90


class FaultProxy(ThreadingHTTPServer):
    """Forward requests unchanged, except those that meet a fault.

    Args:
        upstream: The emulator's address.
        deal: Returns the fault that a request meets.
        kill: Kills the caller.
        late_seconds: The delay of an answer that times out, longer than the caller waits.

    Attributes:
        see: Called with each answer of the emulator, whether the caller receives it or not.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        upstream: str,
        deal: Callable[[Request], Fault | None],
        kill: Callable[[], None],
        late_seconds: float,
    ) -> None:
        super().__init__((HOST, 0), _Handler)
        self.deal = deal
        self.kill = kill
        self.late_seconds = late_seconds
        self.see: Callable[[Request, Answer], None] = lambda _request, _answer: None
        self.upstream = urlsplit(upstream).netloc

    @property
    def url(self) -> str:
        """The address that the caller is given."""
        return f"http://{HOST}:{self.server_address[1]}"

    @contextmanager
    def serving(self) -> Generator[None]:
        """Serve for the time of the block."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()
            self.server_close()

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a caller that closed the connection, because this proxy makes that happen."""
        if not isinstance(sys.exc_info()[1], BrokenPipeError | ConnectionResetError):
            super().handle_error(cast("Any", request), client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FaultProxy  # pyright: ignore[reportIncompatibleVariableOverride]  no other server makes this handler

    @override
    def setup(self) -> None:
        super().setup()
        self._upstream: http.client.HTTPConnection | None = None

    @override
    def finish(self) -> None:
        if self._upstream is not None:
            self._upstream.close()
        with suppress(OSError):
            super().finish()

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        fault = self.server.deal(request)
        match fault:
            case None:
                self._send(self._forward(request))
            case Fault.THROTTLED | Fault.SERVER_ERROR | Fault.UNPROCESSED | Fault.DENIED:
                self._send(refusal(request, fault))
            case Fault.RESET_BEFORE:
                self._reset()
            case Fault.RESET_AFTER:
                self._forward(request)
                self._reset()
            case Fault.CUT_OFF:
                answer = self._forward(request)
                self._send(answer, half=True)
                self._reset()
            case Fault.TIMED_OUT:
                self._forward(request)
                time.sleep(self.server.late_seconds)
                self._reset()
            case Fault.KILLED_BEFORE:
                self.server.kill()
                self._reset()
            case Fault.KILLED_AFTER:
                self._forward(request)
                self.server.kill()
                self._reset()

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _take  # noqa: N815  the names http.server calls

    def _forward(self, request: Request) -> Answer:
        # Twice, because the emulator may have closed an idle connection, without doing anything.
        for attempt in (1, 2):
            if self._upstream is None:
                self._upstream = http.client.HTTPConnection(self.server.upstream, timeout=_ANSWER_SECONDS)
            try:
                self._upstream.request(request.method, request.path, request.body, dict(request.headers))
                response = self._upstream.getresponse()
                answer = Answer(response.status, response.getheaders(), response.read())
            except (http.client.RemoteDisconnected, ConnectionError):
                self._upstream.close()
                self._upstream = None
                if attempt == 2:
                    raise
            else:
                self.server.see(request, answer)
                return answer
        raise AssertionError

    def _send(self, answer: Answer, *, half: bool = False) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) // 2] if half else answer.body)
        self.wfile.flush()

    def _reset(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.connection.close()
