"""Cold start, peak memory and package size of the functions, the first two beside their peers.

A cold start is a new process until its first answer. Peak memory is that of a process that has
answered many calls, because garbage in reference cycles has accumulated by then.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from benchmarks import contestants, plots
from benchmarks.aws_stub import running_stub
from benchmarks.contestants import BARE, POWERTOOLS, Samples, cold_start_seconds, in_turn, started
from benchmarks.events import REGISTER_EVENT, stream_event
from benchmarks.report import IMAGES, Measurement, ratios
from infra.naming import PROJECT_ROOT
from infra.packaging.zip import package_bytes

ROUNDS = 25
REGISTRATIONS, BATCHES, RECORDS_PER_BATCH = 10_000, 500, 100
CALLS_PER_REQUEST = 100
"""The stub keeps the requests of so many calls before it discards them."""


def measure_starts_and_memory() -> list[Measurement]:
    """Measure cold starts in turn, then peak memory."""
    registering = contestants.REGISTER | contestants.BARE_CLIENT
    streaming = {name: contestants.STREAM[name] for name in (contestants.LOG_USER_CHANGES, POWERTOOLS)}
    with running_stub() as stub:
        registration = partial(
            cold_start_seconds, event=REGISTER_EVENT, stub=stub, call="TransactWriteItems", expected={"statusCode": 201}
        )
        batch = partial(cold_start_seconds, event=stream_event(1), stub=stub, expected={"batchItemFailures": []})
        starts = {name: partial(registration, handler) for name, handler in registering.items()}
        register = in_turn(starts, rounds=ROUNDS)
        calls = {contestants.LOG_USER_CHANGES: "BatchWriteItem", POWERTOOLS: "PutItem"}
        stream_starts = {name: partial(batch, streaming[name], call=call) for name, call in calls.items()}
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
        Measurement(name, bare, "at most", 1.1, ratios(register, BARE)),
        Measurement(name, POWERTOOLS, "at most", 0.6, ratios(register, POWERTOOLS)),
        Measurement(name, contestants.FASTAPI, "at most", 0.6, ratios(register, contestants.FASTAPI)),
        Measurement("cold start, log_user_changes", bare, "at most", 1.05, ratios(stream, BARE)),
        Measurement("peak memory, register_user", BARE, "at most", 1.2, ratios(register_mib, BARE)),
        Measurement("peak memory, log_user_changes", BARE, "at most", 1.2, ratios(stream_mib, BARE)),
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
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        peaks = {name: pool.submit(_peak_mib, handler, event, calls) for name, handler in handlers.items()}
    return {name: [peak.result()] for name, peak in peaks.items()}


def _peak_mib(handler: str, event: object, calls: int) -> float:
    with started(handler) as contestant:
        contestant.effects([event])
        for _ in range(calls // CALLS_PER_REQUEST):
            contestant.seconds_per_call(CALLS_PER_REQUEST)
        return contestant.peak_mib()


def _plot_memory(mib: Samples, ours: str, calls: str) -> None:
    path = IMAGES / f"peak-memory-{ours.replace('_', '-')}.png"
    plots.bars(path, f"{ours}: peak memory in {calls}", "MiB resident", mib, ours=ours)


def measure_packages() -> list[Measurement]:
    """Build each function's zip for the Lambda platform, and return its MiB."""
    names = sorted(handler.parent.name for handler in (PROJECT_ROOT / "functions").glob("*/handler.py"))
    sizes = {name: len(package_bytes(name, "lambda")) / 2**20 for name in names}
    return [Measurement(f"zip, {name}", "", "at most", 4, [size], "MiB") for name, size in sizes.items()]
