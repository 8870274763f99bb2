"""Tables and plots of docs/capacity.md, from the capacity model.

python -m benchmarks.scenarios.capacity_tables
"""

import math
from collections.abc import Callable
from dataclasses import replace

from benchmarks.plots import lines
from benchmarks.report import CAPACITY, IMAGES, table, write_section
from capacity.arrivals import random_arrivals
from capacity.limits import deliverable_per_second, lane_seconds_per_crash, shards_of
from capacity.prices_and_limits import prices_and_limits
from capacity.report import CapacityReport, capacity_report, every_limit, read_intervals
from capacity.simulation import DeliverySimulation
from capacity.stack_settings import declared_consumer, stack_settings
from capacity.workload import CALL_SECONDS, CapacitySettings, ServiceTimes, Workload, measured_work, service_times
from infra.consumers.declaration import Consumer

PUBLISHED = prices_and_limits()
WORK = measured_work()

TEN_MILLION = Workload(users=10_000_000, registrations_per_second=20)
WORKLOADS = {
    "10 users": Workload(users=10, registrations_per_second=0.001),
    "10 thousand users": Workload(users=10_000, registrations_per_second=0.1),
    "10 million users": TEN_MILLION,
}
IDLE = Workload(users=10_000_000, registrations_per_second=1e-6, changes_per_user_per_month=0)
CRASH_RATES = (0.0, 0.0001, 0.001, 0.01, 0.05)
CALL_MS = (5, 50, 200, 1000, 2900)
SLOWEST_CALL_SECONDS = 2.9
OUTAGE_SECONDS = 600.0


