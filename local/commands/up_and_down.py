"""`up` and `down`: bring the stack up, here or in the background, and end it."""

import contextlib
import errno
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import click

from infra.naming import PROJECT_ROOT
from infra.settings.stack_file import StackFileError, stack_file_config
from local.commands.options import LocalCommand, state_dir_option
from local.emulator import DEFAULT_PORT
from local.output import open_console, print_outputs_and_command, print_unserved_settings
from local.process import TerminationRequested, describe_exit, start_log, termination_signals
from local.state import (
    STACK,
    LocalStackError,
    LocalStackRunningError,
    claimed_by,
    make_directory,
    remove_logs,
    state_directory,
    wait_until_ready,
)

_SITE_PORT = 8080
_DOWN_SECONDS = 15.0
_DOWN_POLL_SECONDS = 0.05


@click.command(cls=LocalCommand)
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
    """Bring the whole stack up on this machine: emulator, deployment, poller, page."""
    directory = state_directory(directory).resolve()
    if detach:
        _run_in_background(directory, port, website_port)
    else:
        _run_in_foreground(directory, port, website_port, show_log=show_log)


def _run_in_foreground(directory: Path, port: int, website_port: int, *, show_log: bool) -> None:
    # Imported here, so that `down` needn't wait for it.
    from local.supervisor import Supervisor  # noqa: PLC0415  for that reason

    console = open_console()
    supervisor = Supervisor(
        console=console, directory=directory, port=port, website_port=website_port, show_log=show_log
    )
    try:
        with termination_signals() as pause:
            supervisor.run(pause)
    except TerminationRequested:
        with contextlib.suppress(OSError):  # The terminal may be closed.
            console.print("\nThe local stack has ended.")
    except OSError as error:
        # The terminal or the pipe's reader was closed: an end like Ctrl-C.
        if error.errno not in (errno.EPIPE, errno.EIO):
            raise


def _run_in_background(directory: Path, port: int, website_port: int) -> None:
    make_directory(directory)
    if (pid := claimed_by(directory)) is not None:
        raise LocalStackRunningError(directory, pid)
    log_file = directory / "up.log"
    command = [sys.executable, "-m", "local", "up", "--no-log", "--port", str(port)]
    command += ["--website-port", str(website_port), "--state-dir", str(directory)]
    start_log(log_file)
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    console = open_console()
    try:
        with termination_signals() as pause, console.status("Bringing the stack up"):
            stack = wait_until_ready(directory, process.pid, process.poll, pause)
    except TerminationRequested as error:
        process.terminate()
        process.wait()
        raise LocalStackError("interrupted; nothing is left running") from error
    if stack is None:
        output = log_file.read_text(errors="replace").strip().removeprefix("Error: ")
        raise LocalStackError(output or f"it ended {describe_exit(process.wait())} without output")
    print_outputs_and_command(console, stack)
    with contextlib.suppress(FileNotFoundError, StackFileError):  # Edited since the stack read it.
        print_unserved_settings(console, stack_file_config(STACK))
    option = "" if directory == state_directory().resolve() else f" --state-dir {shlex.quote(str(directory))}"
    for line in (
        f"The page  {stack.outputs.website_url}",
        f"The log   python -m local logs --follow{option}",
        f"The end   python -m local down{option}",
    ):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


@click.command(cls=LocalCommand)
@state_dir_option
def down(directory: Path | None) -> None:
    """End the stack, wherever it runs, and remove its logs, which may hold names and addresses."""
    directory = state_directory(directory)
    pid = claimed_by(directory)
    if pid is None:
        remove_logs(directory)
        click.echo("No local stack is running.")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _DOWN_SECONDS
    while claimed_by(directory) == pid:
        if time.monotonic() > deadline:
            raise LocalStackError(f"process {pid} does not end. End it and its children by force: kill -9 {pid}")
        time.sleep(_DOWN_POLL_SECONDS)
    remove_logs(directory)
    click.echo("The local stack has ended.")
