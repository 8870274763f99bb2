"""What the commands share: how an error ends one, and options."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError
from typing_extensions import override

from local.output import printable_lines
from local.state import DIRECTORY_VARIABLE, LocalStackError

FAILURE = 1
"""Exit code of a command that couldn't do what it was asked to."""

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


class LocalCommand(click.Command):
    """A command that prints an error of the stack or of AWS as text, with exit code 1."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (LocalStackError, ClientError, BotoCoreError) as error:
            click.echo(printable_lines(f"Error: {error}"), err=True)
            sys.exit(FAILURE)
