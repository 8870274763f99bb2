"""Programs of other languages, run by tests of the API's document."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CLIENTS = Path(__file__).resolve().parents[1] / "clients"


def require(*tools: str) -> None:
    """Skip the test, or in CI fail it, if one of these isn't on PATH."""
    if missing := [tool for tool in tools if shutil.which(tool) is None]:
        message = f"not on PATH: {', '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """Run a command and return its output; fail the test, with all of it, if the command fails."""
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True)  # noqa: PLW1510  judged below, with its output
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
