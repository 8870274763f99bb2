"""Cold start and peak memory of register_user and log_user_changes."""

from collections.abc import Mapping, Sequence

from benchmarks import cold_start, plots
from benchmarks.goals import Goal, Outcome, ratio_outcome
from benchmarks.page import IMAGES
from benchmarks.paired import ProcessRun

ROUNDS = 15
BARE = "bare boto3 client"


def measure() -> list[Outcome]:
    """Fresh processes, each contestant once a round."""
    register, stream = cold_start.register(ROUNDS), cold_start.stream(ROUNDS)
    register_wall, stream_wall = _walls(register), _walls(stream)
    plots.bars(
        IMAGES / "cold-start-register.png",
        "Cold start: a fresh process until its first answer",
        "milliseconds, median of the rounds and their middle half",
        {name: [1000 * seconds for seconds in samples] for name, samples in register_wall.items()},
        ours="register_user",
    )
    outcomes = [
        ratio_outcome(Goal(figure="cold start, register", against=against, direction="most", bound=bound), walls, peer)
        for against, bound, walls, peer in (
            (f"{BARE} and one call", 1.1, register_wall, BARE),
            ("Powertools", 0.6, register_wall, "Powertools"),
            ("FastAPI + Mangum", 0.6, register_wall, "FastAPI + Mangum"),
        )
    ]
    figure = "cold start, log_user_changes"
    outcomes.append(
        ratio_outcome(
            Goal(figure=figure, against=f"{BARE} and one call", direction="most", bound=1.05), stream_wall, BARE
        )
    )
    for runs in (register, stream):
        peaks = {name: _peaks(each) for name, each in runs.items() if name != "plain Node"}
        goal = Goal(figure=f"peak memory, {next(iter(runs))}", against=BARE, direction="most", bound=1.2)
        outcomes.append(ratio_outcome(goal, peaks, BARE))
    return outcomes


def _walls(runs: Mapping[str, Sequence[ProcessRun]]) -> dict[str, list[float]]:
    return {name: [run.wall for run in each] for name, each in runs.items()}


def _peaks(runs: Sequence[ProcessRun]) -> list[float]:
    return [float(run.output.split()[-1]) for run in runs]
