"""AWS stubbed inside the process: a client still builds, signs and parses, but nothing leaves it."""

import io
import json
from collections import Counter
from typing import Any

from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.client import BaseClient

from benchmarks.aws_stub import ANSWERS


class _RawBody(io.BytesIO):
    """What urllib3's response offers botocore: a stream of the body."""

    def stream(self, **_: object) -> Any:
        """The body in one piece."""
        yield self.read()


def stub(client: BaseClient) -> Counter[str]:
    """Answer every call of the client at once, in process; returns the count of calls by operation."""
    calls: Counter[str] = Counter()

    def answer(request: AWSRequest, event_name: str, **_: object) -> Any:
        operation = event_name.rpartition(".")[2]
        calls[operation] += 1
        body = json.dumps(ANSWERS.get(operation, {})).encode()
        headers: Any = {"content-type": "application/x-amz-json-1.0", "content-length": str(len(body))}
        return AWSResponse(request.url or "", 200, headers, _RawBody(body))

    client.meta.events.register("before-send", answer)
    return calls
