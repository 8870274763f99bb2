"""`python -m benchmarks.capacity_page`: the tables and plots of docs/capacity.md, from the capacity model."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from benchmarks.page import DOCS, IMAGES, write_section
from benchmarks.plots import lines
from ops.capacity.arrivals import random_arrivals
from ops.capacity.delivery_simulation import simulate_delivery
from ops.capacity.limits import (
    deliverable_per_second,
    lane_seconds_per_crash,
    limit_uses,
    shards_of,
)
from ops.capacity.published_figures import published_figures
from ops.capacity.report import CapacityReport, capacity_report, read_intervals
from ops.capacity.service_times import CALL_SECONDS, measured_work, service_times
from ops.capacity.stack_settings import stack_settings
from ops.capacity.workload import CapacitySettings, ServiceTimes, Workload

PAGE = DOCS / "capacity.md"
FIGURES = published_figures()
WORK = measured_work()

TEN = Workload(users=10, registrations_per_second=0.001)
TEN_THOUSAND = Workload(users=10_000, registrations_per_second=0.1)
TEN_MILLION = Workload(users=10_000_000, registrations_per_second=20)
SIZES = {"10 users": TEN, "10 thousand users": TEN_THOUSAND, "10 million users": TEN_MILLION}

POISON_RATES = (0.0, 0.0001, 0.001, 0.01, 0.05)
CALL_MS = (5, 50, 200, 1000, 2900)
RETRIES = (1, 3, 5, 10, 20)
OUTAGE_SECONDS = 600.0


def main() -> None:
    """Write every section and every plot."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, section in SECTIONS.items():
        write_section(PAGE, name, section())
        print(f"{PAGE}: {name}", flush=True)


def _report(workload: Workload, settings: CapacitySettings, call_seconds: float = CALL_SECONDS) -> CapacityReport:
    return capacity_report(workload, settings, _times(settings, call_seconds), FIGURES)


def _times(settings: CapacitySettings, call_seconds: float = CALL_SECONDS) -> ServiceTimes:
    return service_times(WORK, settings, call_seconds)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [headings, ["---"] * len(headings), *rows])


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:,.0f} s"  # noqa: PLR2004  one digit before the point


def _until(report: CapacityReport) -> str:
    return "never" if report.hours_until_given_up is None else f"after {report.hours_until_given_up:,.1f} h"


def _first(report: CapacityReport) -> str:
    first = report.limits[0]
    return f"{first.limit}, at {_factor(1 / first.share)} x the load"


def _factor(factor: float) -> str:
    return f"{factor:,.0f}" if factor >= 100 else f"{factor:.2g}"  # noqa: PLR2004  three digits say enough


def _sizes(stack: str) -> str:
    reports = [_report(workload, stack_settings(stack)) for workload in SIZES.values()]
    lines_: dict[str, Callable[[CapacityReport], str]] = {
        "shards": lambda it: str(it.shards),
        "iterator age, median": lambda it: _seconds(it.delivery.age_median_seconds),
        "iterator age, 99 of 100 batches": lambda it: _seconds(it.delivery.age_p99_seconds),
        "records per batch": lambda it: f"{it.delivery.records_per_batch:.1f}",
        "log_user_changes at a time": lambda it: f"{it.concurrency:.2g}",
        "left waiting": lambda it: f"{it.waiting:,} records",
        "to the dead-letter queue": lambda it: f"{it.failed_per_day:,.0f} a day",
        "first limit": _first,
    }
    rows = [
        ["registrations/s", *(f"{workload.registrations_per_second:g}" for workload in SIZES.values())],
        ["changes/s of the stream", *(f"{workload.records_per_second:.3g}" for workload in SIZES.values())],
        *([name, *(show(report) for report in reports)] for name, show in lines_.items()),
        *(
            [f"{service}, US dollars a month", *(f"{report.dollars_by_service[service]:,.2f}" for report in reports)]
            for service in reports[0].dollars_by_service
        ),
        ["**together**", *(f"**{report.dollars:,.2f}**" for report in reports)],
    ]
    return _table([f"{stack}, at the busiest time", *SIZES], rows)


def _cost_plot() -> None:
    series: dict[str, dict[float, float]] = {}
    settings = stack_settings("prod")
    for exponent in range(1, 9):
        users = 10**exponent
        # Registrations per user as at 10 million; each size has the same habits.
        report = _report(Workload(users=users, registrations_per_second=users * 2e-6), settings)
        for service, dollars in {**report.dollars_by_service, "together": report.dollars}.items():
            series.setdefault(service, {})[users / 1000] = max(dollars, 0.01)
    lines(
        IMAGES / "capacity-cost.png",
        "A month's bill with prod's settings",
        ("thousand users", "US dollars a month (less than 0.01 drawn at 0.01)"),
        series,
        ours="together",
    )


