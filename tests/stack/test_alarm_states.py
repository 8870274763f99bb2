"""The states of each alarm for given values of its metric."""

from typing import Any

import pytest

from local.alarms.alarm_state import KEPT_WHEN_MISSING, state_after
from local.alarms.metric_math import Minute, value_of
from tests.support.stack.recorded_stack import record

ALARMS: dict[str, dict[str, Any]] = {
    alarm.name: alarm.inputs for alarm in record("dev").of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
}
SLOW_ALARM = "ApiLatency"
"""It needs three bad minutes of five."""
MISSING_DATA_ALARMS = [name for name in ALARMS if name.endswith("StreamNotPolled")]
"""Every value is good, even 0: they fire when there is none."""
NOT_THE_TABLES = [name for name in ALARMS if name.endswith("WritesNotPolled")]
"""They look back on a day."""
RATES = ["ApiClientErrors", "ApiThrottles"]
"""They need three bad minutes of five too."""
SHARES = [
    name for name, alarm in ALARMS.items() if "failing" in {each["id"] for each in alarm.get("metricQueries", [])}
]
"""Of calls that fail: one of few rings."""
BURN_RATES = [name for name in ALARMS if "Burn" in name]
"""They look back on hours."""
AT_ONCE = [
    name for name in ALARMS if name not in {SLOW_ALARM, *MISSING_DATA_ALARMS, *NOT_THE_TABLES, *RATES, *BURN_RATES}
]

TEN_USERS: Minute = {"requests": 4, "errors": 4, "throttled": None}
"""One person tries the form four times and gets four 4xx."""
TEN_MILLION_USERS: Minute = {"requests": 2400, "errors": 600, "throttled": 0}
"""40 requests a second of which a quarter are typing errors, taken names and unknown ids."""
NO_REQUEST: Minute = {"requests": None, "errors": None, "throttled": None}
BROKEN_CLIENT: Minute = {"requests": 600, "errors": 590, "throttled": 0}
"""A client that was released with a bug: nearly all its requests are 400."""
FLOOD: Minute = {"requests": 3000, "errors": 2500, "throttled": 2450}
"""50 registrations a second, of which the throttle lets 9 through; few of those are 4xx."""


def first_bad_value(alarm: dict[str, Any]) -> float:
    """Return the smallest bad value: one message, one error, or just above the threshold."""
    return alarm["threshold"] + 1


@pytest.mark.parametrize("name", AT_ONCE)
def test_an_alarm_fires_at_the_first_bad_minute(name: str) -> None:
    assert state_after(ALARMS[name], [0.0, None, first_bad_value(ALARMS[name])]) == "ALARM"


@pytest.mark.parametrize("name", MISSING_DATA_ALARMS)
def test_an_unpolled_stream_fires_after_five_minutes_without_data_and_clears_at_the_first_poll(name: str) -> None:
    alarm = ALARMS[name]

    assert state_after(alarm, [0.0, 7.0, None, None, None, None]) == "OK"
    assert state_after(alarm, [0.0, 7.0, None, None, None, None, None]) == "ALARM"
    assert state_after(alarm, [None] * 60) == "ALARM"
    assert state_after(alarm, [*[None] * 60, 0.0]) == "OK"


def test_the_latency_alarm_fires_at_the_third_slow_minute_of_five() -> None:
    alarm = ALARMS[SLOW_ALARM]
    slow = first_bad_value(alarm)

    assert state_after(alarm, [slow, 0.0, slow, 0.0]) == "OK"
    assert state_after(alarm, [slow, 0.0, slow, 0.0, slow]) == "ALARM"


def rates(name: str, *minutes: Minute) -> list[float | None]:
    (expression,) = (query["expression"] for query in ALARMS[name]["metricQueries"] if "expression" in query)
    return [value_of(expression, minute) for minute in minutes]


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("healthy", [TEN_USERS, TEN_MILLION_USERS, NO_REQUEST], ids=["ten", "ten-million", "none"])
def test_a_rate_is_silent_in_health_at_every_size(name: str, healthy: Minute) -> None:
    assert state_after(ALARMS[name], rates(name, *[healthy] * 60)) == "OK"


@pytest.mark.parametrize(
    ("name", "trouble"), [("ApiClientErrors", BROKEN_CLIENT), ("ApiThrottles", FLOOD)], ids=["client-errors", "429"]
)
def test_a_rate_fires_at_the_third_bad_minute_of_five_and_clears(name: str, trouble: Minute) -> None:
    bad, good = trouble, TEN_MILLION_USERS

    assert state_after(ALARMS[name], rates(name, bad, good, bad, good)) == "OK"
    assert state_after(ALARMS[name], rates(name, bad, good, bad, good, bad)) == "ALARM"
    assert state_after(ALARMS[name], rates(name, bad, bad, bad, good, good, good)) == "OK"
    assert state_after(ALARMS[name], rates(name, bad, bad, bad, *[NO_REQUEST] * 3)) == "OK"


