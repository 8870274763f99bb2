"""Tables and plots of docs/capacity.md, from the capacity model: `python -m benchmarks.scenarios.capacity_tables`."""

from collections.abc import Callable
from dataclasses import replace

from benchmarks.report.pages import DOCS, IMAGES, write_section
from benchmarks.report.plots import lines
from benchmarks.scenarios import capacity_settings
from benchmarks.scenarios.capacity_model import FIGURES, TEN_MILLION, report_on, seconds_text, table, times_on
from capacity.limits import limit_uses
from capacity.report import CapacityReport
from capacity.stack_settings import stack_settings
from capacity.workload import CapacitySettings, ServiceTimes, Workload

PAGE = DOCS / "capacity.md"
TEN = Workload(users=10, registrations_per_second=0.001)
TEN_THOUSAND = Workload(users=10_000, registrations_per_second=0.1)
SIZES = {"10 users": TEN, "10 thousand users": TEN_THOUSAND, "10 million users": TEN_MILLION}

POISON_RATES = (0.0, 0.0001, 0.001, 0.01, 0.05)
CALL_MS = (5, 50, 200, 1000, 2900)


def main() -> None:
    """Write every section and every plot."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, section in SECTIONS.items():
        write_section(PAGE, name, section())
        print(f"{PAGE}: {name}", flush=True)


def _until(report: CapacityReport) -> str:
    return "never" if report.hours_until_given_up is None else f"after {report.hours_until_given_up:,.1f} h"


def _first(report: CapacityReport) -> str:
    first = report.limits[0]
    return f"{first.limit}, at {_factor(1 / first.share)} x the load"


def _factor(factor: float) -> str:
    return f"{factor:,.0f}" if factor >= 100 else f"{factor:.2g}"  # noqa: PLR2004  three digits say enough


def _sizes(stack: str) -> str:
    reports = [report_on(workload, stack_settings(stack)) for workload in SIZES.values()]
    lines_: dict[str, Callable[[CapacityReport], str]] = {
        "shards": lambda it: str(it.shards),
        "iterator age, median": lambda it: seconds_text(it.delivery.age_median_seconds),
        "iterator age, 99 of 100 batches": lambda it: seconds_text(it.delivery.age_p99_seconds),
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
    return table([f"{stack}, at the busiest time", *SIZES], rows)


def _cost_plot() -> None:
    series: dict[str, dict[float, float]] = {}
    settings = stack_settings("prod")
    for exponent in range(1, 9):
        users = 10**exponent
        # Registrations per user as at 10 million; each size has the same habits.
        report = report_on(Workload(users=users, registrations_per_second=users * 2e-6), settings)
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
            report = report_on(replace(TEN_MILLION, poison_rate=rate), stack_settings(stack))
            cells += [seconds_text(report.delivery.age_p99_seconds), f"{report.failed_per_day:,.0f}", _until(report)]
        rows.append(cells)
    series = {
        f"{retries} retries": {
            rate * 100: report_on(
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
    return table(headings, rows)


def _slow() -> str:
    rows: list[list[str]] = []
    for call_ms in CALL_MS:
        cells = [f"{call_ms} ms"]
        for stack in ("prod", "dev"):
            settings = stack_settings(stack)
            report = report_on(TEN_MILLION, settings, call_ms / 1000)
            delivery = next(use for use in report.limits if use.limit == "delivery of the stream")
            cells += [seconds_text(report.delivery.age_p99_seconds), f"{delivery.share:.1%}", _until(report)]
        at_throttle = (
            stack_settings("prod").throttle_rate_per_second * times_on(stack_settings("prod"), call_ms / 1000).register
        )
        rows.append([*cells, f"{at_throttle:,.0f}"])
    fast = (5.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2900.0)
    series = {
        f"{stack}, {lanes} lane{'s' if lanes > 1 else ''}": {
            ms: report_on(
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
    return table(headings, rows)


def _limits() -> str:
    settings = stack_settings("prod")
    times = times_on(settings)
    uses = limit_uses(TEN_MILLION, settings, times, FIGURES.limits)
    # Registrations alone don't use it.
    names = {use.limit: use.moved_by for use in uses if use.limit != "manage_users at a time"}
    met = {name: _met_at(name, settings, times) for name in names}
    ordered = sorted(names, key=lambda name: met[name] or float("inf"))
    rows = [
        [name, f"{rate:,.0f}" if (rate := met[name]) is not None else "never: it grows with the shards", names[name]]
        for name in ordered
    ]
    return table(["limit", "met at registrations/s", "moved by"], rows)


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


SECTIONS: dict[str, Callable[[], str]] = {
    "sizes": _all_sizes,
    "poison": _poison,
    "slow": _slow,
    "limits": _limits,
    "retries": capacity_settings.retries,
    "batches": capacity_settings.batches,
    "memory": capacity_settings.memory,
    "retention": capacity_settings.retention,
}

if __name__ == "__main__":
    main()
