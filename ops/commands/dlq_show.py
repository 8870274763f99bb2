"""`dlq list` and `dlq show`: failed records read without a change."""

import json
import time
from collections.abc import Iterator, Sequence

import click
from rich.console import Group, RenderableType
from rich.text import Text

from functions.runtime.json_log import JsonObject, utc_timestamp
from functions.stream_records.attribute_values import Changes
from ops.context import CommandContext, OpsCommand, pass_command_context, where_option
from ops.dead_letters.message import (
    NOTHING_TO_REPLAY,
    DeadLetter,
    Failure,
    FailureGroup,
    count_failures,
    group_by_reason,
    read_dead_letter,
    record_changes,
    value_as_json,
)
from ops.dead_letters.peek import MARGIN_SECONDS, VISIBILITY_TIMEOUT, Peek, unread_remark
from ops.dead_letters.selection import Selection, parse_conditions
from ops.errors import OpsError
from ops.output import (
    age,
    blocks,
    camel_json,
    count,
    facts,
    kind_text,
    printable,
    short_ids,
    table,
    value_text,
)

FAILURES_SHOWN = 50
GROUPS_SHOWN = 20


@click.command("list", cls=OpsCommand, short_help="What failed, why, and since when.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=0),
    help=f"Failures to print: {FAILURES_SHOWN} in a table, all in JSON.",
)
@click.option(
    "--seconds",
    metavar="S",
    type=click.IntRange(min=1, max=3600),
    default=VISIBILITY_TIMEOUT - MARGIN_SECONDS,
    show_default=True,
    help="Longest time to read; a larger queue is counted in part.",
)
@where_option
@pass_command_context
def list_failures(context: CommandContext, *, where: tuple[str, ...], limit: int | None, seconds: int) -> None:
    """Show what is in the dead-letter queue: grouped by reason, then one by one.

    Nothing is removed. While it reads, the messages are in flight, invisible to other consumers; at
    the end, and after Ctrl-C, all of them become visible again.
    """
    selection = Selection(conditions=parse_conditions(where))
    queue, store = context.services.dead_letter_queue(), context.services.envelopes()
    approximate_total = queue.depth().total
    with (
        context.job("Reading") as job,
        Peek(queue, job.stop_requested, visibility_timeout=seconds + MARGIN_SECONDS) as peek,
    ):

        def selected() -> Iterator[DeadLetter]:
            for letter in map(read_dead_letter, peek.messages()):
                if selection.matches_fetched(letter, store):
                    yield letter
                job.report_progress(peek.received, approximate_total)

        failures = count_failures(selected())
        depth = queue.depth()
        hidden = peek.in_flight_elsewhere(depth)
        remark = unread_remark(peek, depth, "To read for longer: --seconds.")
    groups = group_by_reason(failures)
    data = {
        "queue": queue.name,
        "messages": sum(failure.copies for failure in failures),
        "failures": len(failures),
        "complete": peek.complete,
        "hiddenByOthers": hidden,
        "delayed": depth.delayed,
        "groups": [camel_json(group) | {"oldestSentAt": utc_timestamp(group.oldest_sent_at)} for group in groups],
        "records": [camel_json(one) | {"sentAt": utc_timestamp(one.sent_at)} for one in failures[:limit]],
    }

    def render() -> RenderableType:
        if not failures:
            nothing = "nothing that matches" if where else "empty"
            return blocks(Text(f"{queue.name}: {nothing}", style="green"), remark)
        ids = short_ids([failure.failure_id for failure in failures])
        replayable = any(failure.kind not in NOTHING_TO_REPLAY for failure in failures)
        arguments = selection.as_arguments
        then = f"dlq replay {arguments} --dry-run" if replayable else f"dlq discard {arguments}"
        return blocks(
            Text.assemble((queue.name, "bold"), f": {_heading(failures)}"),
            _group_table(groups[:GROUPS_SHOWN]),
            f"{len(groups) - GROUPS_SHOWN:,} more reasons: --json lists all." if len(groups) > GROUPS_SHOWN else None,
            _failure_table(failures[:shown], ids),
            f"{len(failures) - shown:,} more: --limit N, or --json for all." if len(failures) > shown else None,
            context.next_steps(f"dlq show {ids[failures[0].failure_id]}", then),
            remark,
        )

    shown = FAILURES_SHOWN if limit is None else limit
    context.finish(data, render, interrupted=job.stop_requested())