def _all_sizes() -> str:
    _cost_plot()
    return _sizes("prod") + "\n\n" + _sizes("dev")


def _poison() -> str:
    rows: list[list[str]] = []
    for rate in POISON_RATES:
        cells = [f"{rate:.2%}"]
        for stack in ("prod", "dev"):
            report = _report(replace(TEN_MILLION, poison_rate=rate), stack_settings(stack))
            cells += [_seconds(report.delivery.age_p99_seconds), f"{report.failed_per_day:,.0f}", _until(report)]
        rows.append(cells)
    series = {
        f"{retries} retries": {
            rate * 100: _report(
                replace(TEN_MILLION, poison_rate=rate),
                replace(stack_settings("prod"), maximum_retry_attempts=retries),
            ).delivery.age_p99_seconds
            for rate in (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)
        }
        for retries in (3, 5, 10, 20)
    }
    lines(
        IMAGES / "capacity-poison.png",
        "Records that crash the function, at 10 million users",
        ("% of the records", "iterator age in 99 of 100 batches, s"),
        series,
        ours=f"{stack_settings('prod').maximum_retry_attempts} retries",
        limits={"prod's alarm": stack_settings("prod").iterator_age_alarm_seconds},
    )
    headings = [
        "crash",
        *(
            f"{stack}: {figure}"
            for stack in ("prod", "dev")
            for figure in ("iterator age, 99 of 100", "to the dead-letter queue a day", "too old")
        ),
    ]
    return _table(headings, rows)


def _slow() -> str:
    rows: list[list[str]] = []
    for call_ms in CALL_MS:
        cells = [f"{call_ms} ms"]
        for stack in ("prod", "dev"):
            settings = stack_settings(stack)
            report = _report(TEN_MILLION, settings, call_ms / 1000)
            delivery = next(use for use in report.limits if use.limit == "delivery of the stream")
            cells += [_seconds(report.delivery.age_p99_seconds), f"{delivery.share:.1%}", _until(report)]
        at_throttle = (
            stack_settings("prod").throttle_rate_per_second * _times(stack_settings("prod"), call_ms / 1000).register
        )
        rows.append([*cells, f"{at_throttle:,.0f}"])
    fast = (5.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2900.0)
    series = {
        f"{stack}, {lanes} lane{'s' if lanes > 1 else ''}": {
            ms: _report(
                TEN_MILLION, replace(stack_settings(stack), parallelization_factor=lanes), ms / 1000
            ).delivery.age_p99_seconds
            for ms in fast
        }
        for stack, lanes in (("prod", 1), ("prod", 2), ("prod", 4))
    }
    lines(
        IMAGES / "capacity-slow.png",
        "A slow Activity table, at 10 million users",
        ("one call, ms", "iterator age in 99 of 100 batches, s"),
        series,
        ours=f"prod, {stack_settings('prod').parallelization_factor} lanes",
        limits={"prod's alarm": stack_settings("prod").iterator_age_alarm_seconds},
    )
    headings = [
        "one call",
        *(
            f"{stack}: {figure}"
            for stack in ("prod", "dev")
            for figure in ("iterator age, 99 of 100", "of what can be delivered", "too old")
        ),
        "register_user at a time, at prod's throttle",
    ]
    return _table(headings, rows)


def _limits() -> str:
    settings = stack_settings("prod")
    times = _times(settings)
    names = {use.limit: use.moved_by for use in limit_uses(TEN_MILLION, settings, times, FIGURES.limits)}
    met = {name: _met_at(name, settings, times) for name in names}
    ordered = sorted(names, key=lambda name: met[name] or float("inf"))
    rows = [
        [name, f"{rate:,.0f}" if (rate := met[name]) is not None else "never: it grows with the shards", names[name]]
        for name in ordered
    ]
    return _table(["limit", "met at registrations/s", "moved by"], rows)


def _met_at(limit: str, settings: CapacitySettings, times: ServiceTimes) -> float | None:
    """The rate at which a limit is met, by halving; None when a thousand times any quota doesn't meet it."""

    def share(rate: float) -> float:
        workload = Workload(users=10_000_000, registrations_per_second=rate, changes_per_user_per_month=0)
        return next(use.share for use in limit_uses(workload, settings, times, FIGURES.limits) if use.limit == limit)

    low, high = 0.001, 10_000_000.0
    if share(high) < 1:
        return None
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if share(middle) < 1 else (low, middle)
    return high


