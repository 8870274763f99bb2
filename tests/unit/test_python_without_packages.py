"""The commands under a Python that lacks the project's packages."""

import subprocess
import sys

import pytest

from infra.naming import PROJECT_ROOT


@pytest.mark.parametrize("command", ["local", "ops"])
def test_a_python_without_the_packages_gets_one_line_that_says_what_to_type(command: str) -> None:
    # -S leaves out site-packages, -s the user's.
    ended = subprocess.run(
        [sys.executable, "-S", "-s", "-m", command, "--help"],
        cwd=PROJECT_ROOT,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )

    (line,) = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert "Traceback" not in line
    assert f".venv/bin/python -m {command}" in line