def test_a_flood_that_the_throttle_refuses_is_no_client_s_error() -> None:
    assert state_after(ALARMS["ApiClientErrors"], rates("ApiClientErrors", *[FLOOD] * 5)) == "OK"
    assert state_after(ALARMS["ApiThrottles"], rates("ApiThrottles", *[BROKEN_CLIENT] * 5)) == "OK"


def test_a_minute_without_a_count_of_429_is_one_without_a_429() -> None:
    uncounted = {**BROKEN_CLIENT, "throttled": None}

    assert rates("ApiClientErrors", uncounted) == rates("ApiClientErrors", BROKEN_CLIENT)
    assert rates("ApiThrottles", uncounted) == [0]


@pytest.mark.parametrize("name", RATES)
def test_a_rate_compares_from_a_request_a_second_on(name: str) -> None:
    def all_bad(requests: int) -> Minute:
        return {"requests": requests, "errors": requests, "throttled": requests if name == "ApiThrottles" else 0}

    assert rates(name, all_bad(59), all_bad(60)) == [0, 100]


@pytest.mark.parametrize("name", SHARES)
def test_the_first_failing_call_rings_while_there_are_few_and_a_hundredth_otherwise(name: str) -> None:
    # A throttled call is no invocation, so it is none of the calls either.
    counted = 0 if name.endswith("Throttles") else 1

    def share(failing: float | None, calls: float | None) -> float | None:
        (value,) = rates(
            name, {"failing": failing, "calls": calls if calls is None or counted else calls - (failing or 0)}
        )
        return value

    assert (share(None, None), share(0, 4), share(None, 59), share(None, 6000)) == (0, 0, 0, 0)
    assert (share(1, 1), share(1, 59)) == (100, 100)
    assert (share(1, 60), share(4, 60), share(5, 100)) == (0, 0, 5)
    assert (share(60, 6000), share(61, 6000)) == (1, pytest.approx(1.017, abs=0.001))
    assert share(6000, 6000) == 100


@pytest.mark.parametrize(
    ("name", "hours", "percent"),
    [
        ("RegistrationsBurnFast", 1, 7.2),
        ("RegistrationsBurnSlow", 6, 3),
        ("ChangesBurnFast", 1, 14.4),
        ("ChangesBurnSlow", 6, 6),
    ],
)
def test_a_budget_s_alarm_compares_its_window_with_a_multiple_of_the_budget(
    name: str, hours: int, percent: float
) -> None:
    alarm = ALARMS[name]

    assert {query["metric"]["period"] for query in alarm["metricQueries"] if "metric" in query} == {3600 * hours}
    assert (alarm["evaluationPeriods"], alarm["datapointsToAlarm"], alarm["threshold"]) == (1, 1, percent)
    assert rates(name, {"missed": None, "all": None}, {"missed": 4, "all": 4}) == [0, 0]
    bad = 10 * percent
    assert rates(name, {"missed": bad, "all": 1000}) == [pytest.approx(percent)]
    assert state_after(alarm, rates(name, {"missed": bad + 1, "all": 1000})) == "ALARM"
    assert state_after(alarm, rates(name, {"missed": bad + 1, "all": 1000}, {"missed": None, "all": 1000})) == "OK"


@pytest.mark.parametrize("name", [name for name in SHARES if name.endswith("Throttles")])
def test_a_function_whose_every_call_is_refused_rings(name: str) -> None:
    assert rates(name, {"failing": 2400, "calls": None}) == [100]


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


@pytest.mark.parametrize("name", NOT_THE_TABLES)
def test_a_stream_that_is_not_the_table_s_rings_at_the_third_quarter_with_writes(name: str) -> None:
    written: Minute = {"writes": 3.7, "polled": 0}
    busy: Minute = {"writes": 900.0, "polled": 80}
    late: Minute = {"writes": None, "polled": 1}
    quiet: Minute = {"writes": None, "polled": 0}
    alarm = ALARMS[name]

    assert state_after(alarm, rates(name, *[busy, quiet, late] * 32)) == "OK"
    # A lone write at the end of a quarter is polled in the next one.
    assert state_after(alarm, rates(name, written, late, *[busy, quiet] * 46, written, late)) == "OK"
    # A change every six hours is enough.
    assert state_after(alarm, rates(name, written, *[quiet] * 23, written, *[quiet] * 23)) == "OK"
    assert state_after(alarm, rates(name, written, *[quiet] * 23, written, *[quiet] * 23, written)) == "ALARM"
    assert state_after(alarm, rates(name, written, written, written, *[busy] * 96)) == "OK"
