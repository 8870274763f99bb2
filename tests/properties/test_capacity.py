"""The capacity model loses no record, never costs less for more, and shows a delivery that lags."""

import contextlib
import dataclasses
import io
import itertools
import json
import re
import shlex
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from benchmarks.events import stream_event
from capacity import workload as sizes
from capacity.arrivals import random_arrivals, random_changes
from capacity.cost import alarm_metrics, monthly_cost
from capacity.limits import RESCUES_AT_A_TIME, limit_uses, shards_of
from capacity.prices_and_limits import PricesAndLimits, prices_and_limits
from capacity.quiet_delivery import QuietDelivery
from capacity.report import capacity_report, read_intervals
from capacity.simulated_delivery import SimulatedDelivery
from capacity.simulation import DeliverySimulation
from capacity.stack_settings import stack_settings
from capacity.workload import CapacitySettings, ServiceTimes, Workload, measured_work, service_times
from functions.activity.items import activity_item
from functions.activity.table import TIME_TO_FINISH_SECONDS
from functions.log_user_changes.batch import full_image, log_change
from functions.runtime.botocore_clients import CLIENT_CONFIG
from functions.runtime.json_log import BufferedLog
from functions.stream_records.user_change import parse_user_change
from functions.users.attributes import ATTRIBUTES
from infra.components.change_stream import RESCUE_MAXIMUM_CONCURRENCY
from infra.settings.check import load_settings
from ops.cli import cli
from ops.commands import capacity
from ops.commands.capacity import LONGEST_CALL_MS
from tests.support.stack.own_settings import DIRECTORY, own_config
from tests.support.stack.recorded_stack import record

PROJECT = Path(__file__).parents[2]
PUBLISHED = prices_and_limits()
LIMITS = PUBLISHED.limits
FIELDS = frozenset(attribute.name for attribute in ATTRIBUTES)
TIMES = ServiceTimes(register=0.03, batch=0.01, record=0.001)


def settings(*, batch_size: int = 100, lanes: int = 1, window: int = 0, retries: int = 2) -> CapacitySettings:
    return CapacitySettings(
        stream_batch_size=batch_size,
        stream_batching_window_seconds=window,
        stream_parallelization_factor=lanes,
        stream_maximum_retry_attempts=retries,
        stream_maximum_record_age_seconds=3600,
        stream_timeout_seconds=60,
        stream_memory_mb=256,
        stream_reserved_concurrency=None,
        api_memory_mb=512,
        api_reserved_concurrency=None,
        throttle_rate_per_second=500,
        register_throttle_rate_per_second=None,
        iterator_age_alarm_seconds=300,
        point_in_time_recovery=True,
        log_retention_days=30,
        activity_retention_days=30,
    )


def deliver(  # noqa: PLR0913 - each is one knob, and named at the call
    rate: float,
    seconds: float,
    stack: CapacitySettings,
    *,
    crash_rate: float = 0.0,
    times: ServiceTimes = TIMES,
    outage: tuple[float, float] = (0.0, 0.0),
) -> SimulatedDelivery:
    return DeliverySimulation(
        random_arrivals(rate, seconds, crash_rate=crash_rate, users=100),
        settings=stack,
        times=times,
        read_intervals=read_intervals(LIMITS),
        records_per_read=1000,
        outage=outage,
    ).run(seconds)


