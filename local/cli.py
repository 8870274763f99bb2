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

from local.emulator import is_healthy
from local.logs import FunctionLog, readable_lines
from local.page.live_view import POISONED_SCHEMA_VERSION, write_poisoned_change
from local.process import TerminationRequested, remove_user_settings, termination_signals
from local.state import LocalStack, LocalStackError, claimed_by, clients_of, read_local_stack, state_directory
from local.up import ON_TROUBLE, print_outputs, state_dir_option, up

# `down`: end the stack.

_PATIENCE_SECONDS = 15.0
_LOOK_SECONDS = 0.05


@click.command()
@state_dir_option
def down(directory: Path | None) -> None:
    """End the stack, whether it is in the background or in another terminal."""
    directory = state_directory(directory)
    pid = claimed_by(directory)
    if pid is None:
        click.echo("No local stack is running.")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while claimed_by(directory) == pid:
        if time.monotonic() > deadline:
            raise LocalStackError(
                f"process {pid} does not end. End it by force, its children go with it: kill -9 {pid}"
            )
        time.sleep(_LOOK_SECONDS)
    click.echo("The local stack has ended.")


# `logs`: what the functions wrote.

_LOOK_SECONDS_logs = 0.25

_FUNCTIONS = {
    "log-user-changes": "log_user_changes_function_name",
    "manage-users": "manage_users_function_name",
    "register-user": "register_user_function_name",
    "rescue-failed-batches": "rescue_failed_batches_function_name",
}


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Go on with what is written from now on, until Ctrl-C.")
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
            _show(console, log, raw=raw)
            while follow:
                pause(_LOOK_SECONDS_logs)
                _show(console, log, raw=raw)
    except TerminationRequested:
        pass  # That is how following ends.
    except BotoCoreError:
        # The stack may have ended meanwhile: then that is what there is to say.
        read_local_stack(directory)
        raise


def _show(console: Console, log: FunctionLog, *, raw: bool) -> None:
    events = log.read()
    if raw:
        for event in events:
            click.echo(event.message)
        return
    for line in readable_lines(events):
        console.print(line, soft_wrap=True)


# `outputs`: the stack's outputs, for people or for programs.


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One flat JSON object, as `pulumi stack output --json` has it.")
@state_dir_option
def outputs(*, as_json: bool, directory: Path | None) -> None:
    """Print the stack's outputs."""
    stack = read_local_stack(directory)
    if as_json:
        click.echo(stack.outputs.model_dump_json(by_alias=True, indent=2))
    else:
        print_outputs(Console(), stack)


# `poison`: a change that LogUserChangesFunction can't process, to see what becomes of it.


@click.command()
@click.option("--user", "name", default="Mallory", show_default=True, help="Name of the user that is written.")
@state_dir_option
def poison(name: str, directory: Path | None) -> None:
    """Write a user in a layout that no function knows, past the API.

    Its record ends, whole, in the dead-letter queue, and those around it are processed. The fix is a line of code;
    after it the record is replayed.
    """
    user_id = write_poisoned_change(read_local_stack(directory), name=name)
    click.echo(f"Wrote user {user_id} with schemaVersion {POISONED_SCHEMA_VERSION}, which no function can process.")
    click.echo("See where it went:  python -m ops --stack local dlq list")
    click.echo(
        f"Fix: add {POISONED_SCHEMA_VERSION} to SUPPORTED_SCHEMA_VERSIONS in "
        "functions/stream_records/schema_versions.py (live within 2 s), then:  "
        "python -m ops --stack local dlq replay --all"
    )


# `status`: whether the stack runs, and each part of it.

_PART_WIDTH = 15


@click.command()
@state_dir_option
def status(directory: Path | None) -> None:
    """Say whether the stack runs, and each part of it; exit code 1 if anything is amiss."""
    directory = state_directory(directory)
    stack = read_local_stack(directory)
    parts = {
        "emulator": is_healthy(stack.endpoint_url),
        "stream poller": stack.poller_pid is not None and _is_alive(stack.poller_pid),
    }
    _print(Console(), stack, directory, parts)
    if not all(parts.values()):
        sys.exit(ON_TROUBLE)


def _print(console: Console, stack: LocalStack, directory: Path, parts: dict[str, bool]) -> None:
    def show(part: str, what: str) -> None:
        # Never folded: a log's path is there to be copied.
        console.print(f"[dim]{part:<{_PART_WIDTH}}[/]{what}", soft_wrap=True, highlight=False)

    show("supervisor", f"[green]running[/], process {stack.pid}, {_since(stack)}")
    logs = escape(str(directory))
    where = {
        "emulator": f"process {stack.emulator_pid}, {stack.endpoint_url}, log {logs}/emulator.log",
        "stream poller": f"process {stack.poller_pid}, log {logs}/poller.log",
    }
    for part, runs in parts.items():
        show(part, f"{'[green]running[/]' if runs else '[red]not running[/]'}, {where[part]}")
    show("API", stack.outputs.api_url)
    show("page", str(stack.outputs.website_url))


def _since(stack: LocalStack) -> str:
    seconds = int((datetime.now(UTC) - stack.started_at).total_seconds())
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"up for {hours} h {minutes} min" if hours else f"up for {minutes} min {seconds % 60} s"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """The whole of userstream on this machine: an AWS emulator, the Pulumi program, the stream's poller, the page."""


for command in (up, down, status, outputs, logs, poison):
    cli.add_command(command)


def main() -> None:
    """Run one command; what goes wrong is told in words, with exit code 1."""
    remove_user_settings()
    for stream in (sys.stdout, sys.stderr):
        # A user's name, or our own tick, that the terminal's encoding lacks must not end the stack.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        cli.main(prog_name="python -m local")
    except (LocalStackError, ClientError, BotoCoreError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(ON_TROUBLE)
