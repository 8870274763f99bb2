"""What is made of measurements: tables, sections of two pages, and times for the capacity model."""

import json
import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Literal, NamedTuple

from capacity.workload import FILE, MeasuredWork
from infra.naming import PROJECT_ROOT

PERFORMANCE = PROJECT_ROOT / "docs/performance.md"
CAPACITY = PROJECT_ROOT / "docs/capacity.md"
IMAGES = PROJECT_ROOT / "docs/images"


class Measurement(NamedTuple):
    """One row: what was measured, beside what, the goal of its median, and its value per round."""

    name: str
    against: str
    goal: Literal["at most", "at least"]
    bound: float
    rounds: Sequence[float]
    unit: str = "x"

    def cells(self) -> list[str]:
        """Return the cells of the row."""
        middle, smallest, largest = median(self.rounds), min(self.rounds), max(self.rounds)
        spread = "" if smallest == largest else f" ({smallest:.3g} to {largest:.3g})"
        reached = middle <= self.bound if self.goal == "at most" else middle >= self.bound
        goal, measured = f"{self.goal} {self.bound:g} {self.unit}", f"{middle:.3g} {self.unit}{spread}"
        return [self.name, self.against, goal, measured, "yes" if reached else "**no**"]


def ratios(samples: Mapping[str, Sequence[float]], peer: str) -> list[float]:
    """Return the samples of the first contestant over a peer's, round by round."""
    ours = next(iter(samples.values()))
    return [mine / its for mine, its in zip(ours, samples[peer], strict=True)]


def measurements_table(measurements: Iterable[Measurement]) -> str:
    """Return the table of a section of docs/performance.md."""
    headings = ["figure", "against", "goal", "measured (min to max)", "reached"]
    return table(headings, [measurement.cells() for measurement in measurements])


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [headings, ["---"] * len(headings), *rows])


REASONS = {
    r"records/s, batch [\d,]+, with Activity \| json\.dumps": (
        "json.dumps makes no call, and no items. A batch with Activity makes a call to DynamoDB for every 25 records, "
        "and one for every 100. The rows without Activity show the function's own part."
    ),
    r"records/s, batch 1, without Activity \| json\.dumps": (
        "A batch has fixed costs, its one write to the log and its answer, which a single record bears alone. And to "
        "describe, compare and log a record takes about twice as long as to dump its images."
    ),
    r"records/s, batch [\d,]+, without Activity \| (Powertools|json\.dumps)": (
        "log_user_changes also reads who made a change and by which request, whether it comes from the stack's own "
        "table, and what closes its user's history. To describe, compare and log a record takes about twice as long "
        "as to dump its images."
    ),
    r"records/s, (rescue|replay|backfill) \|": (
        "One call replaces a hundred, but most of the time is the emulator's work for each record, which both have: "
        "it stores the item, and keeps and delivers the message."
    ),
}
"""Why a goal is not reached, by the beginning of its row: the name and what it is compared with."""

NOT_KNOWN = "Not known yet."

_UNREACHED_ROW = re.compile(
    r"^\| (?P<row>.+? \| .*?) \| (?P<goal>at (?:most|least) .+?) \| (?P<measured>.+?) \| \*\*no\*\* \|$", re.MULTILINE
)


def goals_not_reached(page: str) -> str:
    """Return the rows of a page's tables whose goal is not reached, grouped by reason."""
    by_reason: dict[str, list[str]] = {}
    for row in _UNREACHED_ROW.finditer(page):
        reason = next((why for pattern, why in REASONS.items() if re.match(pattern, row["row"])), NOT_KNOWN)
        name, _, against = row["row"].partition(" | ")
        line = f"- {name}, against {against}: {row['measured'].partition(' (')[0]}, goal {row['goal']}"
        by_reason.setdefault(reason, []).append(line)
    if not by_reason:
        return "All goals are reached."
    return "\n\n".join(f"{reason}\n\n" + "\n".join(lines) for reason, lines in by_reason.items())


def write_section(page: Path, name: str, text: str) -> None:
    """Replace the text between the two markers of a section; raise ValueError without them."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    before = page.read_text()
    if not pattern.search(before):
        raise ValueError(f"{page} has no section between <!-- {name} --> and <!-- end of {name} -->: add the two lines")
    page.write_text(pattern.sub(lambda match: f"{match[1]}{text}\n{match[2]}", before))


def measured_today(table: str) -> str:
    """Return a table under a line with the day and the machine of its measurements."""
    return f"Measured {datetime.now(UTC):%Y-%m-%d} on {_machine()}.\n\n{table}"


def keep_service_times(**milliseconds: float) -> None:
    """Replace some of the times in capacity/service_times.json, and its day and machine."""
    kept = json.loads(FILE.read_text()) | {name: round(value, 4) for name, value in milliseconds.items()}
    kept |= {"measured": f"{datetime.now(UTC):%Y-%m-%d}", "machine": _machine()}
    FILE.write_text(MeasuredWork.model_validate(kept).model_dump_json(indent=2) + "\n")


def _machine() -> str:
    cpu = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{cpu[1] if cpu else 'unknown processor'}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )
