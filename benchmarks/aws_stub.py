"""AWS stubbed: contestants pay for imports, validation, signing and parsing, none for a table.

`running_stub` is a server, for whole processes that are timed from outside. `stub_client` answers
inside the process.
"""

import io
import json
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.client import BaseClient

from benchmarks.events import activity_item_of, closing_item_of
from functions.activity.closing_item import CLOSING_CHANGE_ID
from functions.runtime.connection import Answer, Connection, Origin
from functions.runtime.dynamodb_client import DynamoDB

_BODIES = {
    "BatchWriteItem": b'{"UnprocessedItems": {}}',
    "SendMessageBatch": b'{"Successful": [], "Failed": []}',
}
"""What an operation answers, if not an empty object."""


@cache  # so that a repeated request costs the measured process a look-up
def _answer(operation: str, body: str | bytes) -> bytes:
    """Return what an operation answers: success for each entry, and a note of each deletion."""
    text = body.decode() if isinstance(body, bytes) else body
    if operation == "PublishBatch":
        names = [value[0] for name, value in parse_qs(text).items() if name.endswith(".Id")]
        done = "".join(f"<member><Id>{name}</Id><MessageId>m</MessageId></member>" for name in names)
        result = f"<PublishBatchResult><Successful>{done}</Successful><Failed/></PublishBatchResult>"
        return f"<PublishBatchResponse>{result}</PublishBatchResponse>".encode()
    if operation == "PutEvents":
        entries = [{"EventId": "e"}] * len(json.loads(text)["Entries"])
        return json.dumps({"FailedEntryCount": 0, "Entries": entries}).encode()
    if operation == "BatchGetItem":
        ((table, request),) = json.loads(text)["RequestItems"].items()
        keys = [(key["userId"]["S"], key["changeId"]["S"]) for key in request["Keys"]]
        items = [closing_item_of(user) if at == CLOSING_CHANGE_ID else activity_item_of(at) for user, at in keys]
        found = [item for item in items if item is not None]
        return json.dumps({"Responses": {table: found}, "UnprocessedKeys": {}}).encode()
    return _BODIES.get(operation, b"{}")


class AwsStub(NamedTuple):
    """A running stub: its address, and how often each operation was called."""

    url: str
    calls: Counter[str]


@contextmanager
def running_stub() -> Generator[AwsStub]:
    """Serve on a free port of the loopback interface for the time of the block."""
    calls: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body are two writes: with Nagle's algorithm the body waits 40 ms.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers.get("content-length", 0)))
            operation = self.headers.get("x-amz-target", "").rpartition(".")[2]
            calls[operation] += 1
            body = _answer(operation, request)
            self.send_response(200)
            self.send_header("content-type", "application/x-amz-json-1.0")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield AwsStub(f"http://127.0.0.1:{server.server_port}", calls)
    finally:
        server.shutdown()
        server.server_close()


Request = tuple[str, str | bytes]
"""The operation and the body of a call that a stubbed client made."""


class _RawBody(io.BytesIO):
    def stream(self, **_: object) -> Any:  # all that botocore uses of urllib3's response
        yield self.read()


class _Answering(Connection):
    """In place of our own client's connection: like botocore's event, behind the signature."""

    def __init__(self, requests: list[Request]) -> None:
        super().__init__(Origin("http", "127.0.0.1", 9))
        self._requests = requests

    def exchange(self, request: bytes) -> Answer:
        head, _, body = request.partition(b"\r\n\r\n")
        operation = head.partition(b"DynamoDB_20120810.")[2].partition(b"\r\n")[0].decode()
        self._requests.append((operation, body))
        answer = _answer(operation, body)
        headers = {"content-type": "application/x-amz-json-1.0", "content-length": str(len(answer))}
        return Answer(200, headers, answer)


def stub_client(client: BaseClient | DynamoDB, requests: list[Request] | None = None) -> list[Request]:
    """Answer a client's calls inside this process; return the list that collects its requests."""
    requests = [] if requests is None else requests
    if isinstance(client, DynamoDB):
        client.connection = _Answering(requests)
        return requests

    def answer(request: AWSRequest, event_name: str, **_: object) -> Any:
        operation = event_name.rpartition(".")[2]
        requests.append((operation, request.body))
        body = _answer(operation, request.body or b"")
        headers: Any = {"content-type": "application/x-amz-json-1.0", "content-length": str(len(body))}
        return AWSResponse(request.url or "", 200, headers, _RawBody(body))

    client.meta.events.register("before-send", answer)
    return requests
