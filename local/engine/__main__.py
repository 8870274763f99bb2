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
    except CommandError:
        sys.exit(1)  # The engine has said why on the way.
    except (EmulatorError, EngineMissingError, FileNotFoundError, StackFileError, StillRunningError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
