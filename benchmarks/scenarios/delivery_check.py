"""The capacity model's delivery beside the same delivery on a local stack.

    python -m benchmarks.scenarios.delivery_check

Each case runs on the stack; then the simulation is given the same settings, the same arrivals, and how long the
invocations and reads took. What it makes of them is set beside what was measured, in docs/capacity.md.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import fmean, linear_regression, median, quantiles

from benchmarks.harness.paired import machine
from benchmarks.report.pages import DOCS, write_section
from benchmarks.scenarios.measured_delivery import (
    POISON,
    MeasuredRun,
    StreamUnderMeasure,
    first_seen,
    users_of_run,
)
from capacity import simulation as arrivals
from capacity.simulation import DeliveryFigures, simulate_delivery
from capacity.stack_settings import stack_settings
from capacity.workload import CapacitySettings, ServiceTimes
from delivery.records import StreamRecord
from local.temporary_stack import running_local_stack

RECORDS_PER_READ = 1000
ROUNDS = 3
PAGE = DOCS / "capacity.md"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One comparison.

    Attributes:
        name: in the table.
        records: so many.
        batch_size: of the mapping, as the next three.
        window_seconds: 0 for none.
        lanes: the parallelization factor.
        retries: 0 to 100.
        per_second: mean rate at which they are written; None: all of them lie there when delivery begins.
        poison_rate: of the records, those that crash the function.
    """

    name: str
    records: int
    batch_size: int = 100
    window_seconds: int = 0
    lanes: int = 1
    retries: int = 2
    per_second: float | None = None
    poison_rate: float = 0.0


CASES = [
    Case(name="40 records/s, no window", records=800, per_second=40),
    Case(name="40 records/s, window 1 s", records=1600, per_second=40, window_seconds=1),
    Case(name="40 records/s, window 1 s, 2 lanes", records=1600, per_second=40, window_seconds=1, lanes=2),
    Case(name="20 records/s one by one", records=400, per_second=20, batch_size=1),
    Case(name="2 % crash, 1 retry, 2 lanes", records=400, per_second=20, lanes=2, retries=1, poison_rate=0.02),
    Case(name="2,000 waiting, batches of 10", records=2000, batch_size=10),
    Case(name="10,000 waiting, batches of 100", records=10_000, batch_size=100),
    Case(name="10,000 waiting, batches of 100, 2 lanes", records=10_000, batch_size=100, lanes=2),
]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One figure of one case, round by round."""

    case: str
    figure: str
    measured: list[float]
    simulated: list[float]

    @property
    def errors(self) -> list[float]:
        """Of the simulation, as shares of what was measured."""
        return [
            (simulated - measured) / measured for measured, simulated in zip(self.measured, self.simulated, strict=True)
        ]


def main() -> None:
    """Run every case, and write the table into the page."""
    with tempfile.TemporaryDirectory(prefix="userstream-check-") as name, running_local_stack(Path(name)) as stack:
        stream = StreamUnderMeasure(stack)
        with stream.alone():
            warm = users_of_run("warm-up", 200)
            stream.deliver(stream.mapping, partial(stream.write_at_once, warm), len(warm))
            # All cases in turn, then all again: a slow minute of the machine meets one round of each.
            rounds = [
                _figures(stream, case, f"{turn}-{number}")
                for turn in range(ROUNDS)
                for number, case in enumerate(CASES)
            ]
    compared = [line for number, case in enumerate(CASES) for line in _compare(case, rounds[number :: len(CASES)])]
    table = f"{_table(compared)}\n\n{_summary(compared)}"
    print(table)
    write_section(PAGE, "check", f"Measured {datetime.now(UTC):%Y-%m-%d} on {machine()}.\n\n{table}")


def _compare(case: Case, rounds: Sequence[dict[str, tuple[float, float]]]) -> list[Compared]:
    return [
        Compared(
            case=case.name,
            figure=figure,
            measured=[found[figure][0] for found in rounds],
            simulated=[found[figure][1] for found in rounds],
        )
        for figure in rounds[0]
    ]


def _figures(stream: StreamUnderMeasure, case: Case, name: str) -> dict[str, tuple[float, float]]:
    """Run a case; return each figure as it was measured and as it is simulated."""
    settings = replace(
        stream.mapping,
        batch_size=case.batch_size,
        window_seconds=case.window_seconds,
        parallelization_factor=case.lanes,
        maximum_retry_attempts=case.retries,
    )
    users = users_of_run(f"run-{name}", case.records, poison_rate=case.poison_rate, seed=case.records)
    run = stream.deliver(settings, _writing(stream, case, users), case.records)
    simulated = _simulate(run, case, 10 * (run.ended - run.began))
    figures: dict[str, tuple[float, float]] = {
        "invocations": (len(run.invocations), simulated.invocations),
        "records per batch": (
            sum(len(invocation.records) for invocation in run.invocations) / len(run.invocations),
            simulated.records_per_batch,
        ),
    }
    if case.per_second is None:
        figures["seconds until all is delivered"] = (run.ended - run.began, simulated.last_settled_seconds)
    else:
        # Only while more is written: the very last batch waits for company that doesn't come.
        end = max(run.written.values())
        ages = [it.sent - _written(run, it.records[-1]) for it in run.invocations if it.sent <= end]
        busy = _simulate(run, case, end - run.began)
        figures |= {
            "iterator age, median, s": (median(ages), busy.age_median_seconds),
            "iterator age, 9 of 10, s": (quantiles(ages, n=10, method="inclusive")[8], busy.age_p90_seconds),
        }
    if case.poison_rate:
        figures["given up"] = (run.given_up, simulated.given_up)
    return figures


def _writing(stream: StreamUnderMeasure, case: Case, users: Sequence[str]) -> Callable[[], dict[str, float]]:
    if case.per_second is not None:
        return stream.write_at_random(users, case.per_second, seed=case.records)
    written = stream.write_at_once(users)
    return lambda: written


def _simulate(run: MeasuredRun, case: Case, seconds: float) -> DeliveryFigures:
    records = [
        StreamRecord(
            record.sequence_number,
            record.item,
            _written(run, record) - run.began,
            arrivals.POISON if POISON in record.body else arrivals.GOOD,
        )
        for record in first_seen(run.invocations)
    ]
    return simulate_delivery(
        sorted(records, key=lambda record: record.written_at),
        seconds=seconds,
        settings=_settings(case),
        times=service_times_of(run),
        read_intervals=run.read_intervals,
        records_per_read=RECORDS_PER_READ,
    )


def service_times_of(run: MeasuredRun) -> ServiceTimes:
    """What a run's invocations and reads took: so much each, so much more per record, and how far they spread."""
    batch, record = _line([(len(it.records), it.seconds) for it in run.invocations])
    read, read_record = _line(run.reads)
    spread = tuple(it.seconds / (batch + record * len(it.records)) for it in run.invocations)
    return ServiceTimes(register=0.0, batch=batch, record=record, read=read, read_record=read_record, spread=spread)


