"""The capacity model's delivery beside the same delivery on a local stack, for docs/capacity.md.

    python -m benchmarks.scenarios.delivery_check

Each case runs on the stack. Then the simulation gets the same settings, the same arrivals, and the
durations of the invocations and reads, and its results are set beside the measured ones.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from statistics import fmean, linear_regression, median, quantiles
from typing import NamedTuple

from benchmarks.report import CAPACITY, measured_today, table, write_section
from benchmarks.scenarios.measured_delivery import CRASHING, LocalStream, MeasuredRun, local_stream, users_of_run
from capacity import arrivals
from capacity.simulated_delivery import SimulatedDelivery
from capacity.simulation import DeliverySimulation
from capacity.stack_settings import stack_settings
from capacity.workload import ServiceTimes

RECORDS_PER_READ = 1000
ROUNDS = 3


class Case(NamedTuple):
    """One delivery."""

    name: str
    records: int
    batch_size: int = 100
    window_seconds: int = 0
    lanes: int = 1  # the mapping's ParallelizationFactor
    retries: int = 2
    per_second: float | None = None
    """Mean rate of the writes; None if all records are written before the delivery begins."""
    crash_rate: float = 0.0
    """The share of records that crash the function."""


CASES = [
    Case("40 records/s, no window", 800, per_second=40),
    Case("40 records/s, window 1 s", 1600, per_second=40, window_seconds=1),
    Case("40 records/s, window 1 s, 2 lanes", 1600, per_second=40, window_seconds=1, lanes=2),
    Case("20 records/s one by one", 400, per_second=20, batch_size=1),
    Case("2 % crash, 1 retry, 2 lanes", 400, per_second=20, lanes=2, retries=1, crash_rate=0.02),
    Case("2,000 waiting, batches of 10", 2000, batch_size=10),
    Case("10,000 waiting, batches of 100", 10_000, batch_size=100),
    Case("10,000 waiting, batches of 100, 2 lanes", 10_000, batch_size=100, lanes=2),
]

Pair = tuple[float, float]  # measured and simulated


def main() -> None:
    """Run every case, and write the table into the page."""
    results: defaultdict[tuple[str, str], list[Pair]] = defaultdict(list)
    with local_stream() as stream:
        warm_up = stream.write_at_once(users_of_run("warm-up", 200))
        stream.deliver(stream.mapping, len(warm_up))
        # All cases in turn, then all again: a slow minute affects one round of each.
        for turn in range(ROUNDS):
            for number, case in enumerate(CASES):
                for result, pair in run_case(stream, case, f"{turn}-{number}").items():
                    results[case.name, result].append(pair)
    text = _table_and_summary(results)
    print(text)
    write_section(CAPACITY, "check", measured_today(text))


def run_case(stream: LocalStream, case: Case, name: str) -> dict[str, Pair]:
    """Deliver a case's records on the stack and in the simulation; return each result's pair."""
    settings = replace(
        stream.mapping,
        batch_size=case.batch_size,
        window_seconds=case.window_seconds,
        parallelization_factor=case.lanes,
        maximum_retry_attempts=case.retries,
    )
    users = users_of_run(f"run-{name}", case.records, crash_rate=case.crash_rate, seed=case.records)
    if case.per_second is None:
        written = stream.write_at_once(users)
        run = stream.deliver(settings, case.records, lambda: written)
    else:
        write = partial(stream.write_at_random, users, case.per_second, seed=case.records)
        run = stream.deliver(settings, case.records, write)
    simulated = simulate(run, case, 10 * run.seconds)
    delivered = sum(len(invocation.records) for invocation in run.invocations)
    results: dict[str, Pair] = {
        "invocations": (len(run.invocations), simulated.invocations),
        "records per batch": (delivered / len(run.invocations), simulated.records_per_batch),
    }
    if case.per_second is None:
        results["seconds until all is delivered"] = (run.seconds, simulated.last_settled_seconds)
    else:
        # Until the last write, because the last batch waits in its window in vain.
        end = max(run.written.values())
        ages = [it.sent - run.written_at(it.records[-1]) for it in run.invocations if it.sent <= end]
        busy = simulate(run, case, end - run.reads_began[0])
        results["iterator age, median, s"] = (median(ages), busy.age_median_seconds)
        results["iterator age, 9 of 10, s"] = (quantiles(ages, n=10, method="inclusive")[8], busy.age_p90_seconds)
    if case.crash_rate:
        results["given up"] = (run.given_up, simulated.given_up)
    return results


def simulate(run: MeasuredRun, case: Case, seconds: float) -> SimulatedDelivery:
    """Simulate so many seconds with a run's arrivals and durations."""
    records = [
        record._replace(
            written_at=run.written_at(record) - run.reads_began[0],
            body=arrivals.CRASHING if CRASHING.encode() in record.body else arrivals.GOOD,
        )
        for record in run.records()
    ]
    return DeliverySimulation(
        sorted(records, key=lambda record: record.written_at),
        settings=replace(
            stack_settings("local"),
            stream_batch_size=case.batch_size,
            stream_batching_window_seconds=case.window_seconds,
            stream_parallelization_factor=case.lanes,
            stream_maximum_retry_attempts=case.retries,
        ),
        times=_service_times(run),
        read_intervals=[later - earlier for earlier, later in pairwise(run.reads_began)],
        records_per_read=RECORDS_PER_READ,
    ).run(seconds)


def _service_times(run: MeasuredRun) -> ServiceTimes:
    batch, record = _line([(len(it.records), it.seconds) for it in run.invocations])
    read, read_record = _line(run.reads)
    spread = tuple(it.seconds / (batch + record * len(it.records)) for it in run.invocations)
    return ServiceTimes(register=0.0, batch=batch, record=record, read=read, read_record=read_record, spread=spread)


def _line(samples: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Return the regression line of seconds over sizes: its value at size 0, and its slope."""
    sizes, seconds = [float(size) for size, _ in samples], [duration for _, duration in samples]
    if len(set(sizes)) == 1:
        return fmean(seconds), 0.0
    slope, intercept = linear_regression(sizes, seconds)
    return max(intercept, min(seconds)), max(slope, 0.0)


def _table_and_summary(results: Mapping[tuple[str, str], Sequence[Pair]]) -> str:
    """Return the medians of all rounds, and the largest error of each result over the cases."""
    rows: list[list[str]] = []
    largest: dict[str, float] = {}
    previous = ""
    for (case, result), pairs in results.items():
        errors = [(simulated - measured) / measured for measured, simulated in pairs]
        measured, simulated = (f"{median(values):.3g}" for values in zip(*pairs, strict=True))
        spread = f"{median(errors):+.0%} ({min(errors):+.0%} to {max(errors):+.0%})"
        rows.append([case if case != previous else "", result, measured, simulated, spread])
        largest[result] = max(largest.get(result, 0.0), abs(median(errors)))
        previous = case
    shown = table(["case", "figure", "measured", "simulated", "error (least to most)"], rows)
    summary = "; ".join(f"{result} {error:.0%}" for result, error in largest.items())
    return f"{shown}\n\nThe medians of {ROUNDS} rounds. Largest errors: {summary}."


if __name__ == "__main__":
    main()
