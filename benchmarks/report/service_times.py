"""Keeps what the capacity model needs to know of the functions' own work: capacity/service_times.json."""

import json
from datetime import UTC, datetime

from benchmarks.harness.paired import machine
from capacity.workload import FILE, MeasuredWork


def remember(**milliseconds: float) -> None:
    """Replace some of the figures, and the day and machine; raises where the model doesn't know one."""
    kept = json.loads(FILE.read_text()) | {name: round(value, 4) for name, value in milliseconds.items()}
    kept |= {"measured": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine()}
    FILE.write_text(MeasuredWork.model_validate(kept).model_dump_json(indent=2) + "\n")
