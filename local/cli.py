"""`python -m local`: the commands of the stack on this machine."""

import sys
from io import TextIOWrapper

import click
from botocore.exceptions import BotoCoreError, ClientError

from local.commands.down import down
from local.commands.logs import logs
from local.commands.options import ON_TROUBLE
from local.commands.outputs import outputs
from local.commands.poison import poison
from local.commands.status import status
from local.commands.up import up
from local.environment import shut_out_user_settings
from local.state import LocalStackError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """The whole of userstream on this machine: an AWS emulator, the Pulumi program, the stream's poller, the page."""


for command in (up, down, status, outputs, logs, poison):
    cli.add_command(command)


def main() -> None:
    """Run one command; what goes wrong is told in words, with exit code 1."""
    shut_out_user_settings()
    for stream in (sys.stdout, sys.stderr):
        # A user's name, or our own tick, that the terminal's encoding lacks must not end the stack.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        cli.main(prog_name="python -m local")
    except (LocalStackError, ClientError, BotoCoreError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(ON_TROUBLE)
