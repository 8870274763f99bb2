"""log_user_changes at growing batches, with and without Activity."""

from statistics import median

from benchmarks.harness import throughput
from benchmarks.harness.contestants import DUMPS, NODE, POWERTOOLS
from benchmarks.report import plots
from benchmarks.report.goals import Goal, Outcome, ratio_outcome
from benchmarks.report.pages import IMAGES
from benchmarks.report.service_times import remember

ROUNDS = 9
OURS = "log_user_changes"


def measure() -> list[Outcome]:
    """Processor time per record, AWS stubbed in process."""
    results = throughput.stream_records(ROUNDS)
    outcomes: list[Outcome] = []
    for (size, with_activity), seconds in results.items():
        figure = f"records/s, batch {size:,}, {'with' if with_activity else 'without'} Activity"
        speeds = {name: [1 / each for each in samples] for name, samples in seconds.items()}
        outcomes += [
            ratio_outcome(Goal(figure=figure, against=peer, direction="least", bound=bound), speeds, peer)
            for peer, bound in ((POWERTOOLS, 5.0), (DUMPS, 0.5))
        ]
    for with_activity in (False, True):
        plots.lines(
            IMAGES / f"stream-{'with' if with_activity else 'without'}-activity.png",
            f"log_user_changes {'with' if with_activity else 'without'} Activity, AWS stubbed in process",
            ("records in a batch", "records per second of processor time"),
            {
                name: {
                    size: 1 / median(seconds[name])
                    for (size, kept), seconds in results.items()
                    if kept == with_activity
                }
                for name in (OURS, POWERTOOLS, DUMPS, NODE)
                if name in results[1, with_activity]
            },
            ours=OURS,
        )
    large = max(size for size, _ in results)
    record = median(results[large, True][OURS])
    remember(
        batch_compute_ms=1000 * max(median(results[1, True][OURS]) - record, 0.0),
        record_compute_ms=1000 * record,
    )
    calls = throughput.aws_calls_per_record(100)
    goal = Goal(
        figure="AWS calls per record, batch 100", against="1 per record", direction="most", bound=0.05, unit="calls"
    )
    return [*outcomes, Outcome(goal=goal, median=calls, smallest=calls, largest=calls)]
