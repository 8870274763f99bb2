"""Cold start, peak memory and package size of the functions, the first two beside their peers.

A cold start is a new process until its first answer. Peak memory is that of a process that has
answered many calls, because garbage in reference cycles has accumulated by then.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median

from benchmarks import contestants, plots
from benchmarks.aws_stub import AwsStub, running_stub
from benchmarks.contestants import (
    BARE,
    POWERTOOLS,
    Contestant,
    Samples,
    all_running,
    cold_start_seconds,
    in_turn,
    logged_and_kept,
    started,
)
from benchmarks.events import REGISTER_EVENT, batches, stream_event
from benchmarks.report import IMAGES, Measurement, keep_service_times, ratios
from infra.naming import PROJECT_ROOT
from infra.packaging import package_bytes

ROUNDS = 25
REGISTRATIONS, BATCHES, RECORDS_PER_BATCH = 10_000, 500, 100


def measure_starts_and_memory() -> list[Measurement]:
    """Measure cold starts in turn, then peak memory."""
    registering = contestants.REGISTER | contestants.BARE_CLIENT
    streaming = {name: contestants.STREAM[name] for name in (contestants.LOG_USER_CHANGES, POWERTOOLS)}
    with running_stub() as stub:
        registration = partial(
            cold_start_seconds,
            event=REGISTER_EVENT,
            stub=stub,
            calls=["TransactWriteItems"],
            expected={"statusCode": 201},
        )
        batch = partial(cold_start_seconds, event=stream_event(1), stub=stub, expected={"batchItemFailures": []})
        starts = {name: partial(registration, handler) for name, handler in registering.items()}
        register = in_turn(starts, rounds=ROUNDS)
        calls = {contestants.LOG_USER_CHANGES: ["BatchGetItem", "BatchWriteItem"], POWERTOOLS: ["PutItem"]}
        stream_starts = {name: partial(batch, streaming[name], calls=made) for name, made in calls.items()}
        stream = in_turn(stream_starts | {BARE: starts[BARE]}, rounds=ROUNDS)
    _plot_starts(register, "Cold start", contestants.REGISTER_USER, "register")
    _plot_starts(stream, "Cold start of the stream's function", contestants.LOG_USER_CHANGES, "log-user-changes")

    registering.pop(contestants.NODE, None)  # It has no SDK, so its memory says nothing.
    register_mib = _peaks_mib(registering, REGISTER_EVENT, REGISTRATIONS)
    stream_mib = _peaks_mib(streaming, stream_event(RECORDS_PER_BATCH), BATCHES) | {BARE: register_mib[BARE]}
    _plot_memory(register_mib, contestants.REGISTER_USER, f"{REGISTRATIONS:,} registrations")
    _plot_memory(stream_mib, contestants.LOG_USER_CHANGES, f"{BATCHES:,} batches of {RECORDS_PER_BATCH}")

    bare, name = f"{BARE} and one call", "cold start, register"
    return [
        Measurement(name, bare, "at most", 0.45, ratios(register, BARE)),
        Measurement(name, POWERTOOLS, "at most", 0.3, ratios(register, POWERTOOLS)),
        Measurement(name, contestants.FASTAPI, "at most", 0.25, ratios(register, contestants.FASTAPI)),
        Measurement("cold start, log_user_changes", bare, "at most", 0.4, ratios(stream, BARE)),
        Measurement("peak memory, register_user", BARE, "at most", 0.75, ratios(register_mib, BARE)),
        Measurement("peak memory, log_user_changes", BARE, "at most", 0.75, ratios(stream_mib, BARE)),
    ]


def _plot_starts(seconds: Samples, title: str, ours: str, image: str) -> None:
    plots.bars(
        IMAGES / f"cold-start-{image}.png",
        f"{title}: a fresh process until its first answer",
        "milliseconds, median of the rounds and their middle half",
        {contestant: [1000 * each for each in samples] for contestant, samples in seconds.items()},
        ours=ours,
    )


def _peaks_mib(handlers: Mapping[str, str], event: object, calls: int) -> Samples:
    # Several at a time, because no time is measured.
    with running_stub() as stub, ThreadPoolExecutor(os.cpu_count()) as pool:
        peaks = {name: pool.submit(_peak_mib, handler, event, calls, stub) for name, handler in handlers.items()}
    return {name: [peak.result()] for name, peak in peaks.items()}


def _peak_mib(handler: str, event: object, calls: int, stub: AwsStub) -> float:
    # Over a connection: a stub inside the process would bring modules that the function doesn't.
    with started(handler, endpoint_url=stub.url) as contestant:
        contestant.effects([event])
        contestant.seconds_per_call(calls)
        return contestant.peak_mib()


def _plot_memory(mib: Samples, ours: str, calls: str) -> None:
    path = IMAGES / f"peak-memory-{ours.replace('_', '-')}.png"
    plots.bars(path, f"{ours}: peak memory in {calls}", "MiB resident", mib, ours=ours)


def measure_packages() -> list[Measurement]:
    """Build each function's zip for the Lambda platform, and return its MiB."""
    names = sorted(handler.parent.name for handler in (PROJECT_ROOT / "functions").glob("*/handler.py"))
    sizes = {name: len(package_bytes(name, "lambda")) / 2**20 for name in names}
    return [Measurement(f"zip, {name}", "", "at most", 4, [size], "MiB") for name, size in sizes.items()]


# Processor time per registration and per stream record, with AWS stubbed inside the process.

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
            for peer, bound in (
                (contestants.POWERTOOLS, 3.0 if (size, with_or_without) == (1, "with") else 5.0),
                (contestants.DUMPS, 0.5),
            )
        ]
    return rows
