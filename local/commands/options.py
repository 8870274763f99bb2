"""Options that several commands have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from local.state import DIRECTORY_VARIABLE

Command = TypeVar("Command", bound=Callable[..., Any])

ON_TROUBLE = 1
"""Exit code of a command that could not do what it was asked."""


def state_dir_option(command: Command) -> Command:
    """--state-dir DIRECTORY: which local stack is meant."""
    return click.option(
        "--state-dir",
        "directory",
        type=click.Path(path_type=Path, file_okay=False),
        envvar=DIRECTORY_VARIABLE,
        help=f"Directory of the stack's state and logs. Default: .local, or ${DIRECTORY_VARIABLE}.",
    )(command)
