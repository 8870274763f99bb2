"""Warm registrations beside every peer."""

from statistics import median

from benchmarks.harness import throughput
from benchmarks.harness.contestants import CHALICE, FASTAPI, NODE, PLAIN, POWERTOOLS
from benchmarks.report import plots
from benchmarks.report.goals import Goal, Outcome, ratio_outcome
from benchmarks.report.pages import IMAGES
from benchmarks.report.service_times import remember

ROUNDS = 15


def measure() -> list[Outcome]:
    """Processor time per call, AWS stubbed in process."""
    seconds = throughput.warm_register(ROUNDS)
    plots.bars(
        IMAGES / "warm-register.png",
        "One warm registration, AWS stubbed in process",
        "microseconds of processor time, median of the rounds and their middle half",
        {name: [1_000_000 * each for each in samples] for name, samples in seconds.items() if name != NODE},
        ours="register_user",
    )
    remember(register_compute_ms=1000 * median(seconds["register_user"]))
    figure = "warm register"
    return [
        ratio_outcome(Goal(figure=figure, against=PLAIN, direction="most", bound=1.3), seconds, PLAIN),
        *(
            ratio_outcome(Goal(figure=figure, against=peer, direction="most", bound=1.0), seconds, peer)
            for peer in (POWERTOOLS, FASTAPI, CHALICE)
        ),
    ]
