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
from benchmarks.contestants import (
    BARE,
    LOG_USER_CHANGES,
    POWERTOOLS,
    REGISTER_USER,
    STREAM,
    ColdStart,
    Samples,
    in_turn,
    started,
)
from benchmarks.events import REGISTER_EVENT, stream_event
from benchmarks.report import IMAGES, Goal, Measurement, ratios
from infra.naming import PROJECT_ROOT
from infra.packaging.zip import package_bytes

ROUNDS = 25
REGISTRATIONS, BATCHES, RECORDS_PER_BATCH = 10_000, 500, 100
CALLS_PER_REQUEST = 100
"""The stub keeps the requests of so many calls before it discards them."""

Work = tuple[str, object, int]
"""A handler, an event, and the number of calls with it."""


def measure_starts_and_memory() -> list[Measurement]:
    """Measure cold starts in turn, then peak memory."""
    registering = contestants.REGISTER | contestants.BARE_CLIENT
    created = {"statusCode": 201}
    nothing_failed: Mapping[str, object] = {"batchItemFailures": []}
    register_starts = {name: ColdStart(handler, "TransactWriteItems", created) for name, handler in registering.items()}
    stream_starts = {
        LOG_USER_CHANGES: ColdStart(STREAM[LOG_USER_CHANGES], "BatchWriteItem", nothing_failed),
        POWERTOOLS: ColdStart(STREAM[POWERTOOLS], "PutItem", nothing_failed),
        BARE: register_starts[BARE],
    }
    register = _cold_starts(register_starts, REGISTER_EVENT, "Cold start", REGISTER_USER, "register")
    title = "Cold start of the stream's function"
    stream = _cold_starts(stream_starts, stream_event(1), title, LOG_USER_CHANGES, "log-user-changes")

    register_works: dict[str, Work] = {
        name: (handler, REGISTER_EVENT, REGISTRATIONS)
        for name, handler in registering.items()
        if name != contestants.NODE  # It has no SDK, so its memory says nothing.
    }
    batch = stream_event(RECORDS_PER_BATCH)
    stream_works: dict[str, Work] = {
        LOG_USER_CHANGES: (STREAM[LOG_USER_CHANGES], batch, BATCHES),
        POWERTOOLS: (STREAM[POWERTOOLS], batch, BATCHES),
        BARE: register_works[BARE],
    }
    register_mib = _peaks(register_works, REGISTER_USER, f"{REGISTRATIONS:,} registrations")
    stream_mib = _peaks(stream_works, LOG_USER_CHANGES, f"{BATCHES:,} batches of {RECORDS_PER_BATCH}")

    bare, name = f"{BARE} and one call", "cold start, register"
    return [
        Measurement(name, bare, Goal("most", 1.1), ratios(register, BARE)),
        Measurement(name, POWERTOOLS, Goal("most", 0.6), ratios(register, POWERTOOLS)),
        Measurement(name, contestants.FASTAPI, Goal("most", 0.6), ratios(register, contestants.FASTAPI)),
        Measurement("cold start, log_user_changes", bare, Goal("most", 1.05), ratios(stream, BARE)),
        Measurement("peak memory, register_user", BARE, Goal("most", 1.2), ratios(register_mib, BARE)),
        Measurement("peak memory, log_user_changes", BARE, Goal("most", 1.2), ratios(stream_mib, BARE)),
    ]


def _cold_starts(starts: Mapping[str, ColdStart], event: object, title: str, ours: str, image: str) -> Samples:
    with running_stub() as stub:
        seconds = in_turn({name: partial(start.seconds, event, stub) for name, start in starts.items()}, rounds=ROUNDS)
    plots.bars(
        IMAGES / f"cold-start-{image}.png",
        f"{title}: a fresh process until its first answer",
        "milliseconds, median of the rounds and their middle half",
        {contestant: [1000 * each for each in samples] for contestant, samples in seconds.items()},
        ours=ours,
    )
    return seconds


def _peaks(works: Mapping[str, Work], ours: str, shown: str) -> Samples:
    # Several at a time, because no time is measured.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        peaks = {name: pool.submit(_peak_mib, *work) for name, work in works.items()}
    mib = {name: [peak.result()] for name, peak in peaks.items()}
    path = IMAGES / f"peak-memory-{ours.replace('_', '-')}.png"
    plots.bars(path, f"{ours}: peak memory in {shown}", "MiB resident", mib, ours=ours)
    return mib


def _peak_mib(handler: str, event: object, calls: int) -> float:
    with started(handler) as contestant:
        contestant.effects([event])
        for _ in range(calls // CALLS_PER_REQUEST):
            contestant.seconds_per_call(CALLS_PER_REQUEST)
        return contestant.peak_mib()


def measure_packages() -> list[Measurement]:
    """Build each function's zip for the Lambda platform, and return its MiB."""
    names = sorted(handler.parent.name for handler in (PROJECT_ROOT / "functions").glob("*/handler.py"))
    goal = Goal("most", 4, "MiB")
    return [Measurement(f"zip, {name}", "", goal, [len(package_bytes(name, "lambda")) / 2**20]) for name in names]
