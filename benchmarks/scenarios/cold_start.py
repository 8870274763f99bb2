"""Cold start and peak memory of register_user and log_user_changes."""

from collections.abc import Mapping, Sequence

from benchmarks.harness import peak_memory
from benchmarks.harness import starts as cold_start
from benchmarks.harness.contestants import BARE, FASTAPI, POWERTOOLS
from benchmarks.harness.paired import ProcessRun
from benchmarks.report import plots
from benchmarks.report.goals import Goal, Outcome, ratio_outcome
from benchmarks.report.pages import IMAGES

ROUNDS = 25


def measure() -> list[Outcome]:
    """Fresh processes, each contestant once a round; and each once more, kept running."""
    register, stream = cold_start.register(ROUNDS), cold_start.stream(ROUNDS)
    register_wall, stream_wall = _walls(register), _walls(stream)
    plots.bars(
        IMAGES / "cold-start-register.png",
        "Cold start: a fresh process until its first answer",
        "milliseconds, median of the rounds and their middle half",
        {name: [1000 * seconds for seconds in samples] for name, samples in register_wall.items()},
        ours="register_user",
    )
    plots.bars(
        IMAGES / "cold-start-log-user-changes.png",
        "Cold start of the stream's function: a fresh process until its first answer",
        "milliseconds, median of the rounds and their middle half",
        {name: [1000 * seconds for seconds in samples] for name, samples in stream_wall.items()},
        ours="log_user_changes",
    )
    outcomes = [
        ratio_outcome(Goal(figure="cold start, register", against=against, direction="most", bound=bound), walls, peer)
        for against, bound, walls, peer in (
            (f"{BARE} and one call", 1.1, register_wall, BARE),
            (POWERTOOLS, 0.6, register_wall, POWERTOOLS),
            (FASTAPI, 0.6, register_wall, FASTAPI),
        )
    ]
    figure = "cold start, log_user_changes"
    outcomes.append(
        ratio_outcome(
            Goal(figure=figure, against=f"{BARE} and one call", direction="most", bound=1.05), stream_wall, BARE
        )
    )
    for ours, measured, work in (
        ("register_user", peak_memory.register(), f"{peak_memory.REGISTRATIONS:,} registrations"),
        (
            "log_user_changes",
            peak_memory.stream(),
            f"{peak_memory.BATCHES:,} batches of {peak_memory.RECORDS_PER_BATCH}",
        ),
    ):
        peaks = {name: [mib] for name, mib in measured.items()}
        goal = Goal(figure=f"peak memory, {ours}", against=BARE, direction="most", bound=1.2)
        outcomes.append(ratio_outcome(goal, peaks, BARE))
        plots.bars(
            IMAGES / f"peak-memory-{ours.replace('_', '-')}.png",
            f"{ours}: peak memory in {work}",
            "MiB resident",
            peaks,
            ours=ours,
        )
    return outcomes


def _walls(runs: Mapping[str, Sequence[ProcessRun]]) -> dict[str, list[float]]:
    return {name: [run.wall for run in each] for name, each in runs.items()}