def _heading(failures: Sequence[Failure]) -> str:
    oldest = age(time.time() - failures[0].sent_at)
    messages = sum(failure.copies for failure in failures)
    copies = f" ({count(messages, 'message')}: some come twice)" if messages > len(failures) else ""
    return f"{count(len(failures), 'failed record')}, the oldest waiting for {oldest}{copies}"


def _group_table(groups: Sequence[FailureGroup]) -> RenderableType:
    rows = (
        (f"{group.failures:,}", age(time.time() - group.oldest_sent_at), kind_text(group.kind), group.reason)
        for group in groups
    )
    return table(("Records", "Waiting", "Kind", "Reason"), rows, right=("Records", "Waiting"))


def _failure_table(failures: Sequence[Failure], ids: dict[str, str]) -> RenderableType:
    rows = (
        (
            ids[failure.failure_id],
            age(time.time() - failure.sent_at),
            kind_text(failure.kind),
            failure.event_name or "",
            failure.user_id or "",
        )
        for failure in failures
    )
    return table(("ID", "Waiting", "Kind", "Event", "User"), rows, right=("Waiting",))


@click.command("show", cls=OpsCommand, short_help="One failed record in full.")
@click.argument("failure_id", metavar="ID")
@pass_command_context
def show_failure(context: CommandContext, *, failure_id: str) -> None:
    """Show the failed record ID: what it would have changed, why it failed, and where it came from.

    ID is what `dlq list` prints, or the beginning of it. The message stays in the queue.
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
        matching = [letter for letter in map(read_dead_letter, peek.messages()) if selection.matches(letter)]
    if job.stop_requested():
        raise KeyboardInterrupt
    read = None if peek.complete else f"{peek.received:,} messages were read."
    selection.check_found((letter.failure_id for letter in matching), queue.name, read)
    exact = [letter for letter in matching if letter.failure_id == failure_id] or matching
    return sorted(exact, key=lambda letter: letter.message.sent_at)


def _letter_json(copies: Sequence[DeadLetter], missing: str | None) -> JsonObject:
    letter = copies[-1]
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
        "changes": None if isinstance(changes, str) else _changes_json(changes),
        "envelope": json.loads(letter.envelope.to_json()) if letter.envelope else None,
        "body": None if letter.envelope else letter.message.body,
        "missing": missing,
    }


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
    then = f"dlq replay {letter.failure_id} --dry-run" if letter.change else f"dlq discard {letter.failure_id}"
    return blocks(
        Group(heading, Text(printable(letter.reason), style="bold")),
        _facts(copies),
        Text(missing, style="red") if missing else None,
        content,
        context.next_steps(then),
    )


def _facts(copies: Sequence[DeadLetter]) -> RenderableType:
    newest, envelope = copies[-1].message, copies[-1].envelope
    waiting = [
        ("in the queue", f"{age(time.time() - copies[0].message.sent_at)}, received {newest.receive_count} times"),
        ("messages", str(len(copies)) if len(copies) > 1 else None),
    ]
    if envelope is None:
        return facts(*waiting, ("message", newest.message_id))
    pointer = envelope.pointer
    sequence = f"{pointer.start_sequence_number} to {pointer.end_sequence_number}" if pointer else ""
    return facts(
        ("event", copies[-1].event_name),
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
        ("pointer", f"{pointer.batch_size} of {pointer.shard_id}, {sequence}" if pointer else None),
    )


def _change_table(changes: Changes) -> RenderableType:
    if not changes:
        return Text("The images are equal: it would have changed nothing.")
    rows = (
        (name, value_text(value_as_json(change.old), "red"), value_text(value_as_json(change.new), "green"))
        for name, change in changes.items()
    )
    return table(("Field", "Before", "After"), rows)
