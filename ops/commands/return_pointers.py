"""`return-pointers`: pointers that the rescue failed to process, given to it again."""

import click
from rich.text import Text

from ops.context import CommandContext, OpsCommand, pass_command_context
from ops.dead_letters.pointers import ReturnedPointers, return_pointers
from ops.output import camel_json, count


@click.command("return-pointers", cls=OpsCommand, short_help="Give the rescue its failed pointers again.")
@pass_command_context
def return_pointers_command(context: CommandContext) -> None:
    """Give the rescue the pointers again that it failed to process.

    A pointer that rescue_failed_batches failed to process several times is in its redrive queue.
    Once the rescue works again, this moves all of them back to the failure queue; each is deleted
    only when it is there. The records they point to leave the stream 24 hours after they were
    written: be quick.
    """
    with context.job("Returning") as job:
        result = return_pointers(context.services, job)
    context.finish(
        camel_json(result),
        lambda: _render(result),
        interrupted=result.interrupted,
        unfinished=bool(result.left or result.hidden_by_others),
    )


def _render(result: ReturnedPointers) -> Text:
    if result.hidden_by_others:
        return Text(
            f"{count(result.hidden_by_others, 'pointer')} in flight elsewhere, in another consumer or in a command "
            "that was killed; they become visible again within a minute.",
            style="yellow",
        )
    if not (result.returned or result.left):
        return Text("The redrive queue is empty.", style="green")
    left = f"; {result.left:,} left" if result.left else ""
    return Text(f"{count(result.returned, 'pointer')} back in the failure queue{left}.", style="green")
