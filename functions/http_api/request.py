"""A request from API Gateway's HTTP API, its JSON body and its If-Match header.

Payload format 2.0: API Gateway Developer Guide, "Create AWS Lambda proxy integrations for HTTP
APIs". `functions.http_api.endpoint` answers each `RequestError`.

JSON (RFC 8259) leaves to the reader what a repeated name, a huge number or half of a surrogate pair
means. Readers differ, and attackers exploit the difference, so all of that is refused here or made
harmless.
"""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn, cast

from functions.runtime.trace import Trace, trace_of

Event = Mapping[str, Any]
"""What the function was invoked with."""

PAYLOAD_FORMAT = "2.0"
MEDIA_TYPE = "application/json"
MAXIMUM_BODY_BYTES = 16 * 1024
"""Several times what the longest valid fields take, with every character escaped."""
IDEMPOTENCY_KEY_LENGTH = range(16, 255 + 1)
"""Characters. A shorter one is easily guessed, and tells who guesses it that it was used."""
MAXIMUM_DEPTH = 32
"""Far more than any body needs. The interpreter's own limit differs between versions of Python."""

# A text, ended or not, or one bracket: brackets in a text don't nest.
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{\]}]', re.DOTALL)

# ETag and If-Match: RFC 9110, sections 8.8.3 and 13.1.1; lists: section 5.6.1. A list may have
# empty elements, for example if two headers were joined and one of them was empty.
_TAG = r'(?:W/)?"[^"]*"'
_TAGS = re.compile(rf"[\s,]*{_TAG}\s*(?:,[\s,]*{_TAG}\s*)*(?:,[\s,]*)?")


class InvalidEventError(Exception):
    """The event isn't one of the function's HTTP API: the integration is wrong, not the caller."""


class RequestError(Exception):
    """A request that can't be read. The caller sees its text, which repeats nothing of it."""


class MalformedRequestError(RequestError):
    """Not a request of this API: its body, a header or a parameter."""


class UnsupportedMediaTypeError(RequestError):
    """The body isn't JSON in UTF-8."""


class BodyTooLargeError(RequestError):
    """The body has more bytes than any valid one."""


class Request(NamedTuple):
    """One HTTP request."""

    request_id: str  # API Gateway's: that of its access log, and the answer's apigw-requestid
    route: str  # the route's key, such as "GET /users/{userId}"
    headers: Mapping[str, str]  # by lower-case name; API Gateway joins repeated ones with commas
    path: Mapping[str, str]  # parameters by name, decoded
    query: Mapping[str, str]  # parameters by name, decoded
    body: str | None
    body_is_base64: bool  # as API Gateway sends binary media types, forms included
    caller: str | None = None
    """The ARN of who signed it (AWS_IAM), of a role with the session's name; None without one."""
    repeated: frozenset[str] = frozenset()
    """Parameters of the query that it names more than once; `query` has their values joined."""

    @property
    def trace(self) -> Trace | None:
        """What a change that the request makes is found by; None without an id.

        A traceparent that isn't valid is left out, and so are several: API Gateway joins them.
        """
        return trace_of(self.request_id, self.headers.get("traceparent"))


def read_request(event: Event) -> Request:
    """Read an event; raise `InvalidEventError` if it isn't one of payload format 2.0."""
    if event.get("version") != PAYLOAD_FORMAT or "routeKey" not in event:
        raise InvalidEventError(
            f"This is no event of payload format {PAYLOAD_FORMAT}: set payloadFormatVersion of the route's integration."
        )
    headers: Mapping[str, str] = event.get("headers") or {}
    context: Mapping[str, Any] = event.get("requestContext") or {}
    authorizer: Mapping[str, Any] = context.get("authorizer") or {}
    iam: Mapping[str, Any] = authorizer.get("iam") or {}
    return Request(
        request_id=context.get("requestId", ""),
        route=event["routeKey"],
        headers={name.lower(): value for name, value in headers.items()},
        path=event.get("pathParameters") or {},
        query=event.get("queryStringParameters") or {},
        body=event.get("body"),
        body_is_base64=bool(event.get("isBase64Encoded")),
        caller=iam.get("userArn") or None,
        repeated=_repeated(event.get("rawQueryString") or ""),
    )


