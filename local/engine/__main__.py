"""`python -m local.engine`; what goes wrong is told in words, with exit code 1."""

import sys

import click
from pulumi.automation.errors import CommandError

from infra.stack_config import StackFileError
from local.emulator import EmulatorError
from local.engine.cli import cli
from local.engine.killed_update import StillRunningError
from local.engine.workspace import EngineMissingError
from local.environment import shut_out_user_settings


def main() -> None:
    """Run one command."""
    shut_out_user_settings()
    try:
        cli.main(prog_name="python -m local.engine")
    except CommandError as error:
        # All that the SDK keeps of the command is one text, whose last part is what the engine wrote on stderr.
        told = str(error)
        click.echo(told.partition(" stderr: ")[2].strip() or told, err=True)
        sys.exit(1)
    except (EmulatorError, EngineMissingError, FileNotFoundError, StackFileError, StillRunningError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
