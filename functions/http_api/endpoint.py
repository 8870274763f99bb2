"""From event to answer: read the request, call the endpoint, turn every error into a problem.

This is the one place that catches everything. A bug or misconfiguration is logged with its
traceback at level ERROR, which an alarm counts; its answer says nothing about it. Refused requests
are answered as problem details (RFC 9457).
"""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple

from functions.http_api.request import (
    MEDIA_TYPE,
    BodyTooLargeError,
    Event,
    MalformedRequestError,
    Request,
    RequestError,
    UnsupportedMediaTypeError,
    read_request,
)
from functions.runtime.json_log import json_line, log
from functions.runtime.metrics import conflict_metric, embedded_metrics
from functions.users.user import (
    AlreadyTakenError,
    ConfirmationLinkError,
    FieldError,
    IdempotencyKeyReusedError,
    InvalidFieldsError,
    StaleVersionError,
    UnavailableError,
    UserNotFoundError,
    UserTooLargeError,
)

PROBLEM_MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1
_FIRST_SERVER_ERROR = 500
_NONE: Mapping[str, str] = MappingProxyType({})


class Response(NamedTuple):
    """One HTTP answer."""

    status: HTTPStatus
    body: Mapping[str, object] | None = None  # written as JSON
    headers: Mapping[str, str] = _NONE  # beside Content-Type and Cache-Control
    media_type: str = MEDIA_TYPE
    logged: Mapping[str, str] = _NONE  # with the request's line: ids, never a name or an email
    metrics: Sequence[str] = ()  # of which the request counts as one each


Endpoint = Callable[[Request], Response]
"""Answers a request, or raises `RequestError` or `UserError` to refuse it."""


class Problem(NamedTuple):
    """One type of refusal."""

    slug: str
    status: HTTPStatus
    title: str
    detail: str = ""  # what to do about it, if the error's own text doesn't say so

    @property
    def type(self) -> str:
        """The URI by which programs recognize the problem."""
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
    ConfirmationLinkError: Problem(
        "confirmation-link-invalid",
        HTTPStatus.GONE,
        "This link can't be used",
        "It was used already, it has expired, or a part of it is missing. Copy it whole, or register again.",
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
    UserTooLargeError: Problem(
        "user-too-large",
        HTTPStatus.CONFLICT,
        "The user would be too large to store",
        "A stored user has at most 400 KB, and this one, with attributes from its import, is near that. "
        "Remove some of those from the Users table, or send shorter values.",
    ),
    UnavailableError: Problem(
        "unavailable",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The service is busy",
        "Send the same request again a little later. With its Idempotency-Key or If-Match it can't happen twice.",
    ),
}
"""What is answered as a problem; any other exception is a bug or misconfiguration."""

INTERNAL = Problem(
    "internal-error",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "The service has a fault",
    "The fault is ours and has been logged. Name the requestId when you report it.",
)


def answer(event: Event, endpoint: Endpoint) -> dict[str, Any]:
    """Answer one HTTP API event (payload format 2.0), and log one line about it. Never raise."""
    started = time.perf_counter()
    request_id = route = ""
    fault: dict[str, str] = {}
    caused: dict[str, str] = {}
    try:
        request = read_request(event)
        request_id, route = request.request_id, request.route
        if (trace := request.trace) is not None:
            caused = trace.fields()
        if request.caller is not None:
            caused["actor"] = request.caller
        response = endpoint(request)
    except tuple(PROBLEMS) as error:
        response = _refusal(error, request_id)
    except Exception:  # noqa: BLE001  the outermost frame: the runtime would answer with the traceback
        fault = {"traceback": traceback.format_exc()}
        response = _problem_response(INTERNAL, INTERNAL.detail, request_id)
    level = "WARNING" if response.status >= _FIRST_SERVER_ERROR else "INFO"
    log(
        "ERROR" if fault else level,
        "request answered",
        **{"requestId": request_id, **caused},
        route=route,
        status=int(response.status),
        milliseconds=round((time.perf_counter() - started) * 1000, 1),
        **response.logged,
        **fault,
        **embedded_metrics(dict.fromkeys(response.metrics, 1), time.time()),
    )
    return _to_api_gateway(response)


def _refusal(error: Exception, request_id: str) -> Response:
    problem = PROBLEMS[type(error)]
    response = _problem_response(problem, str(error) if isinstance(error, RequestError) else problem.detail, request_id)
    if isinstance(error, UnavailableError):
        return response._replace(
            headers={"retry-after": str(RETRY_AFTER_SECONDS)}, logged={**response.logged, "cause": error.cause}
        )
    if isinstance(error, UnsupportedMediaTypeError):
        # RFC 9110, section 15.5.16: what would have been accepted.
        return response._replace(headers={"accept": MEDIA_TYPE, "accept-encoding": "identity"})
    errors: Sequence[FieldError] = ()
    if isinstance(error, InvalidFieldsError):
        errors = error.errors
    elif isinstance(error, AlreadyTakenError):
        errors = [
            FieldError(field, "already-taken", f"This {field} is taken by another user.") for field in error.fields
        ]
        response = response._replace(metrics=[conflict_metric(field) for field in error.fields])
    if errors and response.body:
        return response._replace(body={**response.body, "errors": [each._asdict() for each in errors]})
    return response


def _problem_response(problem: Problem, detail: str, request_id: str) -> Response:
    body = {
        "type": problem.type,
        "title": problem.title,
        "status": int(problem.status),
        "detail": detail,
        "requestId": request_id,
    }
    return Response(problem.status, body, media_type=PROBLEM_MEDIA_TYPE, logged={"problem": problem.slug})


def _to_api_gateway(response: Response) -> dict[str, Any]:
    # Answers hold personal data or the reason for one refusal: no cache on the way may keep them.
    headers = {"cache-control": "no-store", **response.headers}
    if response.body is None:
        return {"statusCode": int(response.status), "headers": headers}
    headers["content-type"] = response.media_type
    return {"statusCode": int(response.status), "headers": headers, "body": json_line(response.body)}
