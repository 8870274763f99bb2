"""`outputs`: the stack's outputs, for people or for programs."""

from pathlib import Path

import click
from rich.console import Console

from local.commands.options import state_dir_option
from local.ready_screen import print_outputs
from local.state import read_local_stack


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
