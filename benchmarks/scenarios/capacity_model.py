"""What the pages of the capacity model are made with: the model on a stack's settings, and tables."""

from collections.abc import Iterable, Sequence

from capacity.published_figures import published_figures
from capacity.report import CapacityReport, capacity_report
from capacity.workload import CALL_SECONDS, CapacitySettings, ServiceTimes, Workload, measured_work, service_times

FIGURES = published_figures()
WORK = measured_work()

TEN_MILLION = Workload(users=10_000_000, registrations_per_second=20)
"""The largest of the sizes that the page tells of."""


def report_on(workload: Workload, settings: CapacitySettings, call_seconds: float = CALL_SECONDS) -> CapacityReport:
    """What the model says, with each call to DynamoDB as long as that."""
    return capacity_report(workload, settings, times_on(settings, call_seconds), FIGURES)


def times_on(settings: CapacitySettings, call_seconds: float = CALL_SECONDS) -> ServiceTimes:
    """Of the functions with these settings."""
    return service_times(WORK, settings, call_seconds)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [headings, ["---"] * len(headings), *rows])


def seconds_text(seconds: float) -> str:
    """With as many digits as say something."""
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:,.0f} s"  # noqa: PLR2004  one digit before the point
