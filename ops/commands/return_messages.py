"""`return-pointers`, `return-mails`: messages that failed several times, given back."""

from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import click
from rich.text import Text

from ops.aws.queues import MESSAGES_PER_CALL, MessageQueue, OutgoingMessage
from ops.aws.services import Services
from ops.context import CommandContext, OpsCommand, pass_command_context
from ops.dead_letters.peek import Peek
from ops.errors import NotFoundError
from ops.job import Job
from ops.output import camel_json, count


@dataclass
class Returned:
    """What was done; printed as JSON."""

    returned: int = 0
    left: int = 0  # of those received
    hidden_by_others: int = 0
    """Approximate number in flight in other consumers, counted if nothing was returned."""
    interrupted: bool = False


def return_pointers(services: Services, job: Job) -> Returned:
    """Move all pointers from the redrive queue to the failure queue.

    If the process is killed, a pointer may be rescued twice, to the same failure ids.
    """
    return _move(services.redrive_queue(), services.failure_queue(), job)


def _move(source: MessageQueue, target: MessageQueue, job: Job) -> Returned:
    """Move all messages; each is deleted once the other queue has it.

    After an OpsError, messages moved by then stay moved.
    """
    result = Returned()
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


@click.command("return-pointers", cls=OpsCommand)
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
    _finish(context, result, _Words("pointer", "redrive queue", "failure queue"))


@click.command("return-mails", cls=OpsCommand)
@pass_command_context
def return_mails_command(context: CommandContext) -> None:
    """Send the mails about registrations that could not be sent.

    With neutral answers, registrations about which no mail could be sent are in a dead-letter
    queue. This moves all of them back to their queue. About one that has expired or is confirmed
    nothing is sent. If this is killed a mail may go out twice; both have the same link.
    """
    outputs, queue_at = context.services.outputs, context.services.queue_at
    waiting, unsent = outputs.registration_mails_queue_url, outputs.registration_mails_dead_letter_queue_url
    if waiting is None or unsent is None:
        raise NotFoundError(
            "The stack sends no mails", "its registrationAnswers are explicit: docs/registration-answers.md"
        )
    with context.job("Returning") as job:
        result = _move(queue_at(unsent), queue_at(waiting), job)
    _finish(context, result, _Words("mail", "dead-letter queue of the mails", "queue"))


class _Words(NamedTuple):
    message: str
    source: str
    target: str


def _finish(context: CommandContext, result: Returned, words: _Words) -> None:
    context.finish(
        camel_json(result),
        lambda: _render(result, words),
        interrupted=result.interrupted,
        unfinished=bool(result.left or result.hidden_by_others),
    )


def _render(result: Returned, words: _Words) -> Text:
    if result.hidden_by_others:
        return Text(
            f"{count(result.hidden_by_others, words.message)} in flight elsewhere, in another consumer or in a command "
            "that was killed; they become visible again within a minute.",
            style="yellow",
        )
    if not (result.returned or result.left):
        return Text(f"The {words.source} is empty.", style="green")
    left = f"; {result.left:,} left" if result.left else ""
    return Text(f"{count(result.returned, words.message)} back in the {words.target}{left}.", style="green")
