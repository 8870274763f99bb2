"""What each setting of the delivery, the memory and the retention does at 10 million users, for docs/capacity.md."""

from dataclasses import replace

from benchmarks.scenarios.capacity_model import FIGURES, TEN_MILLION, report_on, seconds_text, table, times_on
from capacity.limits import deliverable_per_second, lane_seconds_per_crash, shards_of
from capacity.report import read_intervals
from capacity.simulation import random_arrivals, simulate_delivery
from capacity.stack_settings import stack_settings

RETRIES = (1, 3, 5, 10, 20)
OUTAGE_SECONDS = 600.0


def retries() -> str:
    """A crash holds a lane for so long, and an outage costs so many records."""
    prod = stack_settings("prod")
    times = times_on(prod)
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
                seconds_text(held),
                f"{min(share, 1):.2%}",
                f"{outage.given_up * shards:,} of {round(rate * shards * OUTAGE_SECONDS):,}",
            ]
        )
    return table(
        [
            "retries",
            "a crashing record holds its lane",
            "crashes that prod still delivers around, at 10 million users",
            "given up while Activity takes nothing for 10 minutes",
        ],
        rows,
    )


def batches() -> str:
    """Batch size, window and lanes: age, price, and what they carry."""
    prod = stack_settings("prod")
    chosen = (prod.batch_size, prod.batching_window_seconds, prod.parallelization_factor)
    variants = [
        (10, 1, 2), (100, 1, 2), (1000, 1, 2), (100, 0, 2), (100, 5, 2), (100, 1, 1), (100, 1, 4),
    ]  # fmt: skip
    rows: list[list[str]] = []
    for size, window, lanes in dict.fromkeys([chosen, *variants]):
        settings = replace(prod, batch_size=size, batching_window_seconds=window, parallelization_factor=lanes)
        report = report_on(TEN_MILLION, settings)
        delivering = next(line for line in report.cost if line.item == "log_user_changes")
        slow = times_on(settings, 2.9)
        rows.append(
            [
                f"{size}, {window} s, {lanes}" + (" (prod)" if (size, window, lanes) == chosen else ""),
                seconds_text(report.delivery.age_median_seconds),
                f"{report.delivery.records_per_batch:.1f}",
                f"{delivering.dollars:,.2f}",
                f"{deliverable_per_second(report.shards, settings, times_on(settings)):,.0f}",
                f"{deliverable_per_second(report.shards, settings, slow):,.0f}",
                seconds_text(slow.of_batch(size)),
            ]
        )
    return table(
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


def memory() -> str:
    """Time and price."""
    prod = stack_settings("prod")
    rows: list[list[str]] = []
    for memory in (128, 256, 512, 1024, 1769):
        settings = replace(prod, api_memory_mb=memory, stream_memory_mb=memory)
        report, times = report_on(TEN_MILLION, settings), times_on(settings)
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
    return table(["memory", "a registration", "US dollars a month", "a batch of 100", "US dollars a month"], rows)


def retention() -> str:
    """Logs and history."""
    rows: list[list[str]] = []
    for days in (30, 90, 365):
        settings = replace(stack_settings("prod"), log_retention_days=days, activity_retention_days=days)
        report = report_on(TEN_MILLION, settings)
        dollars = {line.item: line.dollars for line in report.cost}
        rows.append(
            [
                f"{days} days",
                f"{dollars['logs kept']:,.2f}",
                f"{dollars['storage and recovery']:,.2f}",
                f"{report.dollars:,.2f}",
            ]
        )
    return table(
        ["logs and history kept", "logs, US dollars a month", "tables, US dollars a month", "the whole bill"], rows
    )
