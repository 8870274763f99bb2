"""The states of each alarm for given values of its metric."""

from typing import Any

import pytest

from tests.support.stack.cloudwatch_alarm import KEPT_WHEN_MISSING, state_after
from tests.support.stack.recorded_stack import record

ALARMS: dict[str, dict[str, Any]] = {
    alarm.name: alarm.inputs for alarm in record("dev").of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
}
SLOW_ALARM = "ApiLatency"
"""It needs three bad minutes of five."""
MISSING_DATA_ALARM = "StreamNotPolled"
"""Every value is good, even 0: it fires when there is none."""
AT_ONCE = [name for name in ALARMS if name not in {SLOW_ALARM, MISSING_DATA_ALARM}]


def first_bad_value(alarm: dict[str, Any]) -> float:
    """Return the smallest bad value: one message, one error, or just above the threshold."""
    return alarm["threshold"] + 1


@pytest.mark.parametrize("name", AT_ONCE)
def test_an_alarm_fires_at_the_first_bad_minute(name: str) -> None:
    assert state_after(ALARMS[name], [0.0, None, first_bad_value(ALARMS[name])]) == "ALARM"


def test_an_unpolled_stream_fires_after_five_minutes_without_data_and_clears_at_the_first_poll() -> None:
    alarm = ALARMS[MISSING_DATA_ALARM]

    assert state_after(alarm, [0.0, 7.0, None, None, None, None]) == "OK"
    assert state_after(alarm, [0.0, 7.0, None, None, None, None, None]) == "ALARM"
    assert state_after(alarm, [None] * 60) == "ALARM"
    assert state_after(alarm, [*[None] * 60, 0.0]) == "OK"


def test_the_latency_alarm_fires_at_the_third_slow_minute_of_five() -> None:
    alarm = ALARMS[SLOW_ALARM]
    slow = first_bad_value(alarm)

    assert state_after(alarm, [slow, 0.0, slow, 0.0]) == "OK"
    assert state_after(alarm, [slow, 0.0, slow, 0.0, slow]) == "ALARM"


@pytest.mark.parametrize("name", ALARMS)
def test_the_threshold_itself_is_good(name: str) -> None:
    assert state_after(ALARMS[name], [ALARMS[name]["threshold"]] * 10) == "OK"


@pytest.mark.parametrize("name", AT_ONCE)
def test_an_alarm_clears_after_five_good_minutes_and_not_before(name: str) -> None:
    bad = first_bad_value(ALARMS[name])

    assert state_after(ALARMS[name], [bad, 0.0, 0.0, 0.0, 0.0]) == "ALARM"
    assert state_after(ALARMS[name], [bad, 0.0, 0.0, bad, 0.0, 0.0, 0.0]) == "ALARM"
    assert state_after(ALARMS[name], [bad, 0.0, 0.0, 0.0, 0.0, 0.0]) == "OK"


@pytest.mark.parametrize("name", AT_ONCE)
def test_missing_data_clears_an_alarm_except_of_a_queue_whose_messages_are_still_there(name: str) -> None:
    silent = [first_bad_value(ALARMS[name]), *[None] * 60]

    kept = ALARMS[name]["treatMissingData"] == KEPT_WHEN_MISSING
    assert state_after(ALARMS[name], silent) == ("ALARM" if kept else "OK")