def _repeated(query_string: str) -> frozenset[str]:
    if not query_string:
        return frozenset()
    from urllib.parse import parse_qsl  # noqa: PLC0415  takes time to load, and most requests have no query

    names = [name for name, _ in parse_qsl(query_string, keep_blank_values=True)]
    return frozenset(name for name in names if names.count(name) > 1)


def json_object(request: Request) -> dict[str, object]:
    """Return the members of the JSON object in a request's body.

    Names are unique and hold no lone surrogates; numbers are floats, possibly infinite.

    Raises:
        BodyTooLargeError: It has more than 16 KiB.
        UnsupportedMediaTypeError: It isn't sent as JSON in UTF-8.
        MalformedRequestError: There is none, it isn't a JSON object, or it nests too deeply.
    """
    body = _bytes(request)
    if not body:
        raise MalformedRequestError("There is no body. Send a JSON object.")
    _require_json(request.headers)
    try:
        text = body.decode()
        _require_shallow(text)
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            # No field is a number, and Python refuses to make an int of thousands of digits.
            parse_int=float,
        )
    except UnicodeDecodeError as error:
        raise MalformedRequestError("The body isn't UTF-8.") from error
    except json.JSONDecodeError as error:
        raise MalformedRequestError(f"The body isn't JSON: see line {error.lineno}, column {error.colno}.") from error
    if not isinstance(value, dict):
        raise MalformedRequestError("The body is JSON, but not an object.")
    return cast("dict[str, object]", value)


def _bytes(request: Request) -> bytes:
    text = request.body or ""
    try:
        body = b64decode(text, validate=True) if request.body_is_base64 else text.encode()
    except ValueError as error:
        raise MalformedRequestError("The body can't be decoded.") from error
    if len(body) > MAXIMUM_BODY_BYTES:
        raise BodyTooLargeError(f"The body has more than {MAXIMUM_BODY_BYTES} bytes.")
    return body


def _require_json(headers: Mapping[str, str]) -> None:
    media_type, *parameters = (part.strip().lower() for part in headers.get("content-type", "").split(";"))
    if media_type != MEDIA_TYPE:
        raise UnsupportedMediaTypeError(f"Send the body as {MEDIA_TYPE}, and say so in Content-Type.")
    charsets = {
        parameter.removeprefix("charset=").strip('"') for parameter in parameters if parameter.startswith("charset=")
    }
    if charsets - {"utf-8", "utf8"}:
        raise UnsupportedMediaTypeError("Send the body in UTF-8, the only encoding of JSON between systems.")
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaTypeError("Send the body without a Content-Encoding.")


def _require_shallow(text: str) -> None:
    if text.count("[") + text.count("{") <= MAXIMUM_DEPTH:
        return
    depth = 0
    for part in _NESTING.findall(text):
        depth += (part in "[{") - (part in "]}")
        if depth > MAXIMUM_DEPTH:
            raise MalformedRequestError(f"The body is nested more than {MAXIMUM_DEPTH} levels deep.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise MalformedRequestError("The body names a member twice.")
    for name in members:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise MalformedRequestError("The name of a member holds half of a surrogate pair.") from error
    return members


def _refuse_constant(constant: str) -> NoReturn:
    raise MalformedRequestError(f"The body isn't JSON: {constant} is no JSON value.")


def entity_tag(version: int) -> str:
    """Return a version as an ETag."""
    return f'"{version}"'


def if_match(headers: Mapping[str, str]) -> Callable[[int], bool] | None:
    """Return whether If-Match accepts a version; None without that header.

    Raise `MalformedRequestError` if it is neither * nor a list of entity tags.
    """
    value = headers.get("if-match")
    if value is None:
        return None
    if value.strip() == "*":
        return lambda _version: True
    if not _TAGS.fullmatch(value):
        raise MalformedRequestError('If-Match takes * or an ETag as an earlier answer gave it, quotes included: "1".')
    # A weak tag, W/"1", equals none of these, as it should: If-Match compares strongly.
    accepted = set(re.findall(_TAG, value))
    return lambda version: entity_tag(version) in accepted
