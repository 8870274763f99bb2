"""botocore clients without a network: the test records each request as sent, and answers it."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.session import Session

from functions.runtime.json_log import JsonObject

_SESSION = Session()  # shared, because it caches the service models that it has read
_NO_HEADERS: Any = {}


class Failure(NamedTuple):
    """An error response of a service."""

    code: str
    status: int = 400
    message: str = "as the test wants it"


Answer = JsonObject | Failure | Exception
"""The JSON of a response, an error response, or an exception that the network raises."""

Responder = Callable[[JsonObject], Answer]
"""Returns the answer to a request's body."""


def in_turn(*answers: Answer | Responder) -> Responder:
    """Answer each request with the next of these, and every further request with the last."""
    waiting = list(answers)

    def respond(request: JsonObject) -> Answer:
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return answer(request) if callable(answer) else answer

    return respond


class Wire:
    """A client of one service that sends each request to the test, once.

    Args:
        service: botocore's name of it; its protocol must be JSON, or the answers' bodies empty.
        answer: Returns the answer to a request's body. Assign another one rather than make another
            client, which takes long.
        hooks: Register event hooks on the client, such as `functions.runtime.aws` does.
    """

    def __init__(self, service: str, answer: Responder, *hooks: Callable[[Any], None]) -> None:
        self.requests: list[JsonObject] = []
        self.urls: list[str] = []
        self.answer: Responder = answer
        self.client: Any = _SESSION.create_client(
            service,
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )
        self.client.meta.events.register("before-send", self._send)
        for hook in hooks:
            hook(self.client)

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        body = json.loads(cast("bytes", request.body))
        self.requests.append(body)
        self.urls.append(request.url)
        answer = self.answer(body)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Failure):
            content = {"__type": answer.code, "message": answer.message}
            return AWSResponse(request.url, answer.status, _NO_HEADERS, _Raw(content))
        return AWSResponse(request.url, 200, _NO_HEADERS, _Raw(answer))


class _Raw:
    def __init__(self, content: JsonObject) -> None:
        self._content = content

    def stream(self, **_: object) -> Iterator[bytes]:
        yield json.dumps(self._content).encode() if self._content else b""
