"""The JSON object in a request's body, or why there is none.

JSON (RFC 8259) leaves to the reader what a repeated name, a huge number or half of a surrogate pair means. Readers
differ, and an attacker lives on the difference, so all that is doubtful is refused here or made harmless.
"""

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, NoReturn, cast

from functions.http_api.errors import BodyTooLargeError, MalformedRequestError, UnsupportedMediaTypeError
from functions.http_api.request import Request

MAXIMUM_BODY_BYTES = 16 * 1024
"""Several times what the longest valid fields take, with every character escaped."""

MAXIMUM_DEPTH = 32
"""Far more than any body needs. Left to the interpreter, the limit would differ between versions of Python."""

MEDIA_TYPE = "application/json"

# A text, ended or not, or one bracket. What stands in a text doesn't nest.
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{\]}]', re.DOTALL)


def json_object(request: Request) -> dict[str, object]:
    """Read a request's body.

    Returns:
        Its members. Names are unique and hold no lone surrogates; numbers are floats, possibly infinite.

    Raises:
        BodyTooLargeError: It has more than 16 KiB.
        UnsupportedMediaTypeError: It isn't sent as JSON in UTF-8.
        MalformedRequestError: There is none, it isn't JSON, it is JSON other than an object, or nested too deeply.
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
            # No field is a number: what kind of one doesn't matter, and Python refuses to make an int of thousands of
            # digits.
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
