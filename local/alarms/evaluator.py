"""Reads the metrics of every alarm that has some here, and sets the alarm's state.

It uses CloudWatch's API alone. Alarms on what the emulator doesn't measure keep the state
INSUFFICIENT_DATA: nobody looks, so they aren't called good.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from delivery.event_counts import EventCounts
from local.alarms.alarm_state import state_after
from local.alarms.metric_math import value_of
from local.deploy.handler import Properties

if TYPE_CHECKING:
    from types_boto3_cloudwatch.client import CloudWatchClient
    from types_boto3_cloudwatch.literals import StateValueType

MEASURED = frozenset({"Invocations", "Errors", "Throttles", "Duration", "IteratorAge", *EventCounts().metrics()})
"""The metrics of AWS/Lambda that local/function_versions.py and the poller write."""

_PERIOD_SECONDS = 60
_LONGEST_MINUTES = 60
"""How far an alarm may look back to be evaluated here."""


class _Series(NamedTuple):
    """A metric with a statistic of each minute."""

    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str


class _Watched(NamedTuple):
    """An alarm: its series, by the names in its expression; without one it has a single series."""

    name: str
    alarm: Properties
    expression: str | None
    series: Mapping[str, _Series]


class AlarmEvaluator:
    """The alarms of a stack, as its program registered them."""

    def __init__(self, cloudwatch: "CloudWatchClient", alarms: Sequence[Properties]) -> None:
        self._cloudwatch = cloudwatch
        self._watched = [watched for alarm in alarms if (watched := _watched(alarm))]
        self._series = list({series for watched in self._watched for series in watched.series.values()})
        self._states: dict[str, str] = {}
        self._since = _this_minute()
        """Before that nothing was measured, which is no reason to ring."""

    def evaluate(self) -> None:
        """Read what was measured, and set the states that differ from the last ones."""
        minutes = self._minutes()
        for watched in self._watched:
            values = _values(watched, minutes, self._since)
            state = state_after(watched.alarm, values)
            if self._states.get(watched.name) != state:
                self._set(watched, state, values)

    def _set(self, watched: _Watched, state: "StateValueType | str", values: Sequence[float | None]) -> None:
        shown = ", ".join(
            "-" if value is None else f"{value:g}" for value in values[-watched.alarm["evaluationPeriods"] :]
        )
        self._cloudwatch.set_alarm_state(
            AlarmName=watched.name,
            StateValue=state,  # pyright: ignore[reportArgumentType]
            StateReason=f"minutes: {shown}; threshold: {watched.alarm['threshold']:g}",
        )
        self._states[watched.name] = state

    def _minutes(self) -> Mapping[_Series, Mapping[datetime, float]]:
        now = datetime.now(UTC)
        queries: Any = [
            {
                "Id": f"m{position}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/Lambda",
                        "MetricName": series.name,
                        "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
                    },
                    "Period": _PERIOD_SECONDS,
                    "Stat": series.statistic,
                },
            }
            for position, series in enumerate(self._series)
        ]
        if not queries:
            return {}
        found = self._cloudwatch.get_metric_data(
            MetricDataQueries=queries,
            StartTime=now - timedelta(minutes=_LONGEST_MINUTES),
            EndTime=now + timedelta(minutes=1),
        )["MetricDataResults"]
        return {
            series: dict(zip(result.get("Timestamps", []), result.get("Values", []), strict=True))
            for series, result in zip(self._series, found, strict=True)
        }


def _watched(alarm: Properties) -> _Watched | None:
    """Return an alarm with its series; None if something of it isn't measured here."""
    queries: Sequence[Properties] = alarm.get("metricQueries") or ()
    metrics: dict[str, Properties] = {each["id"]: each["metric"] for each in queries if each.get("metric")}
    expressions = [each["expression"] for each in queries if each.get("expression")]
    if not queries:
        metrics = {"value": {**alarm, "stat": alarm.get("statistic") or alarm.get("extendedStatistic")}}
    is_measured = all(
        (each.get("namespace"), each.get("period")) == ("AWS/Lambda", _PERIOD_SECONDS)
        and each.get("metricName") in MEASURED
        for each in metrics.values()
    )
    if not is_measured or alarm["evaluationPeriods"] > _LONGEST_MINUTES:
        return None
    series: dict[str, _Series] = {}
    for name, metric in metrics.items():
        dimensions: dict[str, str] = metric.get("dimensions") or {}
        series[name] = _Series(metric["metricName"], tuple(sorted(dimensions.items())), metric["stat"])
    return _Watched(alarm["name"], alarm, expressions[0] if expressions else None, series)


def _values(
    watched: _Watched, minutes: Mapping[_Series, Mapping[datetime, float]], since: datetime
) -> list[float | None]:
    """Return the alarm's value in each of the last minutes, also in the one that isn't over."""
    now = _this_minute()
    times = [now - timedelta(minutes=back) for back in range(2 * watched.alarm["evaluationPeriods"], -1, -1)]
    times = [at for at in times if at >= since] or [now]
    rows = [{name: minutes[series].get(at) for name, series in watched.series.items()} for at in times]
    if watched.expression is None:
        return [row["value"] for row in rows]
    return [value_of(watched.expression, row) for row in rows]


def _this_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)
