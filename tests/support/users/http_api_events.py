"""HTTP API events (payload format 2.0), as API Gateway writes them, and the answers read back."""

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, NamedTuple


def http_event(
    route: str,
    *,
    body: str | bytes | None = None,
    headers: Mapping[str, str] | None = None,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Give the event of one request; bytes arrive as base64, as API Gateway sends what it takes for binary."""
    method = route.partition(" ")[0]
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": "/",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", **(headers or {})},
        "requestContext": {"requestId": "request-1", "http": {"method": method}, "stage": "$default"},
        "isBase64Encoded": isinstance(body, bytes),
    }
    if body is not None:
        event["body"] = b64encode(body).decode() if isinstance(body, bytes) else body
    if path:
        event["pathParameters"] = dict(path)
    if query:
        event["queryStringParameters"] = dict(query)
    return event


class Answer(NamedTuple):
    """An answer, its body parsed."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def problem(self) -> str:
        """The kind of problem it tells of, "" for none."""
        return self.body["type"].removeprefix("urn:userstream:problem:") if self.status >= 400 else ""

    @property
    def problem_fields(self) -> list[str]:
        """The fields that it names."""
        return [error["field"] for error in self.body.get("errors", ())]


def read_answer(result: Mapping[str, Any]) -> Answer:
    """Read what a function gave to API Gateway, holding it to the form of the answer."""
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
