"""`logs`, `events`: what the functions write and what the bus gets, up to now or as it comes."""

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path

import click
from botocore.exceptions import BotoCoreError
from rich.console import Console

from functions.runtime.json_log import JsonObject
from local.commands.options import LocalCommand, state_dir_option
from local.output import FunctionLog, open_console, print_log, printable_lines
from local.process import TerminationRequested, termination_signals
from local.state import LocalStackError, clients_of, functions_of, read_local_stack

_LOG_POLL_SECONDS = 0.25


@click.command(cls=LocalCommand)
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


@click.command(cls=LocalCommand)
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
