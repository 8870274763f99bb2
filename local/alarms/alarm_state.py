"""How CloudWatch evaluates an alarm, minute by minute.

Source: CloudWatch user guide, "Alarm evaluation", "Configuring how CloudWatch alarms treat missing
data" and "Alarm evaluation windows": the window slides by a minute at each evaluation.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import gt, lt
from typing import Any

GOOD_WHEN_MISSING = "notBreaching"
BAD_WHEN_MISSING = "breaching"
KEPT_WHEN_MISSING = "ignore"


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {"GreaterThanThreshold": gt, "LessThanThreshold": lt}


def state_after(alarm: Mapping[str, Any], periods: Sequence[float | None]) -> str:
    """Return the state, OK at first, after these periods.

    Args:
        alarm: As the Pulumi program registers it.
        periods: The statistic's value in each; None where nothing was measured.
    """
    *_, last = states_of(alarm, periods)
    return last


def states_of(alarm: Mapping[str, Any], values: Sequence[float | None], period: int = 1) -> Iterator[str]:
    """Yield the state, OK at first, after each evaluation.

    Args:
        alarm: As the Pulumi program registers it.
        values: The value of the period that ends at each evaluation.
        period: How many evaluations a period takes: its minutes, or 1 if each value is a period.
    """
    state = "OK"
    is_bad = _COMPARISONS[alarm["comparisonOperator"]]
    periods, enough = alarm["evaluationPeriods"], alarm["datapointsToAlarm"]
    for now in range(len(values)):
        window = [values[at] for at in range(now, max(-1, now - periods * period), -period)]
        measured = [value for value in window if value is not None]
        bad = sum(is_bad(value, alarm["threshold"]) for value in measured)
        good = len(measured) - bad
        if alarm["treatMissingData"] == GOOD_WHEN_MISSING:
            good = periods - bad
        if alarm["treatMissingData"] == BAD_WHEN_MISSING:
            bad += len(window) - len(measured)
        if bad >= enough:
            state = "ALARM"
        elif good > periods - enough:  # No value that is missing could make it an alarm.
            state = "OK"
        yield state
