"""The ids of requests and invocations, as AWS gives them; the emulator makes up one in each place.

- A request to the API has one id, in the function's event and in the answer.
- An invocation has one id, in the function's context, in its log and in the answer of Invoke.
"""

import importlib
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

INVOCATION_HEADER = "x-userstream-invocation-id"
"""With it the root user asks Invoke for an id, as AWS's own poller can."""

_INVOKE = re.compile(r"/2015-03-31/functions/[^/]+/invocations")
_REQUESTED = re.compile(r"[0-9a-f-]{36}")

_API_HEADER = b"apigw-requestid"
_INVOKE_HEADER = b"x-amzn-requestid"
_API_BYTES = 11  # of randomness in 16 characters, as API Gateway's ids have

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request to the API that is being answered."""

_invocation_id: ContextVar[str | None] = ContextVar("invocation_id", default=None)
"""Of the invocation by Lambda's API that is being answered."""


def name_api_request(send: Send) -> Send:
    """Give the request that is being answered an id; return what sends the answer with it."""
    request_id = urlsafe_b64encode(secrets.token_bytes(_API_BYTES)).decode()
    _request_id.set(request_id)
    _invocation_id.set(None)
    return _with_id(send, _API_HEADER, request_id)


def name_invocation(path: str, headers: Mapping[str, str], send: Send, *, by_root: bool) -> Send:
    """Do the same for a request to a service, if it invokes a function.

    Args:
        path: of the request.
        headers: of the request, by lower-case name.
        send: sends the answer.
        by_root: whether the root user has signed the request.
    """
    _request_id.set(None)
    _invocation_id.set(None)
    if not _INVOKE.fullmatch(path):
        return send
    asked = headers.get(INVOCATION_HEADER, "") if by_root else ""
    invocation_id = asked if _REQUESTED.fullmatch(asked) else str(uuid4())
    _invocation_id.set(invocation_id)
    return _with_id(send, _INVOKE_HEADER, invocation_id)


def _with_id(send: Send, header: bytes, value: str) -> Send:
    """Send an answer with this id in place of the one that the emulator made up."""

    async def named(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = [(name, value.encode() if name.lower() == header else said) for name, said in message["headers"]]
            message = {**message, "headers": headers}
        await send(message)

    return named


def use_these_ids() -> None:
    """Let the emulator give functions the ids that the answers have."""
    gateway: Any = importlib.import_module("ministack.services.apigateway")
    service: Any = importlib.import_module("ministack.services.lambda_svc")
    make_up: Callable[[], str] = gateway.new_uuid
    dispatch: Callable[..., Any] = service._execute_function_dispatch  # noqa: SLF001

    def request_id_or_new() -> str:
        return _request_id.get() or make_up()

    def dispatch_named(function: Any, config: Any, event: Any, request_id: str, started: float) -> Any:
        return dispatch(function, config, event, _invocation_id.get() or request_id, started)

    gateway.new_uuid = request_id_or_new
    service._execute_function_dispatch = dispatch_named  # noqa: SLF001
