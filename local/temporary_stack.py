"""A local stack of its own for the time of a block, on free ports, for tests and benchmarks."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from infra.naming import PROJECT_ROOT
from local.process import ChildProcess
from local.state import LocalStack, LocalStackError, wait_until_ready

_START_SECONDS = 120
_STOP_SECONDS = 20


@contextmanager
def starting_local_stack(
    directory: Path, project: Path = PROJECT_ROOT, *, show_log: bool = False
) -> Generator[ChildProcess]:
    """Start a stack and enter the block at once; end the stack with the block.

    The stack also ends with this process, however that ends, unlike `python -m local up --detach`.
    `up.log` in the directory has the output of the command, with the function's log if that is to
    be shown; `project` is the checkout to deploy.
    """
    arguments = ["up", "--port", "0", "--website-port", "0", "--state-dir", str(directory)]
    arguments += [] if show_log else ["--no-log"]
    process = ChildProcess("local", arguments, directory / "up.log", project)
    try:
        yield process
    finally:
        process.stop(_STOP_SECONDS)


@contextmanager
def running_local_stack(
    directory: Path, project: Path = PROJECT_ROOT, *, show_log: bool = False
) -> Generator[LocalStack]:
    """Do as `starting_local_stack`, but enter the block when the stack is ready.

    Raise LocalStackError, with the end of its log, if the stack ends or isn't ready in time.
    """
    with starting_local_stack(directory, project, show_log=show_log) as process:
        deadline = time.monotonic() + _START_SECONDS

        def ended_or_late() -> int | None:
            return process.exit_code if time.monotonic() < deadline else -1

        stack = wait_until_ready(directory, process.pid, ended_or_late, time.sleep)
        if stack is None:
            raise LocalStackError(f"the local stack does not come up: {process.log_file.read_text()[-4000:]}")
        yield stack
