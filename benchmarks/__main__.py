"""`make bench`: measure, print the tables, and write the tables and plots of docs/performance.md.

Every result is a ratio of two things measured in turn in this one run. `python -m benchmarks --only
stream` runs one section and leaves the others as they are.
"""

import argparse
import time

from benchmarks.report import IMAGES, PERFORMANCE, goals_not_reached, measured_today, measurements_table, write_section
from benchmarks.scenarios import consumers, functions, growth, idle_stack, local_stack, neutral_answers

SECTIONS = {
    "cold": functions.measure_starts_and_memory,
    "register": functions.measure_registrations,
    "stream": functions.measure_stream,
    "consumers": consumers.measure_consumers,
    "local": local_stack.measure,
    "idle": idle_stack.measure,
    "neutral": neutral_answers.measure,
    "growth": growth.measure,
    "packages": functions.measure_packages,
}
"""Sections of the page, and what returns the rows of their tables."""


def main() -> None:
    """Run the sections that were asked for, and write each into the page as it ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=SECTIONS, action="append", help="one section; may be given again")
    wanted: list[str] = parser.parse_args().only or list(SECTIONS)
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name in wanted:
        began = time.monotonic()
        table = measurements_table(SECTIONS[name]())
        print(f"\n{name}, {time.monotonic() - began:.0f} s\n{table}", flush=True)
        write_section(PERFORMANCE, name, measured_today(table))
    not_reached = goals_not_reached(PERFORMANCE.read_text())
    write_section(PERFORMANCE, "missed", not_reached)
    print(f"\nNot reached\n\n{not_reached}")


if __name__ == "__main__":
    main()
