"""Alarms are evaluated on the metrics of the resources that they name, and on no others."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.alarms.evaluator import AlarmEvaluator
from tests.support.stack.recorded_stack import record

ALARMS: list[dict[str, Any]] = [
    each.inputs for each in record("local").of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
]


class CloudWatchInMemory:
    """Sums of this minute by metric and function, or mapping; and the alarms' states."""

    def __init__(self, values: dict[tuple[str, str], float]) -> None:
        self.values = values
        self.states: dict[str, str] = {}
        self.minute = datetime.now(UTC).replace(second=0, microsecond=0)

    @property
    def client(self) -> Any:
        return self

    def get_metric_data(self, **request: Any) -> dict[str, Any]:
        results: list[dict[str, Any]] = []
        for query in request["MetricDataQueries"]:
            metric = query["MetricStat"]["Metric"]
            (dimension,) = metric["Dimensions"]
            value = self.values.get((metric["MetricName"], dimension["Value"]))
            # Of the last minute and this one, because the minute may end meanwhile.
            at = [self.minute, self.minute + timedelta(minutes=1)]
            results.append({"Timestamps": [] if value is None else at, "Values": [] if value is None else [value] * 2})
        return {"MetricDataResults": results}

    def set_alarm_state(self, **request: str) -> None:
        assert self.states.get(request["AlarmName"]) != request["StateValue"]
        self.states[request["AlarmName"]] = request["StateValue"]


def evaluated(values: dict[tuple[str, str], float]) -> dict[str, str]:
    cloudwatch = CloudWatchInMemory(values)
    evaluator = AlarmEvaluator(cloudwatch.client, ALARMS)
    evaluator.evaluate()
    evaluator.evaluate()
    return cloudwatch.states


def ringing(values: dict[tuple[str, str], float]) -> set[str]:
    return {name for name, state in evaluated(values).items() if state == "ALARM"}


def test_a_quiet_stack_rings_nowhere_and_what_is_not_measured_has_no_state() -> None:
    states = evaluated({})

    assert set(states.values()) == {"OK"}
    assert {
        f"{name}-local" for name in ("LogUserChangesErrors", "RegisterUserDuration", "IteratorAge")
    } <= states.keys()
    assert not [name for name in states if name.startswith(("DeadLetterQueueDepth", "Api", "WritesNotPolled"))]


@pytest.mark.parametrize(
    ("metric", "value", "alarm"),
    [("Errors", 1, "Errors"), ("Throttles", 1, "Throttles"), ("Duration", 1e9, "Duration"), ("IteratorAge", 1e12, "")],
)
def test_an_alarm_rings_for_its_own_function_alone(metric: str, value: float, alarm: str) -> None:
    function = "LogUserChangesFunction-local"
    expected = f"LogUserChanges{alarm}-local" if alarm else "IteratorAge-local"

    assert ringing({(metric, function): value, ("Invocations", function): 1}) == {expected}


def test_a_share_of_many_invocations_is_what_rings() -> None:
    function = "LogUserChangesFunction-local"

    assert ringing({("Errors", function): 5, ("Invocations", function): 1000}) == set()
    assert ringing({("Errors", function): 50, ("Invocations", function): 1000}) == {"LogUserChangesErrors-local"}
