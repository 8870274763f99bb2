"""The jobs whose peak memory is measured run to their end."""

from pathlib import Path

import pytest

from benchmarks.scenarios.growth import JOBS


@pytest.mark.parametrize("name", JOBS)
def test_a_job_processes_every_record(name: str, tmp_path: Path) -> None:
    assert JOBS[name](200, tmp_path) == 200
