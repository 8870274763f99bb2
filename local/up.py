"""`up`: run the supervisor in this process until Ctrl-C, or in the background with --detach."""

import contextlib
import errno
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from infra.naming import PROJECT_ROOT
from local.emulator import DEFAULT_PORT
from local.output import print_outputs_and_command
from local.process import Pause, TerminationRequested, describe_exit, termination_signals
from local.state import (
    DIRECTORY_VARIABLE,
    LocalStack,
    LocalStackError,
    LocalStackNotRunningError,
    LocalStackRunningError,
    claimed_by,
    make_directory,
    read_local_stack,
    state_directory,
)

Command = TypeVar("Command", bound=Callable[..., Any])

_SITE_PORT = 8080
_POLL_SECONDS = 0.1
_LOG_FILE = "up.log"


def state_dir_option(command: Command) -> Command:
    """Add `--state-dir DIRECTORY`, which says which local stack a command is for."""
    return click.option(
        "--state-dir",
        "directory",
        type=click.Path(path_type=Path, file_okay=False),
        envvar=DIRECTORY_VARIABLE,
        help=f"Directory of the stack's state and logs. Default: .local, or ${DIRECTORY_VARIABLE}.",
    )(command)


@click.command()
@click.option("--detach", is_flag=True, help="Return as soon as the stack is ready, and leave it running.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Where the AWS services listen, on 127.0.0.1; 0 for any free port.",
)
@click.option(
    "--website-port",
    type=click.IntRange(0, 65535),
    default=_SITE_PORT,
    show_default=True,
    help="Where the page is, if that port is free; 0 for any.",
)
@click.option("--show-log/--no-log", default=True, help="Follow LogUserChangesFunction's log.  [default: show-log]")
@state_dir_option
def up(*, detach: bool, port: int, website_port: int, show_log: bool, directory: Path | None) -> None:
    """Bring the whole stack up on this machine: emulator, deployment, stream poller, page."""
    directory = state_directory(directory).resolve()
    if detach:
        _run_in_background(directory, port, website_port)
    else:
        _run_in_foreground(directory, port, website_port, show_log=show_log)


def _run_in_foreground(directory: Path, port: int, website_port: int, *, show_log: bool) -> None:
    # Imported here, so that the other commands needn't wait for it.
    from local.supervisor import Supervisor  # noqa: PLC0415  for that reason

    console = Console()
    supervisor = Supervisor(console, directory, port=port, website_port=website_port, show_log=show_log)
    try:
        with termination_signals() as pause:
            supervisor.run(pause)
    except TerminationRequested:
        with contextlib.suppress(OSError):  # The terminal may be closed.
            console.print("\nThe local stack has ended.")
    except OSError as error:
        # The terminal or the reader of a pipe has gone: an end like Ctrl-C.
        if error.errno not in (errno.EPIPE, errno.EIO):
            raise


def _run_in_background(directory: Path, port: int, website_port: int) -> None:
    make_directory(directory)
    if (pid := claimed_by(directory)) is not None:
        raise LocalStackRunningError(directory, pid)
    command = [sys.executable, "-m", "local", "up", "--no-log", "--port", str(port)]
    command += ["--website-port", str(website_port), "--state-dir", str(directory)]
    with (directory / _LOG_FILE).open("wb") as log:
        process = subprocess.Popen(
            command, cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    console = Console()
    try:
        with termination_signals() as pause, console.status("Bringing the stack up"):
            stack = _wait_until_ready(process, directory, pause)
    except TerminationRequested as error:
        process.terminate()
        process.wait()
        raise LocalStackError("interrupted; nothing is left running") from error
    print_outputs_and_command(console, stack)
    option = "" if directory == state_directory().resolve() else f" --state-dir {shlex.quote(str(directory))}"
    for line in (
        f"The page  {stack.outputs.website_url}",
        f"The log   python -m local logs --follow{option}",
        f"The end   python -m local down{option}",
    ):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _wait_until_ready(process: "subprocess.Popen[bytes]", directory: Path, pause: Pause) -> LocalStack:
    while (exit_code := process.poll()) is None:
        with contextlib.suppress(LocalStackNotRunningError):  # Not yet.
            stack = read_local_stack(directory)
            if stack.pid == process.pid and stack.poller_pid is not None:
                return stack
        pause(_POLL_SECONDS)
    output = (directory / _LOG_FILE).read_text(errors="replace").strip().removeprefix("Error: ")
    raise LocalStackError(output or f"it ended {describe_exit(exit_code)} without output")
