"""The alarms on what the API's callers get: faults, slow answers, errors and refusals as rates."""

from infra.components.alarms import (
    FAILING_PERCENT,
    SHARE_IN_WORDS,
    Alarm,
    Metric,
    MetricMath,
    StackMetric,
    failing_share,
)
from infra.components.user_api import THROTTLED_METRIC, UserApi
from infra.settings.model import StackSettings

MINIMUM_REQUESTS = 60
"""Requests a minute from which a rate means something: one a second. Ten users, or one person who
tries the form, stay below it; ten million users make twenty times as many (docs/capacity.md)."""

CLIENT_ERROR_PERCENT = 50
"""Share of 4xx above which the callers and the API no longer fit. Some are normal: a form's typing
errors are 422, taken names 409. A client that was released with a bug, or a script that tries
names, gets almost nothing else."""

THROTTLED_PERCENT = 5
"""Share of 429 above which people notice. The page tries a second time; at 5 % one registration in
400 is refused twice in a row."""

BAD_MINUTES = 3
"""A rate of one minute can be a single burst; three of five are not."""


def api_metric(name: str, api: UserApi) -> Metric:
    """Return the API's metric."""
    return Metric("AWS/ApiGateway", name, "ApiId", api.api.id)


def throttled_metric(api: UserApi) -> StackMetric:
    """Return the number of requests that API Gateway refused with a 429."""
    return StackMetric(api.metric_namespace, THROTTLED_METRIC)


def api_alarms(api: UserApi, settings: StackSettings) -> list[Alarm]:
    """Return the alarms on what the API's callers get."""
    latency = settings.api_latency_alarm_milliseconds
    # The log's filter has no value for a minute without a request.
    throttled = "FILL(throttled, 0)"
    counts = {"requests": api_metric("Count", api), "throttled": throttled_metric(api)}
    return [
        Alarm(
            "ApiServerErrors",
            f"The API answers with a 5xx: {SHARE_IN_WORDS}.",
            failing_share(api_metric("5xx", api), api_metric("Count", api), label="5xx, % of the requests"),
            threshold=FAILING_PERCENT,
        ),
        # One slow answer is a cold start; three such minutes are not. Of fewer than a hundred
        # answers the 99th percentile is the slowest.
        Alarm(
            "ApiLatency",
            f"One answer in a hundred took more than {latency} ms.",
            api_metric("Latency", api),
            "p99",
            threshold=latency,
            bad_periods=3,
        ),
        Alarm(
            "ApiClientErrors",
            f"More than {CLIENT_ERROR_PERCENT} % of the requests that weren't throttled got a 4xx.",
            MetricMath(
                f"IF(requests - {throttled} >= {MINIMUM_REQUESTS}, "
                f"100 * (errors - {throttled}) / (requests - {throttled}), 0)",
                "4xx, % of the requests that were not throttled",
                {**counts, "errors": api_metric("4xx", api)},
            ),
            threshold=CLIENT_ERROR_PERCENT,
            bad_periods=BAD_MINUTES,
        ),
        Alarm(
            "ApiThrottles",
            f"More than {THROTTLED_PERCENT} % of the requests got a 429.",
            MetricMath(
                f"IF(requests >= {MINIMUM_REQUESTS}, 100 * {throttled} / requests, 0)", "429, % of the requests", counts
            ),
            threshold=THROTTLED_PERCENT,
            bad_periods=BAD_MINUTES,
        ),
    ]
