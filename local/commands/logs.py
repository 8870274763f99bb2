"""`logs`: what the functions wrote."""

from pathlib import Path

import click
from botocore.exceptions import BotoCoreError
from rich.console import Console

from local.commands.options import state_dir_option
from local.end_signals import EndRequested, end_signals
from local.function_log import FunctionLog
from local.log_view import readable_lines
from local.stack_clients import clients_of
from local.state import read_local_stack

_LOOK_SECONDS = 0.25

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
        with end_signals() as pause:
            _show(console, log, raw=raw)
            while follow:
                pause(_LOOK_SECONDS)
                _show(console, log, raw=raw)
    except EndRequested:
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
