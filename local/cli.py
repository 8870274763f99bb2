"""`python -m local`: the commands of the stack on this machine.

`up` runs the supervisor in this process until Ctrl-C; with --detach, in a process of its own.
"""

import contextlib
import errno
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path

import click
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel
from rich.console import Console

from functions.runtime.json_log import JsonObject
from infra.naming import PROJECT_ROOT
from infra.settings.stack_file import StackFileError, stack_file_config
from local.actions import UNSUPPORTED_SCHEMA_VERSION, write_unsupported_user
from local.emulator import DEFAULT_PORT
from local.output import (
    FunctionLog,
    open_console,
    print_log,
    print_outputs,
    print_outputs_and_command,
    print_unserved_settings,
    printable_lines,
)
from local.process import TerminationRequested, describe_exit, remove_user_settings, start_log, termination_signals
from local.reconnect import reconnect as reconnect_streams
from local.stack_status import StackStatus, print_status
from local.state import (
    DIRECTORY_VARIABLE,
    STACK,
    LocalStackError,
    LocalStackRunningError,
    claimed_by,
    clients_of,
    functions_of,
    make_directory,
    read_local_stack,
    remove_logs,
    state_directory,
    wait_until_ready,
    write_local_stack,
)

_FAILURE = 1
"""Exit code of a command that couldn't do what it was asked to."""

_SITE_PORT = 8080
_DOWN_SECONDS = 15.0
_DOWN_POLL_SECONDS = 0.05
_LOG_POLL_SECONDS = 0.25

state_dir_option = click.option(
    "--state-dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    envvar=DIRECTORY_VARIABLE,
    help=f"Directory of the stack's state and logs. Default: .local, or ${DIRECTORY_VARIABLE}.",
)


def form_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `python -m ops` for the form of the result."""
    as_json = click.option("--json", "form", flag_value="json", help="Print JSON; the default in a pipe.")
    as_table = click.option("--table", "form", flag_value="table", help="Print text; the default in a terminal.")
    return as_json(as_table(command))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """The whole stack on this machine: AWS emulator, Pulumi program, poller, page."""


@cli.command()
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
    # Imported here, so that the other commands needn't wait for it.
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


@cli.command()
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


@cli.command()
@form_options
@state_dir_option
def status(*, form: str | None, directory: Path | None) -> None:
    """Say whether the stack, its parts and its mappings work; exit code 1 if one doesn't."""
    found = StackStatus.read(state_directory(directory))
    if _prints_json(form):
        _print_json(found)
    else:
        print_status(open_console(), found)
    if not found.healthy:
        sys.exit(_FAILURE)


@cli.command()
@form_options
@state_dir_option
def outputs(*, form: str | None, directory: Path | None) -> None:
    """Print the stack's outputs; as JSON, one flat object, as `pulumi stack output --json`."""
    stack = read_local_stack(directory)
    if _prints_json(form):
        _print_json(stack.outputs)
    else:
        print_outputs(open_console(), stack)


def _print_json(result: BaseModel) -> None:
    # In ASCII: a terminal obeys none of it.
    click.echo(json.dumps(result.model_dump(mode="json", by_alias=True), indent=2))


def _prints_json(form: str | None) -> bool:
    return form == "json" if form else not sys.stdout.isatty()


@cli.command()
@state_dir_option
def env(directory: Path | None) -> None:
    """Print export lines for aws, curl and others: API_URL, AWS_ENDPOINT_URL, the region, the keys.

    Use them with: eval "$(python -m local env)". The keys are drawn anew at each start.
    """
    stack = read_local_stack(directory)
    for name, value in {
        "API_URL": stack.outputs.api_url,
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "AWS_REGION": stack.region,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_ACCESS_KEY_ID": stack.access_key_id,
        "AWS_SECRET_ACCESS_KEY": stack.secret_access_key,
    }.items():
        click.echo(f"export {name}={shlex.quote(value)}")


@cli.command()
@click.option("--follow", "-f", is_flag=True, help="Continue with what is written from now on, until Ctrl-C.")
@click.option(
    "--function",
    "name",
    default="log-user-changes",
    show_default=True,
    help="Whose log: the function's folder, with hyphens.",
)
@click.option("--raw", is_flag=True, help="The lines as they were written: JSON, and the runtime's own.")
@state_dir_option
def logs(*, follow: bool, name: str, raw: bool, directory: Path | None) -> None:
    """Print a function's log."""
    stack = read_local_stack(directory)
    functions = functions_of(stack.outputs)
    if name not in functions:
        raise LocalStackError(f"the stack has no function {name!r}. It has: {', '.join(sorted(functions))}")
    log = FunctionLog(clients_of(stack).logs, functions[name])
    console = open_console()
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
        click.echo(printable_lines(line.message))


