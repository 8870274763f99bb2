"""A wire stub of AWS for whole-process figures: answers every DynamoDB and SQS call at once, and counts them.

It stands in for the service alone, so that every contestant pays its own imports, validation, signing, connection and
parsing, and none pays for a table.
"""

import json
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWERS: dict[str, object] = {
    "TransactWriteItems": {},
    "PutItem": {},
    "BatchWriteItem": {"UnprocessedItems": {}},
    "SendMessageBatch": {"Successful": [], "Failed": []},
}


class AwsStub:
    """A running stub: its address and how often each operation was called."""

    def __init__(self, url: str, calls: Counter[str]) -> None:
        self.url = url
        self.calls = calls


@contextmanager
def running_stub() -> Generator[AwsStub]:
    """Serve on a free port of the loopback interface until the block ends."""
    calls: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are two writes: from the second call on, the body would wait 40 ms for the head's receipt.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            operation = self.headers.get("x-amz-target", "").rpartition(".")[2]
            calls[operation] += 1
            body = json.dumps(ANSWERS.get(operation, {})).encode()
            self.send_response(200)
            self.send_header("content-type", "application/x-amz-json-1.0")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing: the figures are the output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield AwsStub(f"http://127.0.0.1:{server.server_port}", calls)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
