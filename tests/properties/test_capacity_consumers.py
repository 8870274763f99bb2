"""The capacity model of declared consumers: load, limits and cost follow from the declaration."""

import dataclasses
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.events import activity_item_of, queue_event
from capacity import workload as sizes
from capacity.consumers import consumer_limits, consumer_lines
from capacity.prices_and_limits import prices_and_limits
from capacity.report import CapacityReport, capacity_report
from capacity.stack_settings import EVENT_PUBLISHER, declared_consumer, stack_settings
from capacity.workload import CapacitySettings, ServiceTimes, Workload, measured_work, service_times
from functions.consumers.message import ChangeMessage, parse_message
from functions.consumers.queue_batch import HANDLED
from functions.consumers.stored_change import stored_change
from functions.fan_out_user_changes.topic import UserChangesTopic
from functions.publish_user_events.user_event import FieldRules, user_event
from functions.runtime.invocation import Clock
from functions.runtime.json_log import BufferedLog
from functions.users.attributes import ATTRIBUTES
from infra import consumers
from infra.consumers import fan_out_user_changes, log_user_changes
from infra.consumers.declaration import Consumer
from infra.settings.model import StackSettings
from tests.properties.test_capacity import ask, deliver, settings, written
from tests.support.ops.declared_consumers import WELCOME

PROJECT = Path(__file__).parents[2]
PUBLISHED = prices_and_limits()
LIMITS = PUBLISHED.limits
FIELDS = frozenset(attribute.name for attribute in ATTRIBUTES)
TIMES = ServiceTimes(register=0.03, batch=0.01, record=0.001)


def queue_consumer(**changed: Any) -> Consumer:
    """Return a declaration that nothing but the list of consumers knows."""
    return dataclasses.replace(WELCOME, **changed)


def with_consumers(*more: Consumer) -> CapacitySettings:
    declarations = (log_user_changes.CONSUMER, fan_out_user_changes.CONSUMER, *more)
    return dataclasses.replace(settings(), consumers=tuple(map(declared_consumer, declarations)))


def report_of(workload: Workload, stack: CapacitySettings) -> CapacityReport:
    return capacity_report(workload, stack, service_times(measured_work(), stack), PUBLISHED)


A_LOAD = Workload(users=1_000_000, registrations_per_second=5, changes_per_user_per_month=2)


def test_a_declared_consumer_appears_with_its_load_and_cost() -> None:
    with patch.object(consumers, "CONSUMERS", (*consumers.CONSUMERS, queue_consumer())):
        arguments = ("--users", "1000000", "--registrations-per-second", "5", "--changes-per-user-per-month", "2")
        report = json.loads(ask(*arguments, "--json").output)
        shown = ask(*arguments, "--table").output

    loads = {load["consumer"]: load for load in report["consumers"]}
    assert list(loads)[:2] == ["log-user-changes", "fan-out-user-changes"]
    assert loads["fan-out-user-changes"]["changesPerSecond"] == pytest.approx(A_LOAD.records_per_second)
    welcome = loads["welcome-new-users"]
    assert welcome["changesPerSecond"] == 5
    assert welcome["dollars"] == pytest.approx(
        sum(line["dollars"] for line in report["cost"] if line["consumer"] == "welcome-new-users")
    )
    assert {line["service"] for line in report["cost"] if line["consumer"] == "welcome-new-users"} == {
        "Lambda",
        "CloudWatch",
        "DynamoDB",
        "SNS",
        "SQS",
    }
    assert "delivery to welcome-new-users" in {use["limit"] for use in report["limits"]}
    assert re.search(r"^welcome-new-users +5 ", shown, re.MULTILINE)


def test_a_consumer_that_is_switched_off_costs_nothing() -> None:
    def never(_settings: StackSettings) -> bool:
        return False

    off = queue_consumer(folder="left_out", enabled=never)
    with patch.object(consumers, "CONSUMERS", (*consumers.CONSUMERS, off)):
        names = [consumer.name for consumer in stack_settings("prod").consumers]
    assert "left-out" not in names
    assert names[0] == "log-user-changes"


def test_the_kinds_of_a_consumer_share_the_changes() -> None:
    kinds = ("ADDED", "UPDATED", "DELETED")
    each = [queue_consumer(folder=f"for_{kind.lower()}", kinds=(kind,)) for kind in kinds]
    report = report_of(A_LOAD, with_consumers(*each, queue_consumer(folder="for_all", kinds=kinds)))
    loads = {load.consumer: load for load in report.consumers}
    parts = [loads[f"for-{kind.lower()}"].changes_per_second for kind in kinds]
    assert sum(parts) == pytest.approx(loads["for-all"].changes_per_second) == pytest.approx(A_LOAD.records_per_second)
    assert parts[2] == pytest.approx(0.1 * (parts[1] + parts[2]))


def test_a_million_changes_of_a_consumer_cost_what_their_requests_do() -> None:
    a_million = Workload(
        users=1, registrations_per_second=1_000_000 / (30 * 86_400 * 0.25), changes_per_user_per_month=0
    )
    idle = Workload(users=1, registrations_per_second=1e-9, changes_per_user_per_month=0)
    stack = with_consumers(queue_consumer())

    def lines(workload: Workload) -> dict[str, float]:
        cost = report_of(workload, stack).cost
        return {f"{line.service}: {line.item}": line.dollars for line in cost}

    busy, quiet = lines(a_million), lines(idle)
    assert busy["SQS: welcome-new-users"] - quiet["SQS: welcome-new-users"] == pytest.approx(3 * 0.50)
    assert quiet["SQS: welcome-new-users"] == pytest.approx(2 * 5 * 30 * 86_400 / 20 / 1_000_000 * 0.50)
    assert busy["DynamoDB: reads, welcome-new-users"] == pytest.approx(0.125)
    assert busy["SNS: deliveries, welcome-new-users"] == pytest.approx(0.01 + sizes.MESSAGE_BYTES / 1000 * 0.001)
    assert 0.03 <= busy["SNS: publications"] - sizes.MESSAGE_BYTES / 1000 * 0.017 <= 0.30


