"""A day of metrics in virtual time: what CloudWatch has of a stack with so many users.

The load is that of the capacity model. The busiest minute has its rate; the other minutes follow a
curve whose mean is the model's busy share, with a tenth of the rate in the quietest hours. In
health a few calls fail all the same, as many as AWS's agreements allow.
"""

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

from capacity.report import CapacityReport
from capacity.workload import Workload
from local.alarms.alarm_state import states_of
from local.alarms.metric_math import value_of
from tests.support.stack.recorded_stack import RecordedStack

MINUTES = 24 * 60
NOON = MINUTES // 2
"""The middle of the busiest hours."""

QUIET_SHARE = 0.1
CURVE_POWER = 11
"""With it the day's mean is a quarter of its maximum, as Workload.busy_share has it."""

LOST_SHARE = 0.0005
"""Of calls: API Gateway and Lambda each promise 99.95 % (their service level agreements)."""

CLIENT_ERROR_SHARE = 0.25
"""Of requests: typing errors in the form, and taken names."""

Series = list[float | None]


class Measured(NamedTuple):
    """A metric of a resource, or of the stack itself; the statistic follows from its name."""

    name: str
    resource: str


@dataclass(frozen=True)
class StackAlarm:
    """An alarm as the program registers it."""

    inputs: Mapping[str, Any]
    metrics: Mapping[str, Measured]
    """By the id in its expression; of an alarm on one metric the only one."""

    @property
    def period(self) -> int:
        """In minutes."""
        queries = [query["metric"] for query in self.inputs.get("metricQueries", []) if "metric" in query]
        (seconds,) = {metric["period"] for metric in queries or [self.inputs]}
        return seconds // 60

    @property
    def expression(self) -> str:
        """What is compared."""
        of_queries = [query["expression"] for query in self.inputs.get("metricQueries", []) if "expression" in query]
        return of_queries[0] if of_queries else next(iter(self.metrics))


def alarms_of(stack: RecordedStack) -> dict[str, StackAlarm]:
    """Return every alarm of a stack by its name without the environment."""
    found: dict[str, StackAlarm] = {}
    for alarm in stack.of_type("aws:cloudwatch/metricAlarm:MetricAlarm"):
        queries = {query["id"]: query["metric"] for query in alarm.inputs.get("metricQueries", []) if "metric" in query}
        metrics = queries or {"value": alarm.inputs}
        found[alarm.name] = StackAlarm(alarm.inputs, {one: _measured(metric) for one, metric in metrics.items()})
    return found


def _measured(metric: Mapping[str, Any]) -> Measured:
    dimensions = metric.get("dimensions") or {"": ""}
    return Measured(metric["metricName"], next(iter(dimensions.values())).rsplit("-", 1)[0])


