"""Peak memory of handlers that have long been running: what waits for the garbage collector has gathered by then."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.harness.contestants import BARE, DUMPS, NODE, REGISTER, STREAM, Handler, running
from benchmarks.harness.events import REGISTER_EVENT, stream_event
from benchmarks.harness.starts import function_environment
from benchmarks.harness.throughput import NOWHERE

REGISTRATIONS = 10_000
BATCHES = 500
RECORDS_PER_BATCH = 100
"""A full batch, as deployed."""

CALLS_AT_ONCE = 100
"""The requests of so many are kept by the stub before it forgets them."""


def register() -> dict[str, float]:
    """MiB of each way to register, after so many registrations; Node's is left out, as it loads no SDK."""
    handlers = {name: handler for name, handler in REGISTER.items() if name != NODE}
    return _peaks({name: (handler, REGISTER_EVENT, REGISTRATIONS) for name, handler in handlers.items()})


def stream() -> dict[str, float]:
    """MiB of each that takes batches, after so many full ones, and of a bare client after as many calls as above."""
    batch = stream_event(RECORDS_PER_BATCH)
    handlers = {name: handler for name, handler in STREAM.items() if name != DUMPS}
    works = {name: (handler, batch, BATCHES) for name, handler in handlers.items()}
    return _peaks(works | {BARE: (REGISTER[BARE], REGISTER_EVENT, REGISTRATIONS)})


def _peaks(works: Mapping[str, tuple[Handler, object, int]]) -> dict[str, float]:
    # Several at a time, as no time is taken.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        peaks = {
            name: pool.submit(_peak_mib, handler, [event], calls) for name, (handler, event, calls) in works.items()
        }
        return {name: peak.result() for name, peak in peaks.items()}


def _peak_mib(handler: Handler, events: Sequence[object], calls: int) -> float:
    with running({"": handler}, function_environment(NOWHERE)) as contestants:
        contestant = contestants[""]
        contestant.effects(events)
        for _ in range(calls // CALLS_AT_ONCE):
            contestant.seconds_per_call(CALLS_AT_ONCE)
        return contestant.peak_mib()
