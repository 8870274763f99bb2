"""`down`: end the stack."""

import os
import signal
import time
from pathlib import Path

import click

from local.commands.options import state_dir_option
from local.state import LocalStackError, claimed_by, state_directory

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
