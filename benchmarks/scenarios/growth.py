"""Peak memory of the long works at growing sizes: flat, if nothing is kept of what is done."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from benchmarks.harness.paired import run_process
from benchmarks.report import plots
from benchmarks.report.goals import Goal, Outcome
from benchmarks.report.pages import IMAGES
from benchmarks.scenarios.growing_work import WORKS

SIZES = (10_000, 100_000, 1_000_000)


def measure() -> list[Outcome]:
    """The peak at the largest size over that at the smallest, each size in a fresh process."""
    # Several at a time, as no time is taken; the longest begin first.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        peak_of = {(name, size): pool.submit(_peak_mib, name, size) for size in reversed(SIZES) for name in WORKS}
    peaks: dict[str, dict[float, float]] = {
        name: {size: peak_of[name, size].result() for size in SIZES} for name in WORKS
    }
    plots.lines(
        IMAGES / "memory-growth.png",
        "Peak memory of a process that brings so many records through",
        ("records", "MiB at the peak"),
        peaks,
        ours="replay",
        logarithmic="x",
    )
    outcomes: list[Outcome] = []
    for name, by_size in peaks.items():
        growth = by_size[SIZES[-1]] / by_size[SIZES[0]]
        goal = Goal(figure=f"peak memory, {name} of 1,000,000", against="of 10,000", direction="most", bound=1.2)
        outcomes.append(Outcome(goal=goal, median=growth, smallest=growth, largest=growth))
    return outcomes


def _peak_mib(name: str, size: int) -> float:
    command = [sys.executable, "-m", "benchmarks.scenarios.growing_work", name, f"{size}"]
    return float(run_process(command, os.environ).output)
