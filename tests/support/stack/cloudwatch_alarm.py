"""How CloudWatch evaluates an alarm, minute by minute.

Source: CloudWatch user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat
missing data".
"""

from collections.abc import Callable, Mapping, Sequence
from operator import gt, lt
from typing import Any

GOOD_WHEN_MISSING = "notBreaching"
BAD_WHEN_MISSING = "breaching"
KEPT_WHEN_MISSING = "ignore"


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {"GreaterThanThreshold": gt, "LessThanThreshold": lt}


def state_after(alarm: Mapping[str, Any], minutes: Sequence[float | None]) -> str:
    """Return the state, OK at first, after these minutes.

    Args:
        alarm: As the Pulumi program registers it, with a period of a minute.
        minutes: The statistic's value in each; None where nothing was measured.
    """
    state = "OK"
    is_bad = _COMPARISONS[alarm["comparisonOperator"]]
    periods, enough = alarm["evaluationPeriods"], alarm["datapointsToAlarm"]
    for end in range(1, len(minutes) + 1):
        measured = [value for value in minutes[max(0, end - periods) : end] if value is not None]
        bad = sum(is_bad(value, alarm["threshold"]) for value in measured)
        good = len(measured) - bad
        if alarm["treatMissingData"] == GOOD_WHEN_MISSING:
            good = periods - bad
        if alarm["treatMissingData"] == BAD_WHEN_MISSING:
            bad += min(end, periods) - len(measured)
        if bad >= enough:
            state = "ALARM"
        elif good > periods - enough:  # No value that is missing could make it an alarm.
            state = "OK"
    return state
