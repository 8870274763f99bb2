"""`dlq show`: one failed record in full."""

import json
import time
from collections.abc import Sequence

import click
from rich.console import Group, RenderableType
from rich.text import Text

from functions.runtime.json_log import JsonObject, utc_timestamp
from functions.stream_records.attribute_values import Changes
from ops.context import CommandContext, OpsCommand, pass_command_context
from ops.dead_letters.message import DeadLetter, read_dead_letter
from ops.dead_letters.peek import Peek
from ops.dead_letters.record import carried_change, record_changes, value_as_json
from ops.dead_letters.selection import Selection
from ops.errors import OpsError
from ops.layout import blocks, facts, table
from ops.output import age, argument, kind_text, printable, value_text


@click.command("show", cls=OpsCommand)
@click.argument("failure_id", metavar="ID")
@pass_command_context
def show_failure(context: CommandContext, *, failure_id: str) -> None:
    """Show the failed record ID: what it would have changed, why it failed, and where it came from.

    ID is what `dlq list` prints, or the beginning of it. The message stays in the queue. A record
    from a consumer's own queue holds none of the user's values: `activity USER` shows them.
    """
    copies = _find_copies(context, failure_id)
    missing = None
    try:
        copies[-1] = copies[-1].fetched(context.services.envelopes())
    except OpsError as error:
        missing = error.message
    context.finish(_letter_json(copies, missing), lambda: _render_letter(context, copies, missing))


def _find_copies(context: CommandContext, failure_id: str) -> list[DeadLetter]:
    """Return the messages of the failure, the newest last."""
    queue = context.services.dead_letter_queue()
    selection = Selection(ids=(failure_id,))
    with context.job("Reading") as job, Peek(queue, job.stop_requested) as peek:
        letters = (read_dead_letter(message, context.services.outputs) for message in peek.messages())
        matching = [letter for letter in letters if selection.matches(letter)]
    if job.stop_requested():
        raise KeyboardInterrupt
    read = None if peek.complete else f"{peek.received:,} messages were read."
    exact = [letter for letter in matching if letter.failure_id == failure_id] or matching
    selection.check_found((letter.failure_id for letter in exact), queue.name, read)
    return sorted(exact, key=lambda letter: letter.message.sent_at)


def _letter_json(copies: Sequence[DeadLetter], missing: str | None) -> JsonObject:
    letter = copies[-1]
    changes = _changes(letter)
    return {
        "failureId": letter.failure_id,
        "consumer": letter.consumer_name,
        "kind": letter.kind,
        "reason": letter.reason,
        "replayable": letter.change is not None,
        "messages": [
            {
                "messageId": copy.message.message_id,
                "sentAt": utc_timestamp(copy.message.sent_at),
                "receiveCount": copy.message.receive_count,
            }
            for copy in copies
        ],
        "distinctRecords": _distinct_records(copies),
        "changes": None if isinstance(changes, str) else _changes_json(changes),
        "envelope": json.loads(letter.envelope.to_json()) if letter.envelope else None,
        "body": None if letter.envelope else letter.message.body,
        "missing": missing,
    }


def _distinct_records(copies: Sequence[DeadLetter]) -> int:
    """Return how many different records the messages carry that a replay would send."""
    return len({copy.change.identity for copy in copies if copy.change})


def _changes_json(changes: Changes) -> JsonObject:
    return {
        name: {side: json.loads(text) for side, value in change._asdict().items() if (text := value_as_json(value))}
        for name, change in changes.items()
    }


def _changes(letter: DeadLetter) -> Changes | str:
    """Return what the record would have changed, or why that is unknown."""
    if letter.envelope is None:
        return "the message is no envelope"
    if letter.envelope.record is None:
        return "the record is lost: only the pointer is left" if letter.kind == "lost" else "the record isn't at hand"
    return record_changes(letter.envelope.record)


def _render_letter(context: CommandContext, copies: Sequence[DeadLetter], missing: str | None) -> RenderableType:
    letter = copies[-1]
    heading = Text.assemble((printable(letter.failure_id), "bold"), "  ", kind_text(letter.kind))
    changes = _changes(letter)
    if letter.envelope is None:
        content = Group(Text("The message as it came:", style="dim"), Text(printable(letter.message.body)))
    elif isinstance(changes, str):
        content = f"No changes to show: {changes}."
    else:
        content = _change_table(changes)
    command = "dlq replay --dry-run" if letter.change else "dlq discard"
    then = [f"{command} {argument(letter.failure_id)}"]
    if letter.user_id and letter.envelope and carried_change(letter.envelope.record):
        then = [f"activity {argument(letter.user_id)}", *then]
    return blocks(
        Group(heading, Text(printable(letter.reason), style="bold")),
        _facts(copies),
        Text(printable(missing), style="red") if missing else None,
        content,
        context.next_steps(*then),
    )


def _facts(copies: Sequence[DeadLetter]) -> RenderableType:
    newest, envelope = copies[-1].message, copies[-1].envelope
    waiting = [
        ("in the queue", f"{age(time.time() - copies[0].message.sent_at)}, received {newest.receive_count} times"),
        ("messages", _messages(copies) if len(copies) > 1 else None),
    ]
    if envelope is None:
        return facts(*waiting, ("message", newest.message_id))
    pointer = envelope.pointer
    carried = carried_change(envelope.record)
    # A foreign message in a consumer's queue carries no change.
    source = "queue" if ":sqs:" in (envelope.event_source_arn or "") else "stream"
    sequence = f"{pointer.start_sequence_number} to {pointer.end_sequence_number}" if pointer else ""
    return facts(
        ("consumer", copies[-1].consumer_name),
        ("event", copies[-1].event_name),
        ("user", envelope.user_id),
        ("change", carried.change_id if carried else None),
        ("occurred", carried.occurred_at if carried else None),
        ("origin", carried.origin if carried else None),
        ("attempts", str(envelope.attempts)),
        ("condition", envelope.condition),
        ("first failed", envelope.first_failed_at),
        ("last failed", envelope.last_failed_at if envelope.last_failed_at != envelope.first_failed_at else None),
        *waiting,
        ("function", envelope.source_function),
        (source, envelope.event_source_arn),
        ("shard", envelope.shard_id),
        ("sequence number", None if carried else envelope.sequence_number),
        ("kept at", envelope.record_location),
        ("pointer", f"{pointer.batch_size} of {pointer.shard_id}, {sequence}" if pointer else None),
    )


def _messages(copies: Sequence[DeadLetter]) -> str:
    distinct = _distinct_records(copies)
    differ = f", with {distinct} different records: this is the newest" if distinct > 1 else ""
    return f"{len(copies)}{differ}"


def _change_table(changes: Changes) -> RenderableType:
    if not changes:
        return Text("The images are equal: it would have changed nothing.")
    rows = (
        (name, value_text(value_as_json(change.old), "red"), value_text(value_as_json(change.new), "green"))
        for name, change in changes.items()
    )
    return table(("Field", "Before", "After"), rows)