def _line(samples: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """The line through durations over sizes: at size 0, and per unit of size."""
    lengths, seconds = [float(length) for length, _ in samples], [duration for _, duration in samples]
    if len(set(lengths)) == 1:
        return fmean(seconds), 0.0
    slope, intercept = linear_regression(lengths, seconds)
    return max(intercept, min(seconds)), max(slope, 0.0)


def _settings(case: Case) -> CapacitySettings:
    return replace(
        stack_settings("local"),
        batch_size=case.batch_size,
        batching_window_seconds=case.window_seconds,
        parallelization_factor=case.lanes,
        maximum_retry_attempts=case.retries,
    )


def _written(run: MeasuredRun, record: StreamRecord) -> float:
    return run.written[record.item.split('"')[5]]


def _table(compared: Sequence[Compared]) -> str:
    lines = [
        "| case | figure | measured | simulated | error (least to most) |",
        "| --- | --- | --- | --- | --- |",
    ]
    case = ""
    for line in compared:
        shown = line.case if line.case != case else ""
        errors = line.errors
        spread = f"{median(errors):+.0%} ({min(errors):+.0%} to {max(errors):+.0%})"
        lines.append(
            f"| {shown} | {line.figure} | {median(line.measured):.3g} | {median(line.simulated):.3g} | {spread} |"
        )
        case = line.case
    return "\n".join(lines)


def _summary(compared: Sequence[Compared]) -> str:
    """The largest error of each figure, a case's being the middle one of its rounds."""
    largest: dict[str, float] = {}
    for line in compared:
        largest[line.figure] = max(largest.get(line.figure, 0.0), abs(median(line.errors)))
    errors = "; ".join(f"{figure} {error:.0%}" for figure, error in largest.items())
    return f"The middle ones of {ROUNDS} rounds. Largest errors: {errors}."


if __name__ == "__main__":
    main()
