"""Figures for CloudWatch, as members of a line of the log: the embedded metric format.

CloudWatch Logs makes metrics of them, without a call to AWS. Each has no dimension, so that its
number stays what it is here: one metric by name. Nothing here tells of a person.

Source: CloudWatch user guide, "Specification: Embedded metric format".
"""

import os
from collections.abc import Iterable, Mapping, Sequence

from functions.runtime.json_log import JsonObject

NAMESPACE = "userstream-{environment}"
"""That of the metrics that the stack counts itself."""

VALUES_PER_METRIC = 100
"""Of one line. Source: the specification, "Target members"."""

LATE_SECONDS = 60.0
"""Age of a change above which it is logged late: the promise that docs/runbook.md has."""

CHANGES_LOGGED = "changes logged"
DEAD_LETTERED_FIGURES = "dead-lettered"
"""The messages of lines that have nothing but figures."""

REGISTRATIONS = "Registrations"
CHANGES = "ChangesLogged"
LATE_CHANGES = "ChangesLoggedLate"
LAG = "ChangeLag"

UNITS = {LAG: "Seconds"}
"""Any other metric is a count."""


def embedded_metrics(figures: Mapping[str, float | Sequence[float]], now: float) -> JsonObject:
    """Return the members that make a line of the log carry these figures; none outside a stack.

    `now` is in seconds since the epoch.
    """
    environment = os.environ.get("ENVIRONMENT")
    if not environment or not figures:
        return {}
    directive = {
        "Namespace": NAMESPACE.format(environment=environment),
        "Dimensions": [list[str]()],
        "Metrics": [{"Name": name, "Unit": UNITS.get(name, "Count")} for name in figures],
    }
    return {"_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]}, **figures}


def conflict_metric(field: str) -> str:
    """Return the metric of registrations and changes refused because a field's value is taken."""
    return f"{field[:1].upper()}{field[1:]}Conflicts"


def failure_metric(kind: str) -> str:
    """Return the metric of records that went to the dead-letter queue for one kind of reason."""
    return f"{kind.capitalize()}Failures"


def lag_figures(occurred: Iterable[float], now: float) -> Mapping[str, float | Sequence[float]]:
    """Return how many changes were logged, how many late, and how long after they happened.

    `occurred` has the seconds since the epoch of each. Of more than VALUES_PER_METRIC lags, equally
    spaced ones stand for all, the longest among them.
    """
    lags = sorted([max(0.0, round(now - moment, 1)) for moment in occurred], reverse=True)
    if not lags:
        return {}
    step = -(-len(lags) // VALUES_PER_METRIC)
    return {CHANGES: len(lags), LATE_CHANGES: sum(lag > LATE_SECONDS for lag in lags), LAG: lags[::step]}
