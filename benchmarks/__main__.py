"""`make bench`: measure, print the tables, and write docs/performance.md's figures and plots.

Every figure is a ratio of two things measured in turn in this one run; absolute times are shown to give an idea only.
`python -m benchmarks --only stream` runs one section and leaves the others' figures as they are.
"""

import argparse
import importlib
import time
from datetime import UTC, datetime

from benchmarks.goals import Outcome, table
from benchmarks.missed import missed
from benchmarks.page import DOCS, IMAGES, write_section
from benchmarks.paired import machine

SECTIONS = ("cold", "register", "stream", "local", "growth", "packages")
"""Each a module of benchmarks/sections with `measure() -> list[Outcome]`, and a place in the page."""


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
        outcomes: list[Outcome] = importlib.import_module(f"benchmarks.sections.{name}").measure()
        figures = table(outcomes)
        print(f"\n{name}, {time.monotonic() - began:.0f} s\n{figures}", flush=True)
        write_section(page, name, f"Measured {datetime.now(UTC):%Y-%m-%d} on {machine()}.\n\n{figures}")
    not_reached = missed(page.read_text())
    write_section(page, "missed", not_reached)
    print(f"\nNot reached\n\n{not_reached}")


main()
