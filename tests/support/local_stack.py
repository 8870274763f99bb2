"""The stack on this machine, brought up as a user would, for tests that use it by its public ways.

`conftest.py` offers one per test session as the fixture `local_stack`.
"""

import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from infra.naming import PROJECT_ROOT
from local.deploy.resources.clients import Clients
from local.emulator import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Emulator
from local.process import ChildProcess, child_environment
from local.state import LocalStack, LocalStackNotRunningError, read_local_stack

__all__ = ["REGION", "LocalStack", "copy_project", "running_emulator", "running_local_stack", "starting_local_stack"]

REGION = "us-east-1"

_START_SECONDS = 120
_STOP_SECONDS = 20


@contextmanager
def starting_local_stack(directory: Path, project: Path = PROJECT_ROOT) -> Generator[ChildProcess]:
    """Bring a stack of its own up on free ports; the block begins at once, and its end is the stack's.

    It ends with this process, however that ends: `python -m local up --detach` would outlive a killed test run.

    Args:
        directory: for its state and logs; what it says goes to `up.log`.
        project: the checkout that it is brought up from.
    """
    arguments = ["up", "--no-log", "--port", "0", "--website-port", "0", "--state-dir", str(directory)]
    process = ChildProcess("local", arguments, child_environment(os.environ), directory / "up.log", project)
    try:
        yield process
    finally:
        process.stop(_STOP_SECONDS)


@contextmanager
def running_local_stack(directory: Path, project: Path = PROJECT_ROOT) -> Generator[LocalStack]:
    """As `starting_local_stack`, and the block begins when the stack is ready."""
    with starting_local_stack(directory, project) as process:
        yield _wait_until_ready(process, directory)


def _wait_until_ready(process: ChildProcess, directory: Path) -> LocalStack:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.exit_code is None:
        try:
            stack = read_local_stack(directory)
        except LocalStackNotRunningError:
            pass  # Not yet.
        else:
            if stack.poller_pid is not None:
                return stack
        time.sleep(0.05)
    raise AssertionError(f"The local stack does not come up: {process.log_file.read_text()[-4000:]}")


def copy_project(directory: Path) -> Path:
    """Copy what a stack is brought up from, so that a test may edit it; the copy's path.

    Args:
        directory: made for it.
    """
    for name in ("delivery", "functions", "infra", "local", "frontend"):
        shutil.copytree(PROJECT_ROOT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in PROJECT_ROOT.glob("Pulumi*.yaml"):
        shutil.copy(file, directory)
    return directory


@contextmanager
def running_emulator(directory: Path) -> Generator[Clients]:
    """Run an emulator with nothing in it, for tests of single resources; yield clients of its root user."""
    emulator = Emulator(0, REGION, directory)
    try:
        emulator.wait_until_ready()
        yield Clients(emulator.endpoint_url, REGION, ACCESS_KEY_ID, SECRET_ACCESS_KEY)
    finally:
        emulator.stop()
