"""Every alarm of a stack over a day in virtual time: silent in health, and on time for each fault.

The alarms are those that the program registers. tests/support/stack/alarm_day.py has the load of
ten users and of ten million, and tests/support/stack/stack_faults.py what goes wrong.
"""

from functools import cache

import pytest

from capacity.prices_and_limits import prices_and_limits
from capacity.report import CapacityReport, capacity_report
from capacity.stack_settings import stack_settings
from capacity.workload import Workload, measured_work, service_times
from tests.support.stack.alarm_day import MINUTES, NOON, Day, StackAlarm, alarms_of
from tests.support.stack.own_settings import DIRECTORY, own_config
from tests.support.stack.recorded_stack import NEUTRAL_ANSWERS, record
from tests.support.stack.stack_faults import DURING, FAULTS

WORKLOADS = {
    "ten": Workload(users=10, registrations_per_second=0.001),
    "ten-million": Workload(users=10_000_000, registrations_per_second=20),
}
"""Those of docs/capacity.md."""


@cache
def alarms() -> dict[str, StackAlarm]:
    """Every alarm that a stack can have."""
    everything = {"userstream:websiteEnabled": "true", "userstream:userEventsEnabled": "true"}
    return alarms_of(record("prod", config=own_config("prod") | NEUTRAL_ANSWERS | everything))


@cache
def report(size: str) -> CapacityReport:
    """What the capacity model says of the busiest time."""
    settings = stack_settings("prod", DIRECTORY)
    return capacity_report(WORKLOADS[size], settings, service_times(measured_work(), settings), prices_and_limits())


def day(size: str) -> Day:
    """A healthy day."""
    return Day(WORKLOADS[size], report(size))


def test_a_day_has_as_many_requests_as_the_model_says() -> None:
    workload, counted = WORKLOADS["ten-million"], day("ten-million")
    a_day = workload.records_per_month / 30

    assert sum(counted.registrations) + sum(counted.changes) == pytest.approx(a_day, rel=0.02)


@pytest.mark.parametrize("size", WORKLOADS)
def test_no_alarm_rings_on_a_healthy_day(size: str) -> None:
    healthy = day(size)

    assert {
        name: minute for name, alarm in alarms().items() if (minute := healthy.first_alarm(alarm)) is not None
    } == {}


def test_the_healthy_day_of_ten_million_has_errors_and_few_of_them_were_none() -> None:
    """A threshold of one error, as the alarms had it, would ring all day."""
    healthy = day("ten-million")
    errors = [value for value in healthy[alarms()["ApiServerErrors"].metrics["failing"]] if value]

    assert len(errors) > MINUTES / 4


@pytest.mark.parametrize("size", WORKLOADS)
@pytest.mark.parametrize("name", FAULTS)
def test_the_alarms_of_a_fault_ring_within_their_minutes_and_no_other_one(name: str, size: str) -> None:
    fault, bad = FAULTS[name], day(size)
    if size == "ten":
        # Nobody may have come at all: now somebody tries each minute, and so does an operator.
        for minute in DURING:
            bad.registrations[minute] = bad.changes[minute] = 1
        bad.measure()
    before = bad.copy()
    fault.happens(bad)
    rung = {
        each: minute - NOON
        for each, alarm in alarms().items()
        if any(bad[measured] != before[measured] for measured in alarm.metrics.values())
        and (minute := bad.first_alarm(alarm)) is not None
    }

    if size == "ten" and not fault.at_ten:
        assert rung == {}
        return
    expected = {**fault.rings, **(fault.rings_at_ten if size == "ten" else {})}
    assert {each: minutes for each, minutes in rung.items() if minutes >= expected.get(each, 0)} == {}
    assert expected.keys() - rung.keys() == set()


def test_every_alarm_of_the_stack_rings_for_some_fault() -> None:
    assert {alarm for fault in FAULTS.values() for alarm in fault.rings} == set(alarms())
