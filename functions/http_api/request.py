"""A request, as API Gateway's HTTP API hands it to a function in payload format 2.0.

(API Gateway Developer Guide, "Create AWS Lambda proxy integrations for HTTP APIs".)
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

Event = Mapping[str, Any]
"""What the function was invoked with."""

PAYLOAD_FORMAT = "2.0"


class InvalidEventError(Exception):
    """The function was invoked with what isn't an event of its HTTP API: the integration is wrong, not the caller."""


class Request(NamedTuple):
    """One HTTP request.

    Attributes:
        request_id: API Gateway's id of it, which its access log shows too.
        route: The route's key, such as "GET /users/{userId}".
        headers: By lower-case name. API Gateway joins repeated ones with commas.
        path: Parameters of the path by name, decoded.
        query: Parameters of the query by name, decoded.
        body: As it arrived, None when there is none.
        body_is_base64: Whether API Gateway encoded the body: it does so for media types that it takes for binary, forms
            among them.
    """

    request_id: str
    route: str
    headers: Mapping[str, str]
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: str | None
    body_is_base64: bool


def read_request(event: Event) -> Request:
    """Read an event.

    Raises:
        InvalidEventError: It isn't one of payload format 2.0.
    """
    if event.get("version") != PAYLOAD_FORMAT or "routeKey" not in event:
        raise InvalidEventError(
            f"This is no event of payload format {PAYLOAD_FORMAT}: set payloadFormatVersion of the route's integration."
        )
    headers: Mapping[str, str] = event.get("headers") or {}
    return Request(
        request_id=event.get("requestContext", {}).get("requestId", ""),
        route=event["routeKey"],
        headers={name.lower(): value for name, value in headers.items()},
        path=event.get("pathParameters") or {},
        query=event.get("queryStringParameters") or {},
        body=event.get("body"),
        body_is_base64=bool(event.get("isBase64Encoded")),
    )
