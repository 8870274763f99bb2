"""`up`: bring the stack up, and stay with it or leave it in the background."""

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
from rich.text import Text

from infra.naming import PROJECT_ROOT
from local.emulator import DEFAULT_PORT
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

# What a user sees of a stack: its outputs, a line to copy, where to go on.


def curl_line(stack: "LocalStack") -> str:
    """A registration to copy into a shell: the first time 201, then 409."""
    body = '{"name": "Alice", "email": "alice@example.com", "username": "alice"}'
    return f"curl -i {stack.outputs.api_url}/register -H 'content-type: application/json' -d '{body}'"


def print_outputs(console: Console, stack: "LocalStack") -> None:
    """The stack's outputs, a line each; a value is never broken, so that it can be copied."""
    values = stack.outputs.model_dump(by_alias=True)
    width = max(map(len, values))
    for name, value in values.items():
        line = Text(f"{name:<{width}}  ", style="dim").append("" if value is None else str(value), style="not dim")
        console.print(line, soft_wrap=True)


def print_ready(console: Console, stack: "LocalStack", resources: int, seconds: float) -> None:
    """All there is to know once the stack runs."""
    console.print(f"[green]✓[/] {resources} resources deployed, ready after {seconds:.1f} s\n")
    print_outputs(console, stack)
    console.print("\nRegister a user:\n")
    # As it is, on one line however narrow the terminal: it is there to be copied.
    console.print(curl_line(stack), style="bold", soft_wrap=True, highlight=False, markup=False)
    console.print(f"\nOr in a browser: [bold]{stack.outputs.website_url}[/]\n", highlight=False)


# Options that several commands have.

Command = TypeVar("Command", bound=Callable[..., Any])

ON_TROUBLE = 1
"""Exit code of a command that could not do what it was asked."""


def state_dir_option(command: Command) -> Command:
    """--state-dir DIRECTORY: which local stack is meant."""
    return click.option(
        "--state-dir",
        "directory",
        type=click.Path(path_type=Path, file_okay=False),
        envvar=DIRECTORY_VARIABLE,
        help=f"Directory of the stack's state and logs. Default: .local, or ${DIRECTORY_VARIABLE}.",
    )(command)


_WEBSITE_PORT = 8080
_LOOK_SECONDS = 0.1
_LOG_FILE = "up.log"


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
    default=_WEBSITE_PORT,
    show_default=True,
    help="Where the page is, if that port is free; 0 for any.",
)
@click.option("--show-log/--no-log", default=True, help="Follow LogUserChangesFunction's log.  [default: show-log]")
@state_dir_option
def up(*, detach: bool, port: int, website_port: int, show_log: bool, directory: Path | None) -> None:
    """Bring the whole stack up on this machine: emulator, deployment, stream poller, page."""
    directory = state_directory(directory).resolve()
    if detach:
        _leave_running(directory, port, website_port)
    else:
        _stay(directory, port, website_port, show_log=show_log)


def _stay(directory: Path, port: int, website_port: int, *, show_log: bool) -> None:
    # Imported here: the other commands needn't wait for it.
    from local.supervisor import Supervisor, SupervisorOptions  # noqa: PLC0415  for that reason

    console = Console()
    options = SupervisorOptions(directory=directory, port=port, website_port=website_port, show_log=show_log)
    try:
        with termination_signals() as pause:
            Supervisor(options, console).run(pause)
    except TerminationRequested:
        _say_goodbye(console)
    except OSError as error:
        # The terminal went away, or whoever read the output did: that is an end like Ctrl-C.
        if error.errno not in (errno.EPIPE, errno.EIO):
            raise


def _say_goodbye(console: Console) -> None:
    with contextlib.suppress(OSError):  # Perhaps nobody is left to read it.
        console.print("\nThe local stack has ended.")


def _leave_running(directory: Path, port: int, website_port: int) -> None:
    make_directory(directory)
    if (pid := claimed_by(directory)) is not None:
        raise LocalStackRunningError(
            f"a local stack runs in {directory} already (process {pid}). See it with: python -m local status. "
            "End it with: python -m local down"
        )
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
    print_outputs(console, stack)
    console.print("\nRegister a user:\n")
    console.print(f"{curl_line(stack)}\n", style="bold", soft_wrap=True, highlight=False, markup=False)
    where = "" if directory == state_directory().resolve() else f" --state-dir {shlex.quote(str(directory))}"
    for what, how in (
        ("The page", stack.outputs.website_url),
        ("The log ", f"python -m local logs --follow{where}"),
        ("The end ", f"python -m local down{where}"),
    ):
        console.print(f"{what}  {how}", soft_wrap=True, highlight=False, markup=False)


def _wait_until_ready(process: "subprocess.Popen[bytes]", directory: Path, pause: Pause) -> LocalStack:
    while True:
        if (exit_code := process.poll()) is not None:
            said = (directory / _LOG_FILE).read_text(errors="replace").strip().removeprefix("Error: ")
            raise LocalStackError(said or f"it ended {describe_exit(exit_code)} without a word")
        try:
            stack = read_local_stack(directory)
        except LocalStackNotRunningError:
            pass  # Not yet.
        else:
            if stack.pid == process.pid and stack.poller_pid is not None:
                return stack
        pause(_LOOK_SECONDS)
