"""What API Gateway does with too many requests: its stage's throttle, and nothing before that.

The emulator (ministack 1.5.33) throttles no HTTP API, and refuses a request for whose function it
has no process. Here such a request waits for its turn, as all of them have one on AWS.

Rules: API Gateway developer guide, "Throttle requests to your HTTP APIs": a token bucket of `burst`
tokens that `rate` tokens a second refill; a route with a throttle of its own has its own bucket.
Whether the stage's default is one bucket or one per route isn't said; here it is one.
"""

import asyncio
import importlib
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

AT_ONCE = max(4, 2 * (os.cpu_count() or 1))
"""Requests whose functions run at the same time; each takes a process of its own."""

LONGEST_WAIT_SECONDS = 25.0
"""Of a request for its turn. With the function's own time, API Gateway gives up after 30 s."""

_THROTTLED = HTTPStatus.TOO_MANY_REQUESTS, b'{"message":"Too Many Requests"}'
_TOO_LATE = HTTPStatus.SERVICE_UNAVAILABLE, b'{"message":"Service Unavailable"}'

Answer = tuple[int, dict[str, str], bytes]


class TokenBucket:
    """Lets `burst` requests pass at once, and `rate` a second in the long run; begins full."""

    def __init__(self, burst: float, rate: float, now: float) -> None:
        self._burst = burst
        self._rate = rate
        self._tokens = burst
        self._at = now

    def take(self, now: float) -> bool:
        """Take a token at a time in seconds; return False if there is none."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class StageThrottle:
    """The buckets of all stages; a stage's settings are read at each request, and may change."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[object, ...], TokenBucket] = {}

    def admits(self, api_id: str, stage: Mapping[str, Any], route_key: str, now: float) -> bool:
        """Say whether the stage's throttle lets a request for a route pass.

        `stage` is in the form of API Gateway's API ("Stage"). Without limits everything passes.
        """
        own: Mapping[str, Any] = stage.get("routeSettings", {}).get(route_key, {})
        has_own = "throttlingRateLimit" in own and "throttlingBurstLimit" in own
        limits: Mapping[str, Any] = own if has_own else stage.get("defaultRouteSettings", {})
        burst, rate = limits.get("throttlingBurstLimit"), limits.get("throttlingRateLimit")
        if burst is None or rate is None:
            return True
        # With other limits, a stage begins with other buckets.
        key = (api_id, stage.get("stageName"), route_key if has_own else None, burst, rate)
        if key not in self._buckets:
            self._buckets[key] = TokenBucket(float(burst), float(rate), now)
        return self._buckets[key].take(now)


def throttle_stages() -> None:
    """Hold requests to functions to their stage's throttle, and let those that pass take turns."""
    gateway: Any = importlib.import_module("ministack.services.apigateway")
    invoke: Callable[..., Awaitable[Answer]] = gateway._invoke_lambda_proxy  # noqa: SLF001  after routing and authorization
    throttle = StageThrottle()
    turns = asyncio.Semaphore(AT_ONCE)

    async def invoke_in_turn(integration: Any, api_id: str, stage: str, *rest: Any, **more: Any) -> Answer:
        settings: Mapping[str, Any] = gateway._stages.get(api_id, {}).get(stage, {})  # noqa: SLF001
        route_key: str = rest[5]
        if not throttle.admits(api_id, settings, route_key, time.monotonic()):
            return _answer(*_THROTTLED)
        try:
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                await turns.acquire()
        except TimeoutError:
            return _answer(*_TOO_LATE)
        try:
            return await invoke(integration, api_id, stage, *rest, **more)
        finally:
            turns.release()

    gateway._invoke_lambda_proxy = invoke_in_turn  # noqa: SLF001


def _answer(status: int, body: bytes) -> Answer:
    return status, {"Content-Type": "application/json"}, body