@cli.command()
@click.option("--follow", "-f", is_flag=True, help="Continue with what is published from now on, until Ctrl-C.")
@click.option("--since", metavar="TIME", help="Only from then on: 90s, 10m, 2h, 1d ago, or ISO 8601.")
@click.option("--raw", is_flag=True, help="The events as a rule's target gets them: JSON, one a line.")
@state_dir_option
def events(*, follow: bool, since: str | None, raw: bool, directory: Path | None) -> None:
    """Print the events for other teams that are in the bus's archive (docs/events.md)."""
    # Imported here, so that the other commands needn't wait for it.
    from local.events import archived_events, bus_of, following, moment, readable_event  # noqa: PLC0415

    try:
        start = moment(since, datetime.now(UTC)) if since else None
    except ValueError as error:
        raise click.BadParameter(
            f"{since!r} is neither 10m ago nor a time in ISO 8601", param_hint="--since"
        ) from error
    stack = read_local_stack(directory)
    clients = clients_of(stack)
    console = open_console()

    def show(event: JsonObject) -> None:
        if raw:
            click.echo(json.dumps(event))
        else:
            console.print(readable_event(event), soft_wrap=True)

    try:
        with termination_signals() as pause, contextlib.ExitStack() as rules:
            # Before the archive is read, so that no event is missed between the two.
            follower = rules.enter_context(following(bus_of(stack), clients)) if follow else None
            shown: set[str] = set()
            for event in archived_events(stack, clients, start):
                show(event)
                shown.add(event["id"])
            while follower:
                for event in follower.new_events():
                    # An event of the archive comes again only in a replay.
                    if event["id"] not in shown or "replay-name" in event:
                        show(event)
                pause(_LOG_POLL_SECONDS)
    except TerminationRequested:
        pass  # The way to end --follow.
    except BotoCoreError:
        # If the stack has ended meanwhile, say that instead.
        read_local_stack(directory)
        raise


@cli.command()
@state_dir_option
def reconnect(*, directory: Path | None) -> None:
    """Read the tables' streams again after one was switched off, or off and on.

    `pulumi up --refresh` does so on AWS.
    """
    stack = read_local_stack(directory)
    done = False
    for text, outputs in reconnect_streams(stack):
        write_local_stack(state_directory(directory), stack.model_copy(update={"outputs": outputs}))
        open_console().print(text, soft_wrap=True, highlight=False, markup=False)
        done = True
    if not done:
        open_console().print("Each consumer reads its table's stream: nothing to do")


@cli.command()
@click.argument("project", type=click.Path(path_type=Path, file_okay=False, exists=True))
@state_dir_option
def deploy(*, project: Path, directory: Path | None) -> None:
    """Deploy another Pulumi project beside the stack, such as a subscriber's to its events.

    PROJECT is its folder, with a program in Python and a Pulumi.local.yaml. Its StackReference to
    organization/userstream/local gets the stack's outputs. It begins anew each time.
    """
    # Imported here, so that the other commands needn't wait for Pulumi.
    from local.deploy.deployment import DeploymentError  # noqa: PLC0415  for that reason
    from local.deploy.subscriber import deploy_subscriber  # noqa: PLC0415  for that reason

    stack = read_local_stack(directory)
    console = open_console()
    try:
        with termination_signals() as pause, console.status(f"Deploying {project}"):
            exports, count = deploy_subscriber(
                project, stack, clients_of(stack), state_directory(directory).resolve(), pause
            )
    except DeploymentError as error:
        raise LocalStackError(str(error)) from error
    except TerminationRequested as error:
        raise LocalStackError("interrupted; run it again, which begins anew") from error
    for name, value in exports.items():
        console.print(f"{name}  {value}", soft_wrap=True, highlight=False, markup=False)
    console.print(f"{count} resources deployed")


@cli.command()
@state_dir_option
def poison(directory: Path | None) -> None:
    """Write a user whose schemaVersion no function supports, past the API.

    Its stream record ends, whole, in the dead-letter queue, and those around it are processed. The
    fix is a line of code; after it the record can be replayed.
    """
    user_id = write_unsupported_user(read_local_stack(directory))
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
        click.echo(printable_lines(f"Error: {error}"), err=True)
        sys.exit(_FAILURE)
