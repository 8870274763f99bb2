"""`status`: whether the stack runs, and each part of it."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from local.commands.options import ON_TROUBLE, state_dir_option
from local.emulator import is_healthy
from local.state import LocalStack, read_local_stack, state_directory

_PART_WIDTH = 15


@click.command()
@state_dir_option
def status(directory: Path | None) -> None:
    """Say whether the stack runs, and each part of it; exit code 1 if anything is amiss."""
    directory = state_directory(directory)
    stack = read_local_stack(directory)
    parts = {
        "emulator": is_healthy(stack.endpoint_url),
        "stream poller": stack.poller_pid is not None and _is_alive(stack.poller_pid),
    }
    _print(Console(), stack, directory, parts)
    if not all(parts.values()):
        sys.exit(ON_TROUBLE)


def _print(console: Console, stack: LocalStack, directory: Path, parts: dict[str, bool]) -> None:
    def show(part: str, what: str) -> None:
        # Never folded: a log's path is there to be copied.
        console.print(f"[dim]{part:<{_PART_WIDTH}}[/]{what}", soft_wrap=True, highlight=False)

    show("supervisor", f"[green]running[/], process {stack.pid}, {_since(stack)}")
    logs = escape(str(directory))
    where = {
        "emulator": f"process {stack.emulator_pid}, {stack.endpoint_url}, log {logs}/emulator.log",
        "stream poller": f"process {stack.poller_pid}, log {logs}/poller.log",
    }
    for part, runs in parts.items():
        show(part, f"{'[green]running[/]' if runs else '[red]not running[/]'}, {where[part]}")
    show("API", stack.outputs.api_url)
    show("page", str(stack.outputs.website_url))


def _since(stack: LocalStack) -> str:
    seconds = int((datetime.now(UTC) - stack.started_at).total_seconds())
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"up for {hours} h {minutes} min" if hours else f"up for {minutes} min {seconds % 60} s"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
