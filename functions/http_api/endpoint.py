"""From event to answer: reads the request, lets a function of ours answer it, and turns every error into a problem.

This is the one place that catches everything. A fault of ours is logged with its traceback at level ERROR, which an
alarm counts, and is answered without a word about itself.
"""

import time
import traceback
from collections.abc import Callable
from typing import Any

from functions.http_api.problems import REFUSALS, internal_problem_response, problem_response
from functions.http_api.request import Event, Request, read_request
from functions.http_api.response import Response, to_api_gateway
from functions.structured_log import log

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
