"""AWS stubbed inside the process: a client still builds, signs and parses, but nothing leaves it."""

import io
import json
from typing import Any, NamedTuple

from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.client import BaseClient

from benchmarks.harness.aws_stub import ANSWERS


class Request(NamedTuple):
    """One call that a client made."""

    operation: str
    body: str | bytes


class _RawBody(io.BytesIO):
    """What urllib3's response offers botocore: a stream of the body."""

    def stream(self, **_: object) -> Any:
        """The body in one piece."""
        yield self.read()


_BODIES = {operation: json.dumps(answer).encode() for operation, answer in ANSWERS.items()}


def stub(client: BaseClient) -> list[Request]:
    """Answer every call of the client at once, in process; returns the list to which each request is added."""
    requests: list[Request] = []

    def answer(request: AWSRequest, event_name: str, **_: object) -> Any:
        operation = event_name.rpartition(".")[2]
        requests.append(Request(operation, request.body))
        body = _BODIES[operation]
        headers: Any = {"content-type": "application/x-amz-json-1.0", "content-length": str(len(body))}
        return AWSResponse(request.url or "", 200, headers, _RawBody(body))

    client.meta.events.register("before-send", answer)
    return requests
