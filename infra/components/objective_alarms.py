"""The alarms on the stack's two promises: how fast their error budgets burn.

Of every 30 days, OBJECTIVES says which share of registrations is answered, and of changes logged
within a minute; the rest is the budget. An alarm compares the share that misses the promise with a
multiple of the budget. Source: Google's Site Reliability Workbook, "Alerting on SLOs", approach 4
and its table of rates.

A window slides by a minute, so a total fault shows in minutes. CloudWatch looks back no further
than a day with periods under an hour, and a week with longer ones (PutMetricAlarm).
"""

from typing import NamedTuple

from infra.components.alarms import Alarm, MetricMath, StackMetric
from infra.components.user_api import REGISTRATIONS_ASKED_METRIC, REGISTRATIONS_FAILED_METRIC, UserApi

LEAST_MISSES = 5
"""So many in a window, or a single one of ten users' twenty a day would burn a month's budget."""

CHANGES_METRIC = "ChangesLogged"
LATE_CHANGES_METRIC = "ChangesLoggedLate"
"""functions/runtime/metrics.py counts both; a test compares the names."""


class Objective(NamedTuple):
    """A promise."""

    name: str
    missed_meaning: str
    kept_percent: float
    missed: str
    of: str


class Window(NamedTuple):
    """How far an alarm looks back, and the multiple of the budget at which it rings."""

    name: str
    hours: int
    burn_rate: float
    budget_percent: int
    """Of the 30 days' budget, that is gone when it rings."""


OBJECTIVES = (
    # API Gateway, Lambda and DynamoDB together may miss 0.11 % by their service level agreements.
    # A 429 is an answer: the throttle is a setting.
    Objective(
        "Registrations",
        "the registrations got a 5xx instead of an answer",
        99.5,
        REGISTRATIONS_FAILED_METRIC,
        REGISTRATIONS_ASKED_METRIC,
    ),
    # A retried batch, or a new version of the function, takes some seconds; a shard that is held up
    # by a record that crashes takes a minute with ten retries (docs/capacity.md).
    Objective(
        "Changes",
        "the changes were logged later than a minute after the write",
        99.0,
        LATE_CHANGES_METRIC,
        CHANGES_METRIC,
    ),
)

WINDOWS = (Window("BurnFast", 1, 14.4, 2), Window("BurnSlow", 6, 6, 5))


def objective_alarms(api: UserApi) -> list[Alarm]:
    """Return a fast and a slow alarm for each promise."""
    return [_alarm(api, objective, window) for objective in OBJECTIVES for window in WINDOWS]


def _alarm(api: UserApi, objective: Objective, window: Window) -> Alarm:
    percent = round(window.burn_rate * (100 - objective.kept_percent), 2)
    hours = "the last hour" if window.hours == 1 else f"the last {window.hours} hours"
    return Alarm(
        f"{objective.name}{window.name}",
        f"In {hours} more than {percent:g} % of {objective.missed_meaning}: {window.budget_percent} % of what "
        f"30 days allow at {objective.kept_percent:g} %.",
        MetricMath(
            f"IF(FILL(missed, 0) >= {LEAST_MISSES}, 100 * FILL(missed, 0) / all, 0)",
            f"% of the {objective.name.lower()}",
            {
                "missed": StackMetric(api.metric_namespace, objective.missed),
                "all": StackMetric(api.metric_namespace, objective.of),
            },
        ),
        threshold=percent,
        period_seconds=3600 * window.hours,
        evaluation_periods=1,
    )
