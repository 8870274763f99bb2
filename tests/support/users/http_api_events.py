"""HTTP API events (payload format 2.0), as API Gateway writes them, and the answers read back."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode


def http_event(
    route: str,
    *,
    body: str | bytes | None = None,
    headers: Mapping[str, str] | None = None,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
) -> dict[str, Any]:
    """Return the event of one request, with bytes as base64, as API Gateway sends binary bodies.

    Of a parameter that is named twice, the values are joined with commas.
    """
    pairs = [*query.items()] if isinstance(query, Mapping) else [*(query or ())]
    method = route.partition(" ")[0]
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": "/",
        "rawQueryString": urlencode(pairs, errors="replace"),
        "headers": {"content-type": "application/json", **(headers or {})},
        "requestContext": {"requestId": "request-1", "http": {"method": method}, "stage": "$default"},
        "isBase64Encoded": isinstance(body, bytes),
    }
    if body is not None:
        event["body"] = b64encode(body).decode() if isinstance(body, bytes) else body
    if path:
        event["pathParameters"] = dict(path)
    if pairs:
        joined: dict[str, str] = {}
        for name, value in pairs:
            joined[name] = f"{joined[name]},{value}" if name in joined else value
        event["queryStringParameters"] = joined
    return event


class Answer(NamedTuple):
    """A response with its body parsed."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def problem(self) -> str:
        """The problem type of its body, "" if it is not a problem."""
        return self.body["type"].removeprefix("urn:userstream:problem:") if self.status >= 400 else ""

    @property
    def problem_fields(self) -> list[str]:
        """The fields that the problem names."""
        return [error["field"] for error in self.body.get("errors", ())]


def read_answer(result: Mapping[str, Any]) -> Answer:
    """Parse what a function returned to API Gateway, and assert that its form is allowed."""
    assert set(result) <= {"statusCode", "headers", "body"}
    headers = result["headers"]
    assert headers["cache-control"] == "no-store"
    if "body" not in result:
        return Answer(result["statusCode"], headers, None)
    body = json.loads(result["body"])
    if result["statusCode"] >= 400:
        assert headers["content-type"] == "application/problem+json"
        assert body["status"] == result["statusCode"]
        assert body["title"]
        assert body["detail"]
        assert "requestId" in body
    else:
        assert headers["content-type"] == "application/json"
    return Answer(result["statusCode"], headers, body)