def main() -> None:
    """Write every section and every plot."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, section in SECTIONS.items():
        write_section(CAPACITY, name, section())
        print(f"{CAPACITY}: {name}", flush=True)


def _report(workload: Workload, settings: CapacitySettings, call_seconds: float = CALL_SECONDS) -> CapacityReport:
    return capacity_report(workload, settings, _times(settings, call_seconds), PUBLISHED)


def _times(settings: CapacitySettings, call_seconds: float = CALL_SECONDS) -> ServiceTimes:
    return service_times(WORK, settings, call_seconds)


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:,.0f} s"  # noqa: PLR2004  three digits are enough


def _until_too_old(report: CapacityReport) -> str:
    return "never" if report.hours_until_given_up is None else f"after {report.hours_until_given_up:,.1f} h"


def _first_limit(report: CapacityReport) -> str:
    factor = 1 / report.first_limit.share
    factor_text = f"{factor:,.0f}" if factor >= 100 else f"{factor:.2g}"  # noqa: PLR2004  three digits are enough
    return f"{report.first_limit.limit}, at {factor_text} x the load"


def _both_stacks(*columns: str) -> list[str]:
    return [f"{stack}: {column}" for stack in ("prod", "dev") for column in columns]


def sizes() -> str:
    """Return what the model says of growing sizes, for prod and for dev."""
    plot: dict[str, dict[float, float]] = {}
    for exponent in range(1, 9):
        users = 10**exponent
        # As many registrations and changes per user as with 10 million.
        report = _report(Workload(users=users, registrations_per_second=users * 2e-6), stack_settings("prod"))
        for service, dollars in {**report.dollars_by_service, "together": report.dollars}.items():
            plot.setdefault(service, {})[users / 1000] = max(dollars, 0.01)
    lines(
        IMAGES / "capacity-cost.png",
        "A month's bill with prod's settings",
        ("thousand users", "US dollars a month (less than 0.01 drawn at 0.01)"),
        plot,
        ours="together",
    )
    return _sizes_of("prod") + "\n\n" + _sizes_of("dev")


def _sizes_of(stack: str) -> str:
    reports = [_report(workload, stack_settings(stack)) for workload in WORKLOADS.values()]
    properties: dict[str, Callable[[CapacityReport], str]] = {
        "shards": lambda it: str(it.shards),
        "iterator age, median": lambda it: _seconds(it.delivery.age_median_seconds),
        "iterator age, 99 of 100 batches": lambda it: _seconds(it.delivery.age_p99_seconds),
        "records per batch": lambda it: f"{it.delivery.records_per_batch:.1f}",
        "log_user_changes at a time": lambda it: f"{it.concurrency:.2g}",
        "left waiting": lambda it: f"{it.waiting:,} records",
        "to the dead-letter queue": lambda it: f"{it.failed_per_day:,.0f} a day",
        "first limit": _first_limit,
    }
    rows = [
        ["registrations/s", *(f"{workload.registrations_per_second:g}" for workload in WORKLOADS.values())],
        ["changes/s of the stream", *(f"{workload.records_per_second:.3g}" for workload in WORKLOADS.values())],
        *([name, *map(shown, reports)] for name, shown in properties.items()),
        *(
            [f"{service}, US dollars a month", *(f"{report.dollars_by_service[service]:,.2f}" for report in reports)]
            for service in reports[0].dollars_by_service
        ),
        ["**together**", *(f"**{report.dollars:,.2f}**" for report in reports)],
    ]
    return table([f"{stack}, at the busiest time", *WORKLOADS], rows)


def crashes() -> str:
    """Return what records do that crash the function, at several rates."""
    prod = stack_settings("prod")
    rows: list[list[str]] = []
    for rate in CRASH_RATES:
        cells = [f"{rate:.2%}"]
        for stack in ("prod", "dev"):
            report = _report(replace(TEN_MILLION, crash_rate=rate), stack_settings(stack))
            late = _seconds(report.delivery.age_p99_seconds)
            cells += [late, f"{report.failed_per_day:,.0f}", _until_too_old(report)]
        rows.append(cells)

    def age(rate: float, retries: int) -> float:
        settings = replace(prod, stream_maximum_retry_attempts=retries)
        return _report(replace(TEN_MILLION, crash_rate=rate), settings).delivery.age_p99_seconds

    rates = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)
    lines(
        IMAGES / "capacity-poison.png",
        "Records that crash the function, at 10 million users",
        ("% of the records", "iterator age in 99 of 100 batches, s"),
        {f"{retries} retries": {rate * 100: age(rate, retries) for rate in rates} for retries in (3, 5, 10, 20)},
        ours=f"{prod.stream_maximum_retry_attempts} retries",
        limits={"prod's alarm": prod.iterator_age_alarm_seconds},
    )
    columns = _both_stacks("iterator age, 99 of 100", "to the dead-letter queue a day", "too old")
    return table(["crash", *columns], rows)


def slow_calls() -> str:
    """Return what slow calls to the Activity table do."""
    prod = stack_settings("prod")
    rows: list[list[str]] = []
    for call_ms in CALL_MS:
        cells = [f"{call_ms} ms"]
        for stack in ("prod", "dev"):
            report = _report(TEN_MILLION, stack_settings(stack), call_ms / 1000)
            delivery = next(use for use in report.limits if use.limit == "delivery of the stream")
            cells += [_seconds(report.delivery.age_p99_seconds), f"{delivery.share:.1%}", _until_too_old(report)]
        rows.append([*cells, f"{prod.throttle_rate_per_second * _times(prod, call_ms / 1000).register:,.0f}"])

    def age(lanes: int, call_ms: float) -> float:
        settings = replace(prod, stream_parallelization_factor=lanes)
        return _report(TEN_MILLION, settings, call_ms / 1000).delivery.age_p99_seconds

    plotted_ms = (5.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2900.0)
    lines(
        IMAGES / "capacity-slow.png",
        "A slow Activity table, at 10 million users",
        ("one call, ms", "iterator age in 99 of 100 batches, s"),
        {
            f"prod, {lanes} lane{'s' if lanes > 1 else ''}": {call_ms: age(lanes, call_ms) for call_ms in plotted_ms}
            for lanes in (1, 2, 4)
        },
        ours=f"prod, {prod.stream_parallelization_factor} lanes",
        limits={"prod's alarm": prod.iterator_age_alarm_seconds},
    )
    columns = _both_stacks("iterator age, 99 of 100", "of what can be delivered", "too old")
    return table(["one call", *columns, "register_user at a time, at prod's throttle"], rows)


def limits() -> str:
    """Return the rate of registrations at which each limit is met, the lowest first."""
    prod = stack_settings("prod")
    times = _times(prod)

    def share(limit: str, rate: float) -> float:
        workload = Workload(users=10_000_000, registrations_per_second=rate, changes_per_user_per_month=0)
        return next(use.share for use in every_limit(workload, prod, times, PUBLISHED.limits) if use.limit == limit)

    def met_at(limit: str) -> float:
        """Find the rate by bisection; inf if a thousand times any quota doesn't meet the limit."""
        low, high = 0.001, 10_000_000.0
        if share(limit, high) < 1:
            return math.inf
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if share(limit, middle) < 1 else (low, middle)
        return high

    uses = every_limit(TEN_MILLION, prod, times, PUBLISHED.limits)
    # Registrations alone don't use manage_users.
    rates = [(met_at(use.limit), use) for use in uses if use.by_load and use.limit != "manage_users at a time"]
    rows = [
        [use.limit, "never: it grows with the shards" if rate == math.inf else f"{rate:,.0f}", use.moved_by]
        for rate, use in sorted(rates, key=lambda each: each[0])
    ]
    return table(["limit", "met at registrations/s", "moved by"], rows)


def retries() -> str:
    """Return how long a crash holds its lane, and what an outage costs, by retries."""
    prod = stack_settings("prod")
    times = _times(prod)
    shards = shards_of(TEN_MILLION, PUBLISHED.limits)
    rate = TEN_MILLION.records_per_second / shards
    rows: list[list[str]] = []
    for attempts in (1, 3, 5, 10, 20):
        settings = replace(prod, stream_maximum_retry_attempts=attempts)
        held = lane_seconds_per_crash(settings, times)
        share = shards * settings.stream_parallelization_factor / held / TEN_MILLION.records_per_second
        outage = DeliverySimulation(
            random_arrivals(rate, 2 * OUTAGE_SECONDS),
            settings=settings,
            times=times,
            read_intervals=read_intervals(PUBLISHED.limits),
            records_per_read=int(PUBLISHED.limits.stream_records_per_read),
            outage=(60.0, 60.0 + OUTAGE_SECONDS),
        ).run(2 * OUTAGE_SECONDS)
        given_up = f"{outage.given_up * shards:,} of {round(rate * shards * OUTAGE_SECONDS):,}"
        rows.append([str(attempts), _seconds(held), f"{min(share, 1):.2%}", given_up])
    crash = ["a crashing record holds its lane", "crashes that prod still delivers around, at 10 million users"]
    return table(["retries", *crash, "given up while Activity takes nothing for 10 minutes"], rows)


