"""The poller and the long works on a running local stack, beside calls made by hand and for one record at a time."""

import tempfile
from pathlib import Path

from benchmarks.report.goals import Goal, Outcome, ratio_outcome
from benchmarks.scenarios.local_work import LocalWork
from benchmarks.scenarios.measured_delivery import StreamUnderMeasure
from local.temporary_stack import running_local_stack

ROUNDS = 3
RECORDS = 5_000
"""For the long works: what a command does once, such as to wait for silence, is little beside it."""


def measure() -> list[Outcome]:
    """On one stack, one after the other."""
    with tempfile.TemporaryDirectory(prefix="userstream-bench-") as name, running_local_stack(Path(name)) as stack:
        stream = StreamUnderMeasure(stack)
        work = LocalWork(stack, stream, Path(name))
        with stream.alone():
            poller, records = work.poller(ROUNDS)
            records = records[-RECORDS:]
            works = {"rescue": work.rescue(records, ROUNDS), "replay": work.replay(records, ROUNDS)}
            # Last, as it removes the users of the others.
            works["backfill"] = work.backfill(ROUNDS)
    overhead = Goal(figure="local poller, seconds per batch", against="invoked by hand", direction="most", bound=1.2)
    return [
        *(
            ratio_outcome(
                Goal(figure=f"records/s, {name}", against="one call per record", direction="least", bound=10),
                speeds,
                "one by one",
            )
            for name, speeds in works.items()
        ),
        ratio_outcome(overhead, poller, "by hand"),
    ]