@pytest.fixture(autouse=True, scope="module")
def _own_settings() -> Generator[None]:
    """Let the command read the tests' own stack files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(capacity, "settings_of", partial(capacity.settings_of, directory=DIRECTORY))
        yield


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["capacity", *arguments], catch_exceptions=False)


@given(
    rate=st.floats(0.1, 300),
    batch_size=st.integers(1, 500),
    lanes=st.integers(1, 10),
    window=st.sampled_from([0, 1, 5]),
    crash_rate=st.sampled_from([0.0, 0.01, 0.5]),
    call=st.sampled_from([0.0, 0.1, 2.9, 70.0]),
    outage=st.sampled_from([0.0, 5.0]),
)
@example(rate=300, batch_size=1, lanes=1, window=0, crash_rate=0.5, call=0.0, outage=0.0)
@example(rate=300, batch_size=500, lanes=1, window=5, crash_rate=0.0, call=2.9, outage=0.0)
def test_every_record_is_settled_discarded_or_waiting(  # noqa: PLR0913 - each is one knob
    *, rate: float, batch_size: int, lanes: int, window: int, crash_rate: float, call: float, outage: float
) -> None:
    times = ServiceTimes(register=0.03, batch=0.01, record=0.001, call=call)
    stack = settings(batch_size=batch_size, lanes=lanes, window=window)
    result = deliver(rate, 20, stack, crash_rate=crash_rate, times=times, outage=(0.0, outage))
    assert 0 <= result.backlog <= result.records
    assert result.given_up <= result.records - result.backlog
    assert result.records_per_batch <= batch_size
    assert result.age_median_seconds <= result.age_p99_seconds
    if not crash_rate and not outage and call < stack.stream_timeout_seconds:
        assert result.given_up == 0


@given(
    rate=st.floats(0.001, 300),
    seconds=st.floats(1, 200),
    batch_size=st.integers(1, 300),
    lanes=st.integers(1, 10),
    window=st.sampled_from([0, 1, 5]),
    call=st.sampled_from([0.0, 0.005, 2.9]),
    read=st.sampled_from([0.0, 0.02]),
)
@example(rate=300, seconds=100, batch_size=300, lanes=1, window=5, call=2.9, read=0.0)
@example(rate=300, seconds=200, batch_size=1, lanes=1, window=0, call=2.9, read=0.0)
def test_a_delivery_without_failures_is_simulated_alike_by_the_plain_queue(  # noqa: PLR0913 - each is one knob
    *, rate: float, seconds: float, batch_size: int, lanes: int, window: int, call: float, read: float
) -> None:
    times = ServiceTimes(register=0.03, batch=0.01, record=0.001, call=call, read=read, read_record=read / 100)
    stack = settings(batch_size=batch_size, lanes=lanes, window=window)
    quiet = QuietDelivery(
        random_changes(rate, seconds, users=100),
        settings=stack,
        times=times,
        read_intervals=read_intervals(LIMITS),
        records_per_read=1000,
    ).run(seconds)
    assert quiet == deliver(rate, seconds, stack, times=times)


@pytest.mark.parametrize(
    ("crash_rate", "call", "timeout", "maximum_age"),
    [(0.01, 0.0, 60, 3600), (0.0, 2.9, 4, 3600), (0.0, 2.9, 60, 60)],
    ids=["a record crashes", "a batch takes longer than the function may", "records expire"],
)
def test_the_plain_queue_leaves_failures_to_the_decisions_of_delivery(
    crash_rate: float, call: float, timeout: int, maximum_age: int
) -> None:
    stack = dataclasses.replace(
        settings(batch_size=20), stream_timeout_seconds=timeout, stream_maximum_record_age_seconds=maximum_age
    )
    quiet = QuietDelivery(
        random_changes(50, 200, crash_rate=crash_rate, users=100),
        settings=stack,
        times=dataclasses.replace(TIMES, call=call),
        read_intervals=read_intervals(LIMITS),
        records_per_read=1000,
    )
    assert quiet.run(200) is None


def test_the_same_seed_gives_the_same_result() -> None:
    assert deliver(50, 60, settings(), crash_rate=0.01) == deliver(50, 60, settings(), crash_rate=0.01)


def test_a_lane_that_is_too_slow_falls_behind_and_more_lanes_keep_up() -> None:
    one_record_at_a_time = deliver(200, 60, settings(batch_size=1))
    assert one_record_at_a_time.backlog > 0
    assert one_record_at_a_time.age_last_seconds > 10
    many_lanes = deliver(200, 60, settings(batch_size=1, lanes=10))
    assert many_lanes.age_last_seconds < 1


def test_only_records_that_crash_are_discarded() -> None:
    result = deliver(20, 120, settings(retries=0), crash_rate=0.02)
    assert 0 < result.given_up < result.records * 0.05


def test_a_batch_that_takes_longer_than_the_timeout_continues_where_it_stopped() -> None:
    slow = ServiceTimes(register=0.03, batch=0.01, record=0.001, call=2.9)
    result = deliver(50, 600, settings(batch_size=1000, window=20), times=slow)
    assert result.given_up == 0
    assert result.records - result.backlog > 1000
    assert result.busy_seconds / result.invocations < 60


def test_more_retries_discard_fewer_records_in_an_outage() -> None:
    few, many = (deliver(5, 300, settings(retries=retries), outage=(60, 180)) for retries in (1, 10))
    assert 0 < many.given_up < few.given_up


@pytest.mark.parametrize("crash_rate", [0.0, 0.01])
def test_the_report_says_that_delivery_falls_behind_when_it_does(crash_rate: float) -> None:
    slow = ServiceTimes(register=0.03, batch=0.01, record=0.001, call=1.0)
    for rate in (5.0, 50.0, 500.0):
        workload = Workload(
            users=1000, registrations_per_second=rate, changes_per_user_per_month=0, crash_rate=crash_rate
        )
        report = capacity_report(workload, settings(), slow, PUBLISHED)
        falls_behind = report.delivery.age_last_seconds > 0.1 * report.simulated_seconds
        assert (report.hours_until_given_up is not None) == falls_behind, rate


@given(users=st.integers(1, 10**8), rate=st.floats(0.001, 10_000), more=st.floats(1, 10))
def test_more_demand_never_costs_less_nor_uses_less_of_a_limit(users: int, rate: float, more: float) -> None:
    less = Workload(users=users, registrations_per_second=rate)
    greater = Workload(users=int(users * more), registrations_per_second=rate * more)
    delivery = deliver(10, 20, settings())
    bills = [
        sum(line.dollars for line in monthly_cost(each, settings(), TIMES, PUBLISHED, delivery))
        for each in (less, greater)
    ]
    assert bills[0] <= bills[1] * 1.000001
    shares = [{use.limit: use.used for use in limit_uses(each, settings(), TIMES, LIMITS)} for each in (less, greater)]
    for limit in shares[0].keys() - {"reads of one shard"}:
        assert shares[0][limit] <= shares[1][limit] * 1.000001
    assert shards_of(less, LIMITS) <= shards_of(greater, LIMITS)


def test_a_registration_costs_four_items_twice_and_its_history_once() -> None:
    a_million = Workload(
        users=1, registrations_per_second=1_000_000 / (30 * 86_400 * 0.25), changes_per_user_per_month=0
    )
    lines = {
        line.item: line.dollars
        for line in monthly_cost(a_million, settings(), TIMES, PUBLISHED, deliver(10, 20, settings()))
    }
    assert lines["writes, Users and UserKeys"] == pytest.approx(8 * 0.625)
    assert lines["writes, Activity"] == pytest.approx(0.625)
    assert lines["requests"] == pytest.approx(1.00)


def test_the_most_used_limit_comes_first_and_every_limit_says_what_moves_it() -> None:
    uses = limit_uses(Workload(users=1000, registrations_per_second=400), settings(), TIMES, LIMITS)
    assert [use.share for use in uses] == sorted((use.share for use in uses), reverse=True)
    assert uses[0].limit == "the API's throttle"
    assert all(use.moved_by for use in uses)


def test_the_keys_of_users_are_the_first_limit_of_the_tables() -> None:
    uses = limit_uses(Workload(users=1000, registrations_per_second=666), settings(), TIMES, LIMITS)
    assert [use.share < 1 for use in uses if "UserKeys while it is new" in use.limit] == [True]
    uses = limit_uses(Workload(users=1000, registrations_per_second=667), settings(), TIMES, LIMITS)
    assert [use.share > 1 for use in uses if "UserKeys while it is new" in use.limit] == [True]


PRICES_AND_LIMITS = PROJECT / "capacity" / "prices_and_limits.json"


@pytest.mark.parametrize("group", ["prices", "limits"])
def test_every_price_and_limit_names_its_source(group: str) -> None:
    document = json.loads(PRICES_AND_LIMITS.read_text())
    for name, entry in document[group].items():
        assert entry["source"], name
        without = document | {group: document[group] | {name: entry | {"source": ""}}}
        with pytest.raises(ValidationError, match="source"):
            PricesAndLimits.model_validate(without)


def test_less_memory_and_a_slow_downstream_make_the_functions_slower() -> None:
    quick = service_times(measured_work(), settings())
    slow = service_times(measured_work(), settings(), call_seconds=0.2)
    assert slow.register > quick.register
    assert slow.of_batch(100) - quick.of_batch(100) == pytest.approx((1 + 4) * (0.2 - quick.call))


def test_the_model_copies_the_project_s_numbers_correctly() -> None:
    stack = record("prod")
    alarms = stack.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    queries = [alarm.inputs.get("metricQueries", [{"metric": alarm.name}]) for alarm in alarms]
    assert sum("metric" in query for query in itertools.chain(*queries)) == alarm_metrics(
        stack_settings("prod", DIRECTORY)
    )
    assert RESCUES_AT_A_TIME == RESCUE_MAXIMUM_CONCURRENCY
    assert sizes.TIME_TO_FINISH_SECONDS == TIME_TO_FINISH_SECONDS
    calls: Any = CLIENT_CONFIG
    assert calls.read_timeout * 1000 == LONGEST_CALL_MS


def test_the_sizes_are_about_what_the_functions_write() -> None:
    logged, kept = dict[str, int](), dict[str, int]()
    for stream_record in stream_event(3)["Records"]:
        change, log = parse_user_change(stream_record), BufferedLog()
        log_change(log, change, full_image)
        logged[change.event_name] = written(log)
        kept[change.event_name] = attribute_bytes({"M": activity_item(change, 30)}) - 3
    assert logged["INSERT"] == pytest.approx(sizes.REGISTRATION_LOG_BYTES, rel=0.1)
    assert logged["REMOVE"] == pytest.approx(sizes.REGISTRATION_LOG_BYTES, rel=0.1)
    assert logged["MODIFY"] == pytest.approx(sizes.UPDATE_LOG_BYTES, rel=0.1)
    assert max(kept.values()) == pytest.approx(sizes.ACTIVITY_BYTES, rel=0.1)


def written(log: BufferedLog) -> int:
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        log.write()
    return len(text.getvalue())


def attribute_bytes(value: Any) -> int:
    """DynamoDB developer guide, "DynamoDB item sizes and formats"."""
    ((kind, content),) = value.items()
    if kind == "M":
        return 3 + sum(len(name) + attribute_bytes(member) + 1 for name, member in content.items())
    return len(content) // 2 + 1 if kind == "N" else len(content)


@pytest.mark.parametrize("stack", ["dev", "prod"])
@pytest.mark.parametrize(("users", "rate"), [("10", "0.001"), ("10000", "0.1"), ("10000000", "20")])
def test_the_recommended_settings_carry_the_sizes_they_are_meant_for(stack: str, users: str, rate: str) -> None:
    result = ask("--users", users, "--registrations-per-second", rate, "--settings", stack, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert report["delivery"]["givenUp"] == 0
    assert report["hoursUntilGivenUp"] is None
    assert report["delivery"]["ageP99Seconds"] < stack_settings(stack, DIRECTORY).iterator_age_alarm_seconds
    assert report["dollars"] == pytest.approx(sum(report["dollarsByService"].values()))
    if stack == "prod" or users != "10000000":
        assert all(use["share"] < 1 for use in report["limits"])


def test_the_table_shows_the_first_limit_and_what_moves_it() -> None:
    result = ask("--users", "1000", "--registrations-per-second", "400", "--settings", "dev", "--table")
    assert "moved by throttleRatePerSecond" in result.output
    assert "together" in result.output


def test_the_lanes_that_crashing_records_block_are_shown_as_a_limit() -> None:
    result = ask("--users", "10000", "--registrations-per-second", "20", "--poison-rate", "0.05", "--json")
    report = json.loads(result.output)
    assert report["limits"][0]["limit"] == "lanes held by records that crash"
    assert "streamMaximumRetryAttempts" in report["limits"][0]["movedBy"]
    assert report["hoursUntilGivenUp"] is not None


PAGE = PROJECT / "docs" / "capacity.md"


def test_the_commands_on_the_page_succeed() -> None:
    commands = re.findall(r"^python -m ops capacity (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert commands
    for command in commands:
        assert ask(*shlex.split(command)).exit_code == 0, command


def test_the_page_explains_the_recommended_settings_with_their_values() -> None:
    page = PAGE.read_text(encoding="utf-8")
    recommended = re.findall(r"^\| `(\w+)` \| (\d+|-) \| (\d+|-) \| .+ \|$", page, re.MULTILINE)
    assert len(recommended) > 10
    for column, stack in enumerate(("dev", "prod"), 1):
        values = load_settings(stack, own_config(stack)).model_dump(by_alias=True)
        for row in recommended:
            value = values[row[0]]
            assert row[column] == ("-" if value is None else str(value)), (stack, row[0])


def test_the_tables_settings_move_their_limits() -> None:
    workload = Workload(users=1000, registrations_per_second=10)
    plain = settings()
    changed = dataclasses.replace(plain, table_warm_write_units=8000, table_maximum_write_units=600)

    def allowed(of: CapacitySettings) -> dict[str, tuple[float, str]]:
        uses = limit_uses(workload, of, service_times(measured_work(), of), LIMITS)
        return {use.limit: (use.allowed, use.moved_by) for use in uses}

    assert allowed(plain)["write units of UserKeys while it is new"][0] == 4000
    assert allowed(changed)["write units of UserKeys while it is new"][0] == 8000
    assert allowed(changed)["the maximum of UserKeys"] == (600, "tableMaximumWriteUnits")
    assert "the maximum of UserKeys" not in allowed(plain)