class Day:
    """The metrics of a day, by their names and resources, which a fault then changes."""

    def __init__(self, workload: Workload, report: CapacityReport) -> None:
        self._chance = random.Random(0)  # noqa: S311 - a simulation, no secret
        self._series: dict[Measured, Series] = {}
        busy = workload.registrations_per_second * 60
        changed = workload.records_per_second * 60 - busy
        shape = [QUIET_SHARE + (1 - QUIET_SHARE) * _bell(minute) for minute in range(MINUTES)]
        self.registrations = [self._poisson(busy * share) for share in shape]
        self.changes = [self._poisson(changed * share) for share in shape]
        self.delivery = report.delivery
        self.latency_ms = 20.0
        self.measure()

    def measure(self) -> None:
        """Count what the day's requests leave in CloudWatch, in health."""
        records = [r + c for r, c in zip(self.registrations, self.changes, strict=True)]
        requests = [round(count / (1 - CLIENT_ERROR_SHARE)) for count in records]
        batch = max(1.0, self.delivery.records_per_batch)
        most = max(records)
        batches = [math.ceil(count / max(1.0, batch * count / most)) if count else 0 for count in records]
        calls = {
            "RegisterUserFunction": self.registrations,
            "ConfirmRegistrationFunction": self.registrations,
            "SendRegistrationMailFunction": self.registrations,
            "ManageUsersFunction": self.changes,
            "LogUserChangesFunction": batches,
            "FanOutUserChangesFunction": batches,
            "PublishUserEventsFunction": records,
            "RescueFailedBatchesFunction": [0] * MINUTES,
        }
        for function, counts in calls.items():
            self._function(function, counts)
        self._api(requests)
        self[Measured("RegistrationRequests", "")] = [float(count) if count else None for count in self.registrations]
        self[Measured("RegistrationServerErrors", "")] = self._lost(self.registrations)
        self[Measured("ChangesLogged", "")] = [float(count) if count else None for count in records]
        # Those of a batch that is retried, as one is now and then.
        self[Measured("ChangesLoggedLate", "")] = self._lost(records)
        for function, mapping, table in (
            ("LogUserChangesFunction", "users-stream", "Users"),
            ("FanOutUserChangesFunction", "activity-stream", "Activity"),
        ):
            self[Measured("PolledEventCount", mapping)] = [float(count) for count in records]
            # Milliseconds of the writes together.
            self[Measured("SuccessfulRequestLatency", table)] = [5.0 * count if count else None for count in records]
            age = 1000 * self.delivery.age_p99_seconds
            self[Measured("IteratorAge", function)] = [age if count else None for count in records]
            self[Measured("DestinationDeliveryFailures", function)] = [0.0 if count else None for count in records]

    def _function(self, function: str, counts: Sequence[int]) -> None:
        self[Measured("Invocations", function)] = [float(count) if count else None for count in counts]
        for name in ("Errors", "Throttles"):
            self[Measured(name, function)] = self._lost(counts)
        self[Measured("Duration", function)] = [self.latency_ms if count else None for count in counts]

    def _api(self, requests: Sequence[int]) -> None:
        api = "api"
        self[Measured("Count", api)] = [float(count) if count else None for count in requests]
        self[Measured("4xx", api)] = [CLIENT_ERROR_SHARE * count if count else None for count in requests]
        self[Measured("5xx", api)] = self._lost(requests)
        self[Measured("Latency", api)] = [self.latency_ms if count else None for count in requests]
        self[Measured("ThrottledRequests", "")] = [0.0 if count else None for count in requests]

    def _lost(self, counts: Iterable[int]) -> Series:
        return [float(self._poisson(LOST_SHARE * count)) if count else None for count in counts]

    def _poisson(self, mean: float) -> int:
        if mean > 50:
            return max(0, round(self._chance.gauss(mean, math.sqrt(mean))))
        bound, product, count = math.exp(-mean), self._chance.random(), 0
        while product > bound:
            product *= self._chance.random()
            count += 1
        return count

    def copy(self) -> "Day":
        """Return this day, to compare with it what a fault makes of it."""
        twin = copy(self)
        twin._series = dict(self._series)
        return twin

    def __getitem__(self, measured: Measured) -> Series:
        """Return a metric of each minute; of a queue that nothing reaches there is none."""
        return self._series.get(measured) or [None] * MINUTES

    def __setitem__(self, measured: Measured, series: Series) -> None:
        """Set a metric of each minute."""
        self._series[measured] = series

    def first_alarm(self, alarm: StackAlarm, since: int = 0) -> int | None:
        """Return the first minute from `since` on at which an alarm rings; None if it is silent."""
        series = {one: _summed(self[measured], alarm.period) for one, measured in alarm.metrics.items()}
        values = [
            value_of(alarm.expression, {one: each[minute] for one, each in series.items()}) for minute in range(MINUTES)
        ]
        states = states_of(alarm.inputs, values, alarm.period)
        return next((minute for minute, state in enumerate(states) if state == "ALARM" and minute >= since), None)


def _bell(minute: int) -> float:
    return ((1 + math.cos(2 * math.pi * (minute - NOON) / MINUTES)) / 2) ** CURVE_POWER


def _summed(series: Series, minutes: int) -> Series:
    """Return the sums of the periods that end at each minute; nothing is summed over one minute."""
    return series if minutes == 1 else list(_running_sums(series, minutes))


def _running_sums(series: Series, minutes: int) -> Iterator[float | None]:
    total, measured = 0.0, 0
    for at, value in enumerate(series):
        gone = series[at - minutes] if at >= minutes else None
        total += (value or 0.0) - (gone or 0.0)
        measured += (value is not None) - (gone is not None)
        yield total if measured else None
