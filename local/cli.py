"""`python -m local`: the commands of the stack on this machine."""

import os
import signal
import sys
import time
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape

from local.actions import UNSUPPORTED_SCHEMA_VERSION, write_unsupported_user
from local.emulator import is_healthy
from local.logs import FunctionLog
from local.output import print_log, print_outputs
from local.process import TerminationRequested, remove_user_settings, termination_signals
from local.state import LocalStack, LocalStackError, claimed_by, clients_of, read_local_stack, state_directory
from local.up import state_dir_option, up

_FAILURE = 1
"""Exit code of a command that couldn't do what it was asked to."""

_DOWN_SECONDS = 15.0
_DOWN_POLL_SECONDS = 0.05
_LOG_POLL_SECONDS = 0.25
_PART_WIDTH = 15

_FUNCTIONS = {
    "log-user-changes": "log_user_changes_function_name",
    "manage-users": "manage_users_function_name",
    "register-user": "register_user_function_name",
    "rescue-failed-batches": "rescue_failed_batches_function_name",
}
"""Value of `logs --function` to the name of the stack output."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """The whole stack on this machine: AWS emulator, Pulumi program, stream poller, page."""


cli.add_command(up)


@cli.command()
@state_dir_option
def down(directory: Path | None) -> None:
    """End the stack, whether it runs in the background or in another terminal."""
    directory = state_directory(directory)
    pid = claimed_by(directory)
    if pid is None:
        click.echo("No local stack is running.")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _DOWN_SECONDS
    while claimed_by(directory) == pid:
        if time.monotonic() > deadline:
            raise LocalStackError(f"process {pid} does not end. End it and its children by force: kill -9 {pid}")
        time.sleep(_DOWN_POLL_SECONDS)
    click.echo("The local stack has ended.")


@cli.command()
@state_dir_option
def status(directory: Path | None) -> None:
    """Say whether the stack and each part of it runs; exit code 1 if a part doesn't."""
    directory = state_directory(directory)
    stack = read_local_stack(directory)
    emulator = is_healthy(stack.endpoint_url)
    poller = stack.poller_pid is not None and _is_alive(stack.poller_pid)
    console = Console()
    for part, text in {
        "supervisor": f"[green]running[/], process {stack.pid}, {_uptime(stack)}",
        "emulator": f"{_running(emulator)}, process {stack.emulator_pid}, {stack.endpoint_url}, "
        f"log {escape(str(directory))}/emulator.log",
        "stream poller": f"{_running(poller)}, process {stack.poller_pid}, log {escape(str(directory))}/poller.log",
        "API": stack.outputs.api_url,
        "page": str(stack.outputs.website_url),
    }.items():
        # Never wrapped, so that a log's path can be copied.
        console.print(f"[dim]{part:<{_PART_WIDTH}}[/]{text}", soft_wrap=True, highlight=False)
    if not (emulator and poller):
        sys.exit(_FAILURE)


def _running(runs: bool) -> str:  # noqa: FBT001  all there is to say
    return "[green]running[/]" if runs else "[red]not running[/]"


def _uptime(stack: LocalStack) -> str:
    seconds = int((datetime.now(UTC) - stack.started_at).total_seconds())
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"up for {hours} h {minutes} min" if hours else f"up for {minutes} min {seconds % 60} s"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="One flat JSON object, as `pulumi stack output --json` has it.")
@state_dir_option
def outputs(*, as_json: bool, directory: Path | None) -> None:
    """Print the stack's outputs."""
    stack = read_local_stack(directory)
    if as_json:
        click.echo(stack.outputs.model_dump_json(by_alias=True, indent=2))
    else:
        print_outputs(Console(), stack)


@cli.command()
@click.option("--follow", "-f", is_flag=True, help="Continue with what is written from now on, until Ctrl-C.")
@click.option(
    "--function",
    "name",
    type=click.Choice(list(_FUNCTIONS)),
    default="log-user-changes",
    show_default=True,
    help="Whose log.",
)
@click.option("--raw", is_flag=True, help="The lines as they were written: JSON, and the runtime's own.")
@state_dir_option
def logs(*, follow: bool, name: str, raw: bool, directory: Path | None) -> None:
    """Print a function's log."""
    stack = read_local_stack(directory)
    log = FunctionLog(clients_of(stack).logs, getattr(stack.outputs, _FUNCTIONS[name]))
    console = Console()
    try:
        with termination_signals() as pause:
            _print_new_lines(console, log, raw=raw)
            while follow:
                pause(_LOG_POLL_SECONDS)
                _print_new_lines(console, log, raw=raw)
    except TerminationRequested:
        pass  # The way to end --follow.
    except BotoCoreError:
        # If the stack has ended meanwhile, say that instead.
        read_local_stack(directory)
        raise


def _print_new_lines(console: Console, log: FunctionLog, *, raw: bool) -> None:
    lines = log.read()
    if not raw:
        print_log(console, lines)
        return
    for line in lines:
        click.echo(line.message)


@cli.command()
@click.option("--user", "name", default="Mallory", show_default=True, help="Name of the user that is written.")
@state_dir_option
def poison(name: str, directory: Path | None) -> None:
    """Write a user whose schemaVersion no function supports, past the API.

    Its stream record ends, whole, in the dead-letter queue, and those around it are processed. The
    fix is a line of code; after it the record can be replayed.
    """
    user_id = write_unsupported_user(read_local_stack(directory), name=name)
    click.echo(f"Wrote user {user_id} with schemaVersion {UNSUPPORTED_SCHEMA_VERSION}, which no function can process.")
    click.echo("See where it went:  python -m ops --stack local dlq list")
    click.echo(
        f"Fix: add {UNSUPPORTED_SCHEMA_VERSION} to SUPPORTED_SCHEMA_VERSIONS in "
        "functions/stream_records/schema_versions.py (live within 2 s), then:  "
        "python -m ops --stack local dlq replay --all"
    )


def main() -> None:
    """Run one command; print an error as text, with exit code 1."""
    remove_user_settings()
    for stream in (sys.stdout, sys.stderr):
        # A user's name, or our own tick, that the terminal's encoding lacks must not end the stack.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        cli.main(prog_name="python -m local")
    except (LocalStackError, ClientError, BotoCoreError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(_FAILURE)