def _retries() -> str:
    prod = stack_settings("prod")
    times = _times(prod)
    shards = shards_of(TEN_MILLION, FIGURES.limits)
    rate = TEN_MILLION.records_per_second / shards
    rows: list[list[str]] = []
    for retries in RETRIES:
        settings = replace(prod, maximum_retry_attempts=retries)
        held = lane_seconds_per_crash(settings, times)
        seconds = 2 * OUTAGE_SECONDS
        outage = simulate_delivery(
            random_arrivals(rate, seconds),
            seconds=seconds,
            settings=settings,
            times=times,
            read_intervals=read_intervals(FIGURES.limits),
            records_per_read=int(FIGURES.limits.stream_records_per_read.value),
            outage=(60.0, 60.0 + OUTAGE_SECONDS),
        )
        share = shards * settings.parallelization_factor / held / TEN_MILLION.records_per_second
        rows.append(
            [
                str(retries),
                _seconds(held),
                f"{min(share, 1):.2%}",
                f"{outage.given_up * shards:,} of {round(rate * shards * OUTAGE_SECONDS):,}",
            ]
        )
    return _table(
        [
            "retries",
            "a crashing record holds its lane",
            "crashes that prod still delivers around, at 10 million users",
            "given up while Activity takes nothing for 10 minutes",
        ],
        rows,
    )


def _batches() -> str:
    prod = stack_settings("prod")
    chosen = (prod.batch_size, prod.batching_window_seconds, prod.parallelization_factor)
    variants = [
        (10, 1, 2), (100, 1, 2), (1000, 1, 2), (100, 0, 2), (100, 5, 2), (100, 1, 1), (100, 1, 4),
    ]  # fmt: skip
    rows: list[list[str]] = []
    for size, window, lanes in dict.fromkeys([chosen, *variants]):
        settings = replace(prod, batch_size=size, batching_window_seconds=window, parallelization_factor=lanes)
        report = _report(TEN_MILLION, settings)
        delivering = next(line for line in report.cost if line.item == "log_user_changes")
        slow = _times(settings, 2.9)
        rows.append(
            [
                f"{size}, {window} s, {lanes}" + (" (prod)" if (size, window, lanes) == chosen else ""),
                _seconds(report.delivery.age_median_seconds),
                f"{report.delivery.records_per_batch:.1f}",
                f"{delivering.dollars:,.2f}",
                f"{deliverable_per_second(report.shards, settings, _times(settings)):,.0f}",
                f"{deliverable_per_second(report.shards, settings, slow):,.0f}",
                _seconds(slow.of_batch(size)),
            ]
        )
    return _table(
        [
            "batch size, window, lanes",
            "iterator age, median",
            "records per batch",
            "log_user_changes, US dollars a month",
            "most records/s",
            "most records/s at calls of 2.9 s",
            "a full batch at calls of 2.9 s",
        ],
        rows,
    )


def _memory() -> str:
    prod = stack_settings("prod")
    rows: list[list[str]] = []
    for memory in (128, 256, 512, 1024, 1769):
        settings = replace(prod, api_memory_mb=memory, stream_memory_mb=memory)
        report, times = _report(TEN_MILLION, settings), _times(settings)
        dollars = {line.item: line.dollars for line in report.cost if line.service == "Lambda"}
        rows.append(
            [
                f"{memory} MB",
                f"{times.register * 1000:.1f} ms",
                f"{dollars['register_user, manage_users']:,.2f}",
                f"{times.of_batch(100) * 1000:.0f} ms",
                f"{dollars['log_user_changes']:,.2f}",
            ]
        )
    return _table(["memory", "a registration", "US dollars a month", "a batch of 100", "US dollars a month"], rows)


def _retention() -> str:
    rows: list[list[str]] = []
    for days in (30, 90, 365):
        settings = replace(stack_settings("prod"), log_retention_days=days, activity_retention_days=days)
        report = _report(TEN_MILLION, settings)
        dollars = {line.item: line.dollars for line in report.cost}
        rows.append(
            [
                f"{days} days",
                f"{dollars['logs kept']:,.2f}",
                f"{dollars['storage and recovery']:,.2f}",
                f"{report.dollars:,.2f}",
            ]
        )
    return _table(
        ["logs and history kept", "logs, US dollars a month", "tables, US dollars a month", "the whole bill"], rows
    )


SECTIONS: dict[str, Callable[[], str]] = {
    "sizes": _all_sizes,
    "poison": _poison,
    "slow": _slow,
    "limits": _limits,
    "retries": _retries,
    "batches": _batches,
    "memory": _memory,
    "retention": _retention,
}

if __name__ == "__main__":
    main()