def batches() -> str:
    """Return age, price and throughput by batch size, window and lanes."""
    prod = stack_settings("prod")
    chosen = (prod.stream_batch_size, prod.stream_batching_window_seconds, prod.stream_parallelization_factor)
    variants = [chosen, (10, 1, 2), (100, 1, 2), (1000, 1, 2), (100, 0, 2), (100, 5, 2), (100, 1, 1), (100, 1, 4)]
    rows: list[list[str]] = []
    for size, window, lanes in dict.fromkeys(variants):
        settings = replace(
            prod, stream_batch_size=size, stream_batching_window_seconds=window, stream_parallelization_factor=lanes
        )
        report, slow = _report(TEN_MILLION, settings), _times(settings, SLOWEST_CALL_SECONDS)
        rows.append(
            [
                f"{size}, {window} s, {lanes}" + (" (prod)" if (size, window, lanes) == chosen else ""),
                _seconds(report.delivery.age_median_seconds),
                f"{report.delivery.records_per_batch:.1f}",
                f"{_dollars(report, 'log_user_changes'):,.2f}",
                f"{deliverable_per_second(report.shards, settings, _times(settings)):,.0f}",
                f"{deliverable_per_second(report.shards, settings, slow):,.0f}",
                _seconds(slow.of_batch(size)),
            ]
        )
    delivered = ["iterator age, median", "records per batch", "log_user_changes, US dollars a month", "most records/s"]
    slow_headings = ["most records/s at calls of 2.9 s", "a full batch at calls of 2.9 s"]
    return table(["batch size, window, lanes", *delivered, *slow_headings], rows)


def memory() -> str:
    """Return times and prices by the functions' memory."""
    rows: list[list[str]] = []
    for megabytes in (128, 256, 512, 1024, 1769):
        settings = replace(stack_settings("prod"), api_memory_mb=megabytes, stream_memory_mb=megabytes)
        report, times = _report(TEN_MILLION, settings), _times(settings)
        registration = [f"{times.register * 1000:.1f} ms", f"{_dollars(report, 'register_user, manage_users'):,.2f}"]
        batch = [f"{times.of_batch(100) * 1000:.0f} ms", f"{_dollars(report, 'log_user_changes'):,.2f}"]
        rows.append([f"{megabytes} MB", *registration, *batch])
    return table(["memory", "a registration", "US dollars a month", "a batch of 100", "US dollars a month"], rows)


def retention() -> str:
    """Return prices by the days that logs and history are kept."""
    rows: list[list[str]] = []
    for days in (30, 90, 365):
        settings = replace(stack_settings("prod"), log_retention_days=days, activity_retention_days=days)
        report = _report(TEN_MILLION, settings)
        dollars = (_dollars(report, "logs kept"), _dollars(report, "storage and recovery"), report.dollars)
        rows.append([f"{days} days", *(f"{each:,.2f}" for each in dollars)])
    headings = ["logs and history kept", "logs, US dollars a month", "tables, US dollars a month", "the whole bill"]
    return table(headings, rows)


def _dollars(report: CapacityReport, item: str) -> float:
    return next(line.dollars for line in report.cost if line.item == item)


def consumers() -> str:
    """Return what each consumer of prod gets and costs, and what one more would."""
    prod = stack_settings("prod")
    more = [
        Consumer(folder="one_for_new_users", description="", kinds=("ADDED",)),
        Consumer(folder="one_for_all_changes", description=""),
    ]
    settings = replace(prod, consumers=(*prod.consumers, *map(declared_consumer, more)))
    loads = _report(TEN_MILLION, settings).consumers
    idle = {load.consumer: load.dollars for load in _report(IDLE, settings).consumers}
    rows = [
        [
            load.consumer,
            f"{load.changes_per_second:.3g}",
            f"{load.changes_per_invocation:.1f}",
            f"{load.invocations_per_month:,.0f}",
            f"{load.at_a_time:.2g}",
            f"{load.dollars:,.2f}",
            f"{idle[load.consumer]:,.2f}",
        ]
        for load in loads
    ]
    costs = ["US dollars a month", "without any change"]
    return table(["consumer", "changes/s", "changes in a batch", "batches a month", "at a time", *costs], rows)


SECTIONS: dict[str, Callable[[], str]] = {
    "sizes": sizes,
    "poison": crashes,
    "slow": slow_calls,
    "limits": limits,
    "retries": retries,
    "batches": batches,
    "memory": memory,
    "retention": retention,
    "consumers": consumers,
}

if __name__ == "__main__":
    main()
