"""`make bench`: measure, print the tables, and write docs/performance.md's figures and plots.

Every figure is a ratio of two things measured in turn in this one run; absolute times are shown to give an idea only.
`python -m benchmarks --only stream` runs one section and leaves the others' figures as they are.
"""

import argparse
import importlib
import time
from datetime import UTC, datetime

from benchmarks.harness.paired import machine
from benchmarks.report.goals import Outcome, table
from benchmarks.report.missed import missed
from benchmarks.report.pages import DOCS, IMAGES, write_section

SECTIONS = {
    "cold": "benchmarks.scenarios.cold_start",
    "register": "benchmarks.scenarios.registration",
    "stream": "benchmarks.scenarios.stream_batches",
    "local": "benchmarks.scenarios.local_stack",
    "growth": "benchmarks.scenarios.growth",
    "packages": "benchmarks.scenarios.packages",
}
"""Sections of the page, and the modules with `measure() -> list[Outcome]` that fill them."""


def main() -> None:
    """Run the sections asked for, and put the figures of each into the page as it ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=SECTIONS, action="append", help="one section; may be given again")
    wanted: list[str] = parser.parse_args().only or list(SECTIONS)
    IMAGES.mkdir(parents=True, exist_ok=True)
    page = DOCS / "performance.md"
    for name in wanted:
        # One at a time, as each needs other packages and some put stubs where others would meet them.
        began = time.monotonic()
        outcomes: list[Outcome] = importlib.import_module(SECTIONS[name]).measure()
        figures = table(outcomes)
        print(f"\n{name}, {time.monotonic() - began:.0f} s\n{figures}", flush=True)
        write_section(page, name, f"Measured {datetime.now(UTC):%Y-%m-%d} on {machine()}.\n\n{figures}")
    not_reached = missed(page.read_text())
    write_section(page, "missed", not_reached)
    print(f"\nNot reached\n\n{not_reached}")


main()
