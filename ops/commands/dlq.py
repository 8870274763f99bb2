"""`dlq`: the failed records."""

import json
import time

import click
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from functions.runtime.json_log import Json, JsonObject
from functions.runtime.timestamps import utc_timestamp
from functions.stream_records.attribute_values import Changes
from ops.aws.sqs import MessageQueue, QueueDepth
from ops.commands.dlq_files import discard, export, restore_command
from ops.commands.dlq_replay import replay
from ops.context import Desk, OpsCommand, OpsGroup, end, pass_desk, screen_options, where_option
from ops.dead_letters.message import NOTHING_TO_REPLAY, DeadLetter, plain_value, read_dead_letter, record_changes
from ops.dead_letters.selection import Selection, parse_conditions
from ops.dead_letters.summary import HIDE_SECONDS, MARGIN_SECONDS, DeadLetterSummary, Look
from ops.errors import ExitCode, NotFoundError, OpsError
from ops.job import StopRequested, stop_on_interrupt
from ops.output import Screen, age, count, facts, hidden_text, kind_text, next_steps, plain, short_ids, table

# `dlq list`: what failed, why, and since when.

ROWS = 50
GROUPS = 20


@click.command("list", cls=OpsCommand, short_help="What failed, why, and since when.")
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=0), help=f"Failures to print: {ROWS} in a table, all in JSON."
)
@click.option(
    "--seconds",
    metavar="S",
    type=click.IntRange(min=1, max=3600),
    default=HIDE_SECONDS - MARGIN_SECONDS,
    show_default=True,
    help="Longest time to look; a larger queue is counted in part.",
)
@where_option
@screen_options
@pass_desk
def list_failures(desk: Desk, *, where: tuple[str, ...], limit: int | None, seconds: int, screen: Screen) -> None:
    """Show what is in the dead-letter queue: grouped by reason, then one by one.

    Nothing is removed. While the look takes, the messages are hidden from others; then all are given back, after
    Ctrl-C too.
    """
    selection = Selection(conditions=parse_conditions(where))
    queue = desk.services.dead_letters()
    summary = DeadLetterSummary()
    depth = queue.depth()
    with (
        stop_on_interrupt() as stop,
        Look(queue, stop, hide_seconds=seconds + MARGIN_SECONDS) as look,
        screen.progress("Looking") as meter,
    ):
        for message in look.messages():
            letter = read_dead_letter(message)
            if selection.chooses(letter, desk.services.envelopes()):
                summary.add(letter)
            meter(look.seen, depth.total)
        depth = queue.depth()
        hidden_by_others = max(0, depth.in_flight - look.held())
    failures = summary.failures()
    data = {
        "queue": queue.name,
        "messages": summary.messages,
        "failures": len(failures),
        "complete": look.complete,
        "hiddenByOthers": hidden_by_others,
        "delayed": depth.delayed,
        "groups": [group.as_json() for group in summary.groups()],
        "records": [failure.as_json() for failure in failures[:limit]],
    }
    if not failures:
        nothing = "nothing that fits" if where else "empty"
        heading = Text(f"{queue.name}: {nothing}", style="green")
    else:
        heading = Text.assemble((queue.name, "bold"), f": {_heading(summary)}")
    remark = _remark(look, depth, hidden_by_others)
    limit = ROWS if limit is None else limit
    rest = [Text(), Text(remark)] if remark else []
    screen.show(data, lambda: Lines(heading, *_readable(desk, summary, limit, selection.words), *rest))
    if stop():
        end(ExitCode.INTERRUPTED)


def _heading(summary: DeadLetterSummary) -> str:
    failures = summary.failures()
    oldest = age(time.time() - failures[0].sent_at)
    copies = f" ({count(summary.messages, 'message')}: some come twice)" if summary.messages > len(failures) else ""
    return f"{count(len(failures), 'failed record')}, the oldest waiting for {oldest}{copies}"


def _remark(look: Look, depth: QueueDepth, hidden_by_others: int) -> str | None:
    if hidden_by_others:
        return hidden_text(hidden_by_others)
    if not look.complete:
        return f"Not all: {look.seen:,} of about {depth.total:,}. A longer look: --seconds."
    return None


def _readable(desk: Desk, summary: DeadLetterSummary, limit: int, chosen: str) -> list[RenderableType]:
    """Return the groups, the failures one by one, and what to do next with those that were `chosen`."""
    failures, groups = summary.failures(), summary.groups()
    if not failures:
        return []
    now = time.time()
    grouped = table("Records", "Waiting", "Kind", "Reason", right=["Records", "Waiting"])
    for group in groups[:GROUPS]:
        waiting = age(now - group.oldest_sent_at)
        grouped.add_row(f"{group.failures:,}", waiting, kind_text(group.kind), Text(plain(group.reason)))
    parts: list[RenderableType] = [Text(), grouped, Text()]
    if len(groups) > GROUPS:
        parts += [Text(f"{len(groups) - GROUPS:,} more reasons: --json lists all."), Text()]
    ids = short_ids([failure.failure_id for failure in failures])
    single = table("ID", "Waiting", "Kind", "Event", "User", right=["Waiting"])
    for failure in failures[:limit]:
        single.add_row(
            Text(plain(ids[failure.failure_id])),
            age(now - failure.sent_at),
            kind_text(failure.kind),
            Text(plain(failure.event_name or "")),
            Text(plain(failure.user_id or "")),
        )
    parts += [single, Text()]
    if len(failures) > limit:
        parts += [Text(f"{len(failures) - limit:,} more: --limit N, or --json for all."), Text()]
    show = desk.command(f"dlq show {ids[failures[0].failure_id]}")
    replayable = any(failure.kind not in NOTHING_TO_REPLAY for failure in failures)
    then = f"dlq replay {chosen} --dry-run" if replayable else f"dlq discard {chosen}"
    return [*parts, next_steps(show, desk.command(then))]


# `dlq show`: one failed record, with what it would have changed.


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
    screen.show(_data(letter, copies, missing), lambda: _readable_dlq_show(desk, letter, copies, missing))


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
                "sentAt": utc_timestamp(copy.message.sent_at),
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


def _readable_dlq_show(desk: Desk, letter: DeadLetter, copies: list[DeadLetter], missing: str | None) -> RenderableType:
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


@click.group(cls=OpsGroup, short_help="Failed records: see, save, replay, discard.")
def dlq() -> None:
    """The dead-letter queue: records that could not be processed, whole."""


for command in (list_failures, show_failure, replay, export, discard, restore_command):
    dlq.add_command(command)
