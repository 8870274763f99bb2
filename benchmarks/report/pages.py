"""What the benchmarks write: sections of two pages in docs/, and times for the capacity model."""

import json
import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

from capacity.service_times import FILE, MeasuredWork
from infra.naming import PROJECT_ROOT

PERFORMANCE = PROJECT_ROOT / "docs/performance.md"
CAPACITY = PROJECT_ROOT / "docs/capacity.md"
IMAGES = PROJECT_ROOT / "docs/images"


def write_section(page: Path, name: str, text: str) -> None:
    """Replace the text between the two markers of a section.

    Raises:
        ValueError: The page has no such section.
    """
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    before = page.read_text()
    if not pattern.search(before):
        raise ValueError(f"{page} has no section between <!-- {name} --> and <!-- end of {name} -->: add the two lines")
    page.write_text(pattern.sub(lambda match: f"{match[1]}{text}\n{match[2]}", before))


def measured_today(table: str) -> str:
    """Return a table under a line with the day and the machine of its measurements."""
    return f"Measured {datetime.now(UTC):%Y-%m-%d} on {_machine()}.\n\n{table}"


def keep_service_times(**milliseconds: float) -> None:
    """Replace some of the times in capacity/service_times.json, and its day and machine.

    Raises:
        ValidationError: The capacity model has no time of that name.
    """
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
