"""`dlq show`: one failed record, with what it would have changed."""

import json
import time

import click
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from functions.json_types import Json, JsonObject
from functions.stream_records.image_diff import Changes
from functions.stream_records.user_change import utc_text
from ops.dead_letter import DeadLetter, read_dead_letter
from ops.desk import Desk, OpsCommand, pass_desk, screen_options
from ops.errors import NotFoundError, OpsError
from ops.interruption import StopRequested, stop_on_interrupt
from ops.look import Look
from ops.message_queue import MessageQueue
from ops.record_diff import plain_value, record_changes
from ops.screen import Screen, plain
from ops.selection import Selection
from ops.tables import age, facts, kind_text, next_steps, table


@click.command("show", cls=OpsCommand, short_help="One failed record in full.")
@click.argument("failure_id", metavar="ID")
@screen_options
@pass_desk
def show_failure(desk: Desk, *, failure_id: str, screen: Screen) -> None:
    """Show the failed record ID: what it would have changed, why it failed, and where it came from.

    ID is what `dlq list` prints, or the beginning of it. The message stays in the queue.
    """
    with stop_on_interrupt() as stop:
        copies = _find(desk.services.dead_letters(), failure_id, stop)
    letter, missing = copies[-1], None
    try:
        letter = letter.fetched(desk.services.envelopes())
    except OpsError as error:
        missing = error.message
    screen.show(_data(letter, copies, missing), lambda: _readable(desk, letter, copies, missing))


def _find(queue: MessageQueue, failure_id: str, stop: StopRequested) -> list[DeadLetter]:
    """Return the messages of the failure, the latest last."""
    selection = Selection(ids=(failure_id,))
    fitting: list[DeadLetter] = []
    with Look(queue, stop) as look:
        for message in look.messages():
            letter = read_dead_letter(message)
            if selection.holds_for(letter):
                fitting.append(letter)
    if stop():
        raise KeyboardInterrupt
    if selection.missing(frozenset(letter.failure_id for letter in fitting)):
        raise NotFoundError(
            f"No message of {queue.name} has an id that begins with {failure_id}"
            + ("" if look.complete else f", among the {look.seen:,} that were looked at"),
            "`dlq list` shows the ids; a message that somebody else holds shows up again after that",
        )
    exact = [letter for letter in fitting if letter.failure_id == failure_id] or fitting
    return sorted(exact, key=lambda letter: letter.message.sent_at)


def _data(letter: DeadLetter, copies: list[DeadLetter], missing: str | None) -> JsonObject:
    changes = _changes(letter)
    return {
        "failureId": letter.failure_id,
        "kind": letter.kind,
        "reason": letter.reason,
        "replayable": letter.change is not None,
        "messages": [
            {
                "messageId": copy.message.message_id,
                "sentAt": utc_text(copy.message.sent_at),
                "receiveCount": copy.message.receive_count,
            }
            for copy in copies
        ],
        "changes": None
        if isinstance(changes, str)
        else {name: _sides(change.old, change.new) for name, change in changes.items()},
        "envelope": json.loads(letter.envelope.to_json()) if letter.envelope else None,
        "body": None if letter.envelope else letter.message.body,
        "missing": missing,
    }


def _sides(old: Json, new: Json) -> JsonObject:
    return {side: json.loads(text) for side, value in (("old", old), ("new", new)) if (text := plain_value(value))}


def _changes(letter: DeadLetter) -> Changes | str:
    if letter.envelope is None:
        return "the message is no envelope"
    if letter.envelope.record is None:
        return "the record is lost: only the pointer is left" if letter.kind == "lost" else "the record isn't at hand"
    return record_changes(letter.envelope.record)


def _readable(desk: Desk, letter: DeadLetter, copies: list[DeadLetter], missing: str | None) -> RenderableType:
    changes = _changes(letter)
    parts: list[RenderableType] = [
        Text.assemble((plain(letter.failure_id), "bold"), "  ", kind_text(letter.kind)),
        Text(plain(letter.reason), style="bold"),
        Text(),
        facts(_facts(letter, copies)),
        Text(),
    ]
    if missing:
        parts += [Text(missing, style="red"), Text()]
    if letter.envelope is None:
        parts += [Text("The message as it came:", style="dim"), Text(plain(letter.message.body)), Text()]
    elif isinstance(changes, str):
        parts += [Text(plain(f"No changes to show: {changes}.")), Text()]
    else:
        parts += [_change_table(changes), Text()]
    short = letter.failure_id
    if letter.change:
        parts.append(next_steps(desk.command(f"dlq replay {short} --dry-run")))
    else:
        parts.append(next_steps(desk.command(f"dlq discard {short}")))
    return Lines(*parts)


def _facts(letter: DeadLetter, copies: list[DeadLetter]) -> list[tuple[str, RenderableType | None]]:
    newest = copies[-1].message
    waiting: list[tuple[str, RenderableType | None]] = [
        ("in the queue", f"{age(time.time() - copies[0].message.sent_at)}, received {newest.receive_count} times"),
        ("messages", str(len(copies)) if len(copies) > 1 else None),
    ]
    envelope = letter.envelope
    if envelope is None:
        return [*waiting, ("message", newest.message_id)]
    pointer = envelope.pointer
    return [
        ("event", letter.event_name),
        ("user", envelope.user_id),
        ("attempts", str(envelope.attempts)),
        ("condition", envelope.condition),
        ("first failed", envelope.first_failed_at),
        ("last failed", envelope.last_failed_at if envelope.last_failed_at != envelope.first_failed_at else None),
        *waiting,
        ("function", envelope.source_function),
        ("stream", envelope.event_source_arn),
        ("shard", envelope.shard_id),
        ("sequence number", envelope.sequence_number),
        ("kept at", envelope.record_location),
        (
            "pointer",
            f"{pointer.batch_size} of {pointer.shard_id}, {pointer.start_sequence_number} to "
            f"{pointer.end_sequence_number}"
            if pointer
            else None,
        ),
    ]


def _change_table(changes: Changes) -> RenderableType:
    if not changes:
        return Text("The images are equal: it would have changed nothing.")
    result = table("Field", "Before", "After")
    for name, change in changes.items():
        old, new = plain_value(change.old), plain_value(change.new)
        result.add_row(
            Text(plain(name)),
            Text(plain(old), style="red") if old is not None else Text("-", style="dim"),
            Text(plain(new), style="green") if new is not None else Text("-", style="dim"),
        )
    return result
