"""`return-pointers`: pointers that the rescue failed to process, given to it again."""

from dataclasses import dataclass
from itertools import islice

import click
from rich.text import Text

from ops.aws.queues import MESSAGES_PER_CALL, OutgoingMessage
from ops.aws.services import Services
from ops.context import CommandContext, OpsCommand, pass_command_context
from ops.dead_letters.peek import Peek
from ops.job import Job
from ops.output import camel_json, count


@dataclass
class ReturnedPointers:
    """What was done; printed as JSON."""

    returned: int = 0
    left: int = 0  # of those received
    hidden_by_others: int = 0
    """Approximate number in flight in other consumers, counted if nothing was returned."""
    interrupted: bool = False


def return_pointers(services: Services, job: Job) -> ReturnedPointers:
    """Move all messages from the redrive queue to the failure queue.

    A message is deleted once the failure queue has it. If the process is killed in between, a
    pointer is rescued twice, to the same failure ids. After an OpsError, messages moved by then
    stay moved.
    """
    result = ReturnedPointers()
    source, target = services.redrive_queue(), services.failure_queue()
    moved, complete = 1, False
    while moved and not complete and not job.stop_requested():
        moved = 0
        with Peek(source, job.stop_requested, now=job.now) as peek:
            messages = peek.messages()
            while batch := list(islice(messages, MESSAGES_PER_CALL)):
                if len(batch) < MESSAGES_PER_CALL and job.stop_requested():
                    break
                target.send([OutgoingMessage(message.body, message.attributes) for message in batch])
                moved += peek.delete(message.message_id for message in batch)
                result.returned += len(batch)
                job.report_progress(result.returned, peek.received)
            result.left = peek.received - moved
            complete = peek.complete
    result.interrupted = job.stop_requested()
    if not result.returned and not result.interrupted:
        result.hidden_by_others = source.depth().in_flight
    return result


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
