"""The soak: many rounds of changes and faults in parallel. No change is lost or takes effect twice.

`make soak` runs it with 1,000,000 changes and prints a report. If a round fails, repeat it with
`make soak ARGS="--seed S --round K"`.
"""

import multiprocessing
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.support.delivery.delivery_soak import RECORDS_PER_ROUND, report, soak_round

RECORDS = 2 * RECORDS_PER_ROUND
"""A few seconds, as one of all tests."""


def test_no_change_is_lost_or_doubled(request: pytest.FixtureRequest) -> None:
    # Only a run of this directory defines the options, so `getoption` needs a default.
    records: int = request.config.getoption("--records", None) or RECORDS
    seed: int = request.config.getoption("--seed", None) or 1
    only: int | None = request.config.getoption("--round", None)
    numbers = range(-(-records // RECORDS_PER_ROUND)) if only is None else [only]
    begun = time.monotonic()
    total: Counter[str] = Counter()
    failed: list[str] = []
    # Spawned, because a fork of a process with threads can deadlock.
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        sizes = {number: min(RECORDS_PER_ROUND, records - number * RECORDS_PER_ROUND) for number in numbers}
        rounds = {number: pool.submit(soak_round, seed, number, size) for number, size in sizes.items()}
        for number, future in rounds.items():
            again = f'Again: make soak ARGS="--seed {seed} --round {number}"'
            try:
                counts = future.result()
            except AssertionError as error:
                pool.shutdown(cancel_futures=True)
                pytest.fail(f"round {number}: {error}\n{again}")
            if counts["lost"] or counts["doubled"]:
                failed.append(f"round {number}: {counts['lost']} lost, {counts['doubled']} doubled. {again}")
            total += counts
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{total['changes']:,} changes")
    print("", *report(total, time.monotonic() - begun), sep="\n")  # noqa: T201  the account, for `make soak`
    assert not failed, "\n".join(failed)
