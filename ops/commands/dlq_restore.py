"""`dlq restore`: an export's messages back in the queue."""

from pathlib import Path

import click
from rich.text import Text

from ops.dead_letter_restore import restore
from ops.desk import Desk, OpsCommand, end, pass_desk, screen_options
from ops.errors import ExitCode
from ops.interruption import stop_on_interrupt
from ops.long_work import LongWork
from ops.screen import Screen
from ops.tables import count

_REST = "; the same command begins anew, and what is there twice counts once"


@click.command("restore", cls=OpsCommand, short_help="Put an export back into the queue.")
@click.argument("file", type=click.Path(path_type=Path))
@screen_options
@pass_desk
def restore_command(desk: Desk, *, file: Path, screen: Screen) -> None:
    """Put the messages of an export FILE back into the dead-letter queue.

    It undoes a `dlq discard`, or an `export --remove`. To restore twice is harmless: a failed record that is in the
    queue several times is listed and replayed once.
    """
    with stop_on_interrupt() as stop, screen.progress("Restoring") as meter:
        restored = restore(desk.services, file, LongWork(stop=stop, meter=meter))
    stopped = stop()
    screen.show(
        {"file": str(file), "restored": restored, "interrupted": stopped},
        lambda: Text(f"{count(restored, 'message')} back in the queue{_REST if stopped else ''}.", style="green"),
    )
    if stopped:
        end(ExitCode.INTERRUPTED)
