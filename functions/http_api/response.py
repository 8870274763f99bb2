"""What a function answers, in the form that API Gateway's HTTP API takes."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple

from functions.plain_json import json_line

_NONE: Mapping[str, str] = MappingProxyType({})


class Response(NamedTuple):
    """One HTTP answer.

    Attributes:
        status: The status code.
        body: What the body says, written as JSON; None for no body.
        headers: Beside Content-Type and Cache-Control.
        media_type: The body's.
        logged: What the request's line in the log tells beside the status: ids only, never a name or an email.
    """

    status: HTTPStatus
    body: Mapping[str, object] | None = None
    headers: Mapping[str, str] = _NONE
    media_type: str = "application/json"
    logged: Mapping[str, str] = _NONE


def to_api_gateway(response: Response) -> dict[str, Any]:
    """Write an answer as payload format 2.0 has it."""
    # Answers hold personal data or the reason for one refusal: no cache between here and the caller may keep them.
    headers = {"cache-control": "no-store", **response.headers}
    if response.body is None:
        return {"statusCode": int(response.status), "headers": headers}
    headers["content-type"] = response.media_type
    return {"statusCode": int(response.status), "headers": headers, "body": json_line(response.body)}
