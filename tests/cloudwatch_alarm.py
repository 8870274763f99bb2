"""CloudWatch's decision on an alarm, minute by minute.

Source: CloudWatch user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data".
"""

from collections.abc import Mapping, Sequence
from typing import Any

GOOD_WHEN_MISSING = "notBreaching"
KEPT_WHEN_MISSING = "ignore"


def state_after(alarm: Mapping[str, Any], minutes: Sequence[float | None]) -> str:
    """Return the state, OK at first, after these minutes.

    Args:
        alarm: As the Pulumi program registers it, with `GreaterThanThreshold` and a period of a minute.
        minutes: The statistic's value in each; None where nothing was measured.
    """
    state = "OK"
    periods, enough = alarm["evaluationPeriods"], alarm["datapointsToAlarm"]
    for end in range(1, len(minutes) + 1):
        window = minutes[max(0, end - periods) : end]
        bad = sum(value is not None and value > alarm["threshold"] for value in window)
        good = sum(value is not None and value <= alarm["threshold"] for value in window)
        if alarm["treatMissingData"] == GOOD_WHEN_MISSING:
            good = periods - bad
        if bad >= enough:
            state = "ALARM"
        elif good > periods - enough:  # No value that is missing could make it an alarm.
            state = "OK"
    return state
