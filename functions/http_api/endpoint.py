"""From event to answer: reads the request, lets a function of ours answer it, and turns every error into a problem.

This is the one place that catches everything. A fault of ours is logged with its traceback at level ERROR, which an
alarm counts, and is answered without a word about itself.
"""

import time
import traceback
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple

from functions.http_api.request import (
    BodyTooLargeError,
    Event,
    MalformedRequestError,
    Request,
    RequestError,
    UnsupportedMediaTypeError,
    read_request,
)
from functions.runtime.json_log import json_line, log
from functions.users.user import (
    AlreadyTakenError,
    FieldError,
    IdempotencyKeyReusedError,
    InvalidFieldsError,
    StaleVersionError,
    UnavailableError,
    UserNotFoundError,
)

# What a function answers, in the form that API Gateway's HTTP API takes.

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


# The answer to each request that is refused, as problem details (RFC 9457).

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1


class Problem(NamedTuple):
    """One kind of refusal.

    Attributes:
        slug: The end of its type, urn:userstream:problem:<slug>.
        status: The status code.
        title: The same words each time.
        detail: What to do about it, for a kind that always has the same advice.
    """

    slug: str
    status: HTTPStatus
    title: str
    detail: str = ""

    @property
    def type(self) -> str:
        """The URI by which programs know the kind."""
        return f"urn:userstream:problem:{self.slug}"


PROBLEMS: dict[type[Exception], Problem] = {
    MalformedRequestError: Problem("malformed-request", HTTPStatus.BAD_REQUEST, "The request can't be read"),
    UnsupportedMediaTypeError: Problem(
        "unsupported-media-type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body isn't JSON in UTF-8"
    ),
    BodyTooLargeError: Problem("body-too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large"),
    InvalidFieldsError: Problem(
        "validation-failed",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Some fields are invalid",
        "Correct the fields named in errors and send the request again.",
    ),
    AlreadyTakenError: Problem(
        "already-taken",
        HTTPStatus.CONFLICT,
        "Another user has this already",
        "Choose another value for the fields named in errors.",
    ),
    IdempotencyKeyReusedError: Problem(
        "idempotency-key-reused",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The Idempotency-Key was used with another body",
        "Send a new Idempotency-Key with a new body, and the old one only with the very same body.",
    ),
    UserNotFoundError: Problem(
        "not-found",
        HTTPStatus.NOT_FOUND,
        "There is no such user",
        "Check the user's id; the user may have been deleted.",
    ),
    StaleVersionError: Problem(
        "version-conflict",
        HTTPStatus.PRECONDITION_FAILED,
        "The user has changed since",
        "Read the user again, and send the request with the new ETag in If-Match.",
    ),
    UnavailableError: Problem(
        "unavailable",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The service is busy",
        "Send the same request again a little later. With its Idempotency-Key or If-Match it can't happen twice.",
    ),
}

INTERNAL = Problem(
    "internal-error",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "The service has a fault",
    "The fault is ours and has been logged. Name the requestId when you report it.",
)

REFUSALS: tuple[type[Exception], ...] = tuple(PROBLEMS)
"""What is answered as a problem; any other exception is a fault of ours."""


def problem_response(error: Exception, request_id: str) -> Response:
    """Give the answer to a refused request.

    Args:
        error: Why it is refused, one of `REFUSALS`.
        request_id: By which the log knows the request.
    """
    problem = PROBLEMS[type(error)]
    body = _body(problem, str(error) if isinstance(error, RequestError) else problem.detail, request_id)
    field_errors = _field_errors(error)
    if field_errors:
        body["errors"] = [each._asdict() for each in field_errors]
    logged = {"problem": problem.slug}
    if isinstance(error, UnavailableError):
        logged["cause"] = error.cause
    return Response(status=problem.status, body=body, headers=_headers(error), media_type=MEDIA_TYPE, logged=logged)


def internal_problem_response(request_id: str) -> Response:
    """Give the answer to a request that met a fault of ours; what the fault is goes to the log alone."""
    return Response(
        status=INTERNAL.status,
        body=_body(INTERNAL, INTERNAL.detail, request_id),
        media_type=MEDIA_TYPE,
        logged={"problem": INTERNAL.slug},
    )


def _body(problem: Problem, detail: str, request_id: str) -> dict[str, object]:
    return {
        "type": problem.type,
        "title": problem.title,
        "status": int(problem.status),
        "detail": detail,
        "requestId": request_id,
    }


def _field_errors(error: Exception) -> tuple[FieldError, ...]:
    if isinstance(error, InvalidFieldsError):
        return error.errors
    if isinstance(error, AlreadyTakenError):
        return tuple(
            FieldError(field, "already-taken", f"This {field} is taken by another user.") for field in error.fields
        )
    return ()


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, UnavailableError):
        return {"retry-after": str(RETRY_AFTER_SECONDS)}
    if isinstance(error, UnsupportedMediaTypeError):
        # RFC 9110, section 15.5.16: what would have been understood.
        return {"accept": "application/json", "accept-encoding": "identity"}
    return {}


Endpoint = Callable[[Request], Response]
"""Answers a request, or raises `RequestError` or `UserError` to refuse it; anything else is a fault of ours."""

SERVER_ERRORS = range(500, 600)


def answer(event: Event, endpoint: Endpoint) -> dict[str, Any]:
    """Answer one HTTP API event, and log one line about it.

    Args:
        event: What the function was invoked with, payload format 2.0.
        endpoint: What answers the request.

    Returns:
        The answer in the same format. Nothing is raised.
    """
    started = time.perf_counter()
    request_id = route = ""
    fault: dict[str, str] = {}
    try:
        request = read_request(event)
        request_id, route = request.request_id, request.route
        response = endpoint(request)
    except REFUSALS as error:
        response = problem_response(error, request_id)
    except Exception:  # noqa: BLE001  the outermost frame: past it there is only the runtime, which would answer with the traceback
        fault = {"traceback": traceback.format_exc()}
        response = internal_problem_response(request_id)
    log(
        _level(response, fault),
        "request answered",
        requestId=request_id,
        route=route,
        status=int(response.status),
        milliseconds=round((time.perf_counter() - started) * 1000, 1),
        **response.logged,
        **fault,
    )
    return to_api_gateway(response)


def _level(response: Response, fault: dict[str, str]) -> str:
    if fault:
        return "ERROR"
    return "WARNING" if response.status in SERVER_ERRORS else "INFO"