def test_events_are_paid_for_by_the_consumer_that_publishes_them_and_their_archive_by_its_days() -> None:
    publisher = queue_consumer(folder=EVENT_PUBLISHER, kinds=("ADDED", "UPDATED", "DELETED"))
    stack = dataclasses.replace(with_consumers(publisher), user_events_archive_days=30)
    longer = dataclasses.replace(stack, user_events_archive_days=300)

    def bridge(of: CapacitySettings) -> dict[str, float]:
        return {line.item: line.dollars for line in report_of(A_LOAD, of).cost if line.service == "EventBridge"}

    assert bridge(with_consumers(queue_consumer())) == {}
    assert bridge(stack)["events"] == pytest.approx(A_LOAD.records_per_month / 1e6)
    assert bridge(longer)["archive"] > bridge(stack)["archive"] > 0
    assert "requests to EventBridge" in {use.limit for use in report_of(A_LOAD, stack).limits}


@given(
    rate=st.floats(0.001, 10_000),
    more=st.floats(1, 10),
    memory=st.sampled_from([128, 256, 1769, 3008]),
    concurrency=st.integers(2, 100),
)
def test_more_demand_never_costs_a_consumer_less_nor_uses_less_of_its_limits(
    rate: float, more: float, memory: int, concurrency: int
) -> None:
    stack = with_consumers(queue_consumer(memory_mb=memory, maximum_concurrency=concurrency))
    times, delivery = service_times(measured_work(), stack), deliver(10, 20, settings())
    less, greater = (Workload(users=1000, registrations_per_second=each) for each in (rate, rate * more))

    def dollars(workload: Workload) -> float:
        return sum(line.dollars for line in consumer_lines(workload, stack, times, PUBLISHED, delivery))

    def uses(workload: Workload) -> dict[str, float]:
        return {use.limit: use.used for use in consumer_limits(workload, stack, times, LIMITS)}

    assert dollars(less) <= dollars(greater) * 1.000001
    assert all(used <= uses(greater)[limit] * 1.000001 for limit, used in uses(less).items())


def test_the_number_of_consumers_is_a_limit_that_no_load_moves() -> None:
    many = (queue_consumer(folder=f"consumer_{number}") for number in range(90))
    report = report_of(dataclasses.replace(A_LOAD, registrations_per_second=0.01), with_consumers(*many))
    assert (report.limits[0].limit, report.limits[0].share) == ("subscriptions to the topic", 0.9)
    assert report.first_limit.limit != "subscriptions to the topic"


def test_a_narrow_consumer_s_limit_is_its_own_concurrency() -> None:
    narrow, wide = (with_consumers(queue_consumer(maximum_concurrency=number)) for number in (2, 200))

    def share(stack: CapacitySettings) -> float:
        (use,) = (use for use in report_of(A_LOAD, stack).limits if use.limit == "delivery to welcome-new-users")
        assert "infra/consumers/welcome_new_users.py" in use.moved_by
        return use.share

    assert share(narrow) == pytest.approx(100 * share(wide))


def test_the_sizes_of_what_consumers_get_and_log_are_about_what_the_functions_write() -> None:
    changes = [parse_message(record["body"]) for record in queue_event(3)["Records"]]
    assert max(map(message_bytes, published(changes))) == pytest.approx(sizes.MESSAGE_BYTES, rel=0.1)
    logged, events = list[int](), list[int]()
    for change in changes:
        log = BufferedLog()
        names = {"userId": change.user_id, "changeId": change.change_id, "kind": change.kind}
        log("INFO", HANDLED, consumer="welcome-new-users", messageId="0" * 36, **names)
        logged.append(written(log))
        item = activity_item_of(change.change_id)
        rules = FieldRules(FIELDS, FIELDS, personal_data=True)
        events.append(user_event(stored_change(change, item), "userstream.prod", rules).size)
    assert max(logged) == pytest.approx(sizes.CONSUMER_LOG_BYTES, rel=0.1)
    assert max(events) == pytest.approx(sizes.EVENT_BYTES, rel=0.1)


def published(changes: list[ChangeMessage]) -> list[Any]:
    """Return what fan_out_user_changes publishes for changes."""
    entries: list[Any] = []

    def publish_batch(**request: Any) -> Any:
        entries.extend(request["PublishBatchRequestEntries"])
        return {"Successful": [{"Id": entry["Id"]} for entry in request["PublishBatchRequestEntries"]], "Failed": []}

    client: Any = SimpleNamespace(publish_batch=publish_batch)
    context: Any = SimpleNamespace(get_remaining_time_in_millis=lambda: 10_000)
    UserChangesTopic(client, "topic", Clock(context)).publish(changes)
    return entries


def message_bytes(entry: Any) -> int:
    attributes = entry["MessageAttributes"].items()
    return len(entry["Message"]) + sum(len(name) + sum(map(len, each.values())) for name, each in attributes)
