"""`return-pointers`: what the rescue set aside, once more."""

import click
from rich.text import Text

from ops.context import Desk, OpsCommand, end, pass_desk, screen_options
from ops.dead_letters.pointers import PointerReturn, return_pointers
from ops.errors import ExitCode
from ops.job import LongWork, stop_on_interrupt
from ops.output import Screen, count


@click.command("return-pointers", cls=OpsCommand, short_help="What the rescue set aside, once more.")
@screen_options
@pass_desk
def return_pointers_command(desk: Desk, *, screen: Screen) -> None:
    """Give the rescue the pointers again that it has set aside.

    A pointer that rescue_failed_batches could not take several times waits in its redrive queue. Once the rescue works
    again, this moves all of them back to the failure queue, each removed only when it is there. The records they point
    to leave the stream 24 hours after they were written: be quick.
    """
    with stop_on_interrupt() as stop, screen.progress("Returning") as meter:
        done = return_pointers(desk.services, LongWork(stop=stop, meter=meter))
    screen.show(
        {
            "returned": done.returned,
            "left": done.left,
            "hiddenByOthers": done.hidden,
            "interrupted": done.interrupted,
        },
        lambda: _readable(done),
    )
    if done.interrupted:
        end(ExitCode.INTERRUPTED)
    if done.left or done.hidden:
        end(ExitCode.UNFINISHED)


def _readable(done: PointerReturn) -> Text:
    if done.hidden:
        return Text(
            f"{count(done.hidden, 'pointer')} somebody else holds, or a command that was killed did: "
            "they show up again within a minute.",
            style="yellow",
        )
    if not (done.returned or done.left):
        return Text("The rescue has set nothing aside.", style="green")
    left = f"; {done.left:,} left" if done.left else ""
    return Text(f"{count(done.returned, 'pointer')} back in the failure queue{left}.", style="green")
