"""Processor time per registration and per stream record, with AWS stubbed inside the process."""

from collections.abc import Mapping
from functools import partial
from statistics import median

from benchmarks import contestants, plots
from benchmarks.contestants import Contestant, Samples, all_running, in_turn, logged_and_kept
from benchmarks.events import REGISTER_EVENT, batches, stream_event
from benchmarks.report import IMAGES, Measurement, keep_service_times, ratios

REGISTER_ROUNDS = 15
REGISTRATIONS_PER_ROUND = 300

STREAM_ROUNDS = 9
BATCH_SIZES = (1, 10, 100, 1000)
RECORDS_PER_ROUND = 2001
"""A multiple of three, so that batches of one are as many inserts as updates and deletes."""


def measure_registrations() -> list[Measurement]:
    """Measure every contestant that answers requests."""
    with all_running(contestants.REGISTER) as processes:
        effects = {name: process.effects([REGISTER_EVENT])[0] for name, process in processes.items()}
        contestants.require_same_work({name: contestants.registration(each) for name, each in effects.items()})
        seconds = _seconds_per_call(processes, REGISTRATIONS_PER_ROUND, REGISTER_ROUNDS)
    keep_service_times(register_compute_ms=1000 * median(seconds[contestants.REGISTER_USER]))
    plots.bars(
        IMAGES / "warm-register.png",
        "One warm registration, AWS stubbed in process",
        "microseconds of processor time, median of the rounds and their middle half",
        {name: [1_000_000 * each for each in samples] for name, samples in seconds.items() if name != contestants.NODE},
        ours=contestants.REGISTER_USER,
    )
    bounds = {contestants.PLAIN: 1.3, contestants.POWERTOOLS: 1.0, contestants.FASTAPI: 1.0, contestants.CHALICE: 1.0}
    return [
        Measurement("warm register", peer, "at most", bound, ratios(seconds, peer)) for peer, bound in bounds.items()
    ]


def measure_stream() -> list[Measurement]:
    """Measure log_user_changes at growing batch sizes, without Activity and with it."""
    with all_running(contestants.STREAM_WITHOUT_ACTIVITY, WRITE_ACTIVITY="false") as processes:
        without = {size: _seconds_per_record(processes, size) for size in BATCH_SIZES}
    with all_running(contestants.STREAM) as processes:
        with_activity = {size: _seconds_per_record(processes, size) for size in BATCH_SIZES}
        calls = len(processes[contestants.LOG_USER_CHANGES].effects([stream_event(100)])[0]["requests"]) / 100
    record = median(with_activity[BATCH_SIZES[-1]][contestants.LOG_USER_CHANGES])
    first_record = median(with_activity[1][contestants.LOG_USER_CHANGES])
    keep_service_times(batch_compute_ms=1000 * max(first_record - record, 0.0), record_compute_ms=1000 * record)
    return [
        *_stream_rows("without", without),
        *_stream_rows("with", with_activity),
        Measurement("AWS calls per record, batch 100", "1 per record", "at most", 0.05, [calls], "calls"),
    ]


def _seconds_per_record(processes: Mapping[str, Contestant], size: int) -> Samples:
    events = batches(size)
    effects = {name: process.effects(events) for name, process in processes.items()}
    contestants.require_same_work(
        {name: list(map(logged_and_kept, each)) for name, each in effects.items() if name != contestants.DUMPS}
    )
    per_call = _seconds_per_call(processes, max(1, RECORDS_PER_ROUND // size), STREAM_ROUNDS)
    return {name: [seconds / size for seconds in samples] for name, samples in per_call.items()}


def _seconds_per_call(processes: Mapping[str, Contestant], calls: int, rounds: int) -> Samples:
    return in_turn({name: partial(each.seconds_per_call, calls) for name, each in processes.items()}, rounds=rounds)


def _stream_rows(with_or_without: str, results: Mapping[int, Samples]) -> list[Measurement]:
    """Draw the plot, and return the rows of the table."""
    plots.lines(
        IMAGES / f"stream-{with_or_without}-activity.png",
        f"log_user_changes {with_or_without} Activity, AWS stubbed in process",
        ("records in a batch", "records per second of processor time"),
        {
            name: {size: 1 / median(seconds[name]) for size, seconds in results.items()}
            for name in (contestants.LOG_USER_CHANGES, contestants.POWERTOOLS, contestants.DUMPS, contestants.NODE)
            if name in results[1]
        },
        ours=contestants.LOG_USER_CHANGES,
    )
    rows: list[Measurement] = []
    for size, seconds in results.items():
        speeds = {name: [1 / each for each in samples] for name, samples in seconds.items()}
        name = f"records/s, batch {size:,}, {with_or_without} Activity"
        rows += [
            Measurement(name, peer, "at least", bound, ratios(speeds, peer))
            for peer, bound in ((contestants.POWERTOOLS, 5.0), (contestants.DUMPS, 0.5))
        ]
    return rows
