"""The capacity model: no record vanishes in it, more demand never costs less, slow delivery is seen to fall behind."""

import json

import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from ops.capacity.delivery_simulation import DeliveryFigures, simulate_delivery
from ops.capacity.limits import limit_uses, shards_of
from ops.capacity.monthly_cost import monthly_cost
from ops.capacity.published_figures import published_figures
from ops.capacity.service_times import measured_work, service_times
from ops.capacity.workload import CapacitySettings, ServiceTimes, Workload
from ops.commands.capacity import capacity

LIMITS = published_figures().limits
TIMES = ServiceTimes(register=0.03, batch=0.01, record=0.001)


def settings(*, batch_size: int = 100, lanes: int = 1, window: float = 0, retries: int = 2) -> CapacitySettings:
    return CapacitySettings(
        batch_size=batch_size,
        batching_window_seconds=window,
        parallelization_factor=lanes,
        maximum_retry_attempts=retries,
        maximum_record_age_seconds=3600,
        api_memory_mb=512,
        stream_memory_mb=256,
        api_reserved_concurrency=None,
        throttle_rate_per_second=500,
        point_in_time_recovery=True,
        log_retention_days=30,
        activity_retention_days=30,
    )


def deliver(rate: float, seconds: float, stack: CapacitySettings, poison_share: float = 0.0) -> DeliveryFigures:
    return simulate_delivery(
        records_per_second=rate,
        seconds=seconds,
        settings=stack,
        times=TIMES,
        limits=LIMITS,
        poison_share=poison_share,
        users=100,
    )


@given(
    rate=st.floats(0.1, 300),
    batch_size=st.integers(1, 500),
    lanes=st.integers(1, 10),
    window=st.sampled_from([0, 1, 5]),
    poison_share=st.sampled_from([0.0, 0.01, 0.5]),
)
@example(rate=300, batch_size=1, lanes=1, window=0, poison_share=0.5)
def test_every_record_is_settled_given_up_or_waiting(
    rate: float, batch_size: int, lanes: int, window: float, poison_share: float
) -> None:
    figures = deliver(rate, 20, settings(batch_size=batch_size, lanes=lanes, window=window), poison_share)
    assert 0 <= figures.backlog <= figures.records
    assert figures.given_up <= figures.records - figures.backlog
    assert figures.records_per_batch <= batch_size
    assert figures.concurrency <= lanes + TIMES.batch + TIMES.record * batch_size
    if poison_share == 0:
        assert figures.given_up == 0


def test_the_same_seed_gives_the_same_figures() -> None:
    assert deliver(50, 60, settings(), 0.01) == deliver(50, 60, settings(), 0.01)


def test_a_lane_that_is_too_slow_falls_behind_and_more_lanes_catch_up() -> None:
    one_record_at_a_time = deliver(200, 60, settings(batch_size=1))
    assert one_record_at_a_time.backlog > 0
    assert one_record_at_a_time.age_last_seconds > 10
    many_lanes = deliver(200, 60, settings(batch_size=1, lanes=10))
    assert many_lanes.age_last_seconds < 1


def test_only_poison_is_given_up() -> None:
    figures = deliver(20, 120, settings(retries=0), 0.02)
    assert 0 < figures.given_up < figures.records * 0.05


@given(users=st.integers(1, 10**8), rate=st.floats(0.001, 10_000), more=st.floats(1, 10))
def test_more_demand_never_costs_less_nor_uses_less_of_a_limit(users: int, rate: float, more: float) -> None:
    less = Workload(users=users, registrations_per_second=rate)
    greater = Workload(users=int(users * more), registrations_per_second=rate * more)
    bills = [
        sum(line.dollars for line in monthly_cost(each, settings(), TIMES, published_figures(), records_per_batch=10))
        for each in (less, greater)
    ]
    assert bills[0] <= bills[1] * 1.000001
    shares = [{use.limit: use.used for use in limit_uses(each, settings(), TIMES, LIMITS)} for each in (less, greater)]
    for limit in shares[0].keys() - {"reads of the stream"}:
        assert shares[0][limit] <= shares[1][limit] * 1.000001
    assert shards_of(less, LIMITS) <= shards_of(greater, LIMITS)


def test_the_most_used_limit_comes_first_and_every_limit_says_what_moves_it() -> None:
    uses = limit_uses(Workload(users=1000, registrations_per_second=400), settings(), TIMES, LIMITS)
    assert [use.share for use in uses] == sorted((use.share for use in uses), reverse=True)
    assert uses[0].limit == "the API's throttle"
    assert all(use.moved_by for use in uses)


def test_every_published_figure_names_its_page() -> None:
    figures = published_figures()
    for group in (figures.prices, figures.limits):
        for name in type(group).model_fields:
            assert getattr(group, name).source, name


def test_less_memory_and_a_slow_downstream_make_the_functions_slower() -> None:
    quick = service_times(measured_work(), settings())
    slow = service_times(measured_work(), settings(), call_seconds=0.2)
    assert slow.register > quick.register
    assert slow.batch > quick.batch


@pytest.mark.parametrize("stack", ["dev", "prod"])
@pytest.mark.parametrize(("users", "rate"), [("10", "0.001"), ("10000", "0.1"), ("10000000", "20")])
def test_the_recommended_settings_carry_the_sizes_they_are_for(stack: str, users: str, rate: str) -> None:
    result = CliRunner().invoke(
        capacity, ["--users", users, "--registrations-per-second", rate, "--settings", stack, "--json"]
    )
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert report["delivery"]["given_up"] == 0
    if stack == "prod" or users != "10000000":
        assert all(use["used"] < use["allowed"] for use in report["limits"])


def test_an_unknown_stack_is_named_with_what_to_do() -> None:
    result = CliRunner().invoke(capacity, ["--users", "1", "--registrations-per-second", "1", "--settings", "nowhere"])
    assert result.exit_code == 4
    assert "Pulumi.nowhere.yaml" in result.output
