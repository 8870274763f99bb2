"""`dlq replay`: failed records sent through the real function again."""

from collections.abc import Iterator, Sequence

import click
from rich.console import Group, RenderableType
from rich.text import Text

from functions.runtime.json_log import JsonObject
from ops.aws.queues import MAX_IN_FLIGHT
from ops.context import CommandContext, OpsCommand, pass_command_context, selection_options
from ops.dead_letters.message import ReplayOutcome
from ops.dead_letters.replay import Replay, ReplayReport
from ops.dead_letters.replay_db import PendingChange, ReplayDb
from ops.dead_letters.selection import Selection
from ops.job import state_file
from ops.output import SHORTEST_ID, blocks, camel_json, count, in_flight_elsewhere, short_ids, table

ROWS = 20  # of a table; JSON has more

LEFT_BECAUSE = {
    ReplayOutcome.REFUSED: "refused again: {}",
    ReplayOutcome.FAILED: "failed: {}",
    ReplayOutcome.WAITING: "waits: {}",
}

BEYOND_REACH = (
    f"There may be more: {MAX_IN_FLIGHT:,} messages were in flight, and SQS returns no others meanwhile. Save and "
    "remove what can't be replayed with `dlq discard`, then replay again."
)


@click.command("replay", cls=OpsCommand, short_help="Send them through the function again.")
@selection_options
@click.option("--dry-run", is_flag=True, help="Only say what would be replayed, in order.")
@click.option(
    "--batch-size",
    metavar="N",
    type=click.IntRange(1, 1000),
    default=100,
    show_default=True,
    help="Records in one invocation.",
)
@pass_command_context
def replay(context: CommandContext, *, selection: Selection, dry_run: bool, batch_size: int) -> None:
    """Send failed records through the real function again, and remove those that it has processed.

    Which ones: by ID (or its beginning), --where, or --all. They are sent in the order of their
    sequence numbers, which keeps the order of each user's changes; after one that fails, later ones
    of the same user wait. A message is removed only once its change is in Activity. Each change has
    its own item there, so an old one never overwrites what the same user did since, and a second
    replay duplicates nothing.

    Ctrl-C stops it between two steps; the same command continues. So it does after a kill: the
    messages that the killed run had in flight become visible again with the next replay from this
    machine, or after 15 minutes.
    """
    services = context.services
    outputs = services.outputs
    replay_db = ReplayDb(state_file("replay", outputs.environment, outputs.dead_letter_queue_url, ".sqlite"))
    first: list[PendingChange] = []
    try:
        with context.job("Reading" if dry_run else "Replaying") as job:
            run = Replay(services, selection, replay_db, job, batch_size=batch_size)
            if dry_run:
                report, first = run.dry_run(ROWS)
            else:
                report = run.run()
    finally:
        replay_db.close()
    hidden = report.hidden_by_others and not selection.ids
    context.finish(
        _dry_run_json(report, first) if dry_run else _replay_json(report),
        lambda: _render_dry_run(context, selection, report, first) if dry_run else _render(context, report),
        error=report.error,
        interrupted=report.interrupted,
        unfinished=bool(report.left or report.beyond_reach or hidden) and not dry_run,
    )


def _replay_json(report: ReplayReport) -> JsonObject:
    return {
        "replayed": report.replayed,
        "refusedAgain": report.counts.get(ReplayOutcome.REFUSED, 0),
        "failed": report.counts.get(ReplayOutcome.FAILED, 0),
        "waiting": report.counts.get(ReplayOutcome.WAITING, 0),
        "untried": report.untried,
        "notReplayable": report.not_replayable,
        "notRemoved": report.not_removed,
        "copiesRemoved": report.copies_removed,
        "hiddenByOthers": report.hidden_by_others,
        "beyondReach": report.beyond_reach,
        "interrupted": report.interrupted,
        "failures": camel_json(report.failures),
    }


def _dry_run_json(report: ReplayReport, first: Sequence[PendingChange]) -> JsonObject:
    return {
        "dryRun": True,
        "wouldReplay": report.untried,
        "notReplayable": report.not_replayable,
        "hiddenByOthers": report.hidden_by_others,
        "beyondReach": report.beyond_reach,
        "first": [
            {"failureId": failure_id, "userId": change.user_id, "changeId": change.change_id}
            for failure_id, change in first
        ],
    }


def _render_dry_run(
    context: CommandContext, selection: Selection, report: ReplayReport, first: Sequence[PendingChange]
) -> RenderableType:
    rows = (
        (str(position), failure_id, str(change.record.get("eventName", "")), change.user_id)
        for position, (failure_id, change) in enumerate(first, start=1)
    )
    more = report.untried - len(first)
    return blocks(
        Text(f"{count(report.untried, 'record')} would be replayed; nothing was done.", style="bold"),
        table(("", "ID", "Event", "User"), rows, right=("",)) if first else None,
        f"and {more:,} more" if first and more > 0 else None,
        *_left_untouched(report),
        context.next_steps(f"dlq replay {selection.as_arguments}") if report.untried else None,
    )


def _left_untouched(report: ReplayReport) -> Iterator[str]:
    """Yield the remarks on messages that a replay leaves without trying them."""
    if report.not_replayable:
        messages = count(report.not_replayable, "message")
        yield f"{messages} can't be replayed: no record is left in it, or it is no envelope."
    if report.hidden_by_others:
        yield in_flight_elsewhere(report.hidden_by_others)
    if report.beyond_reach:
        yield BEYOND_REACH


def _render(context: CommandContext, report: ReplayReport) -> RenderableType:
    if not report.selected and not report.error and not report.interrupted:
        if report.hidden_by_others:
            return Text(f"Nothing to replay now. {in_flight_elsewhere(report.hidden_by_others)}", style="yellow")
        others = f": none of the {report.seen:,} in the queue matches" if report.seen else ""
        return Text(f"Nothing to replay{others}.", style="green")
    command = "dlq list" if report.not_replayable else None
    if report.failures:
        command = f"dlq show {report.failures[0].failure_id[:SHORTEST_ID]}"
    untried = f"{count(report.untried, 'record')} not tried yet: the same command continues with them."
    kept = count(report.not_removed, "message")
    not_removed = f"The queue kept {kept} of what was replayed: the same command removes them."
    return blocks(
        _heading(report),
        _failures(report) if report.failures else None,
        untried if report.untried else None,
        not_removed if report.not_removed else None,
        *_left_untouched(report),
        context.next_steps(command) if command else None,
    )


def _heading(report: ReplayReport) -> Text:
    heading = Text(f"{count(report.replayed, 'record')} replayed", style="green" if report.replayed else "bold")
    at_least = "at least " if report.interrupted or report.error else ""
    heading.append(f", {at_least}{report.left:,} left in the queue." if report.left else ".")
    if report.copies_removed:
        heading.append(f" {count(report.copies_removed, 'further copy', 'further copies')} of the same removed.")
    return heading


def _failures(report: ReplayReport) -> RenderableType:
    ids = short_ids([failure.failure_id for failure in report.failures])
    rows = [
        (ids[failure.failure_id], failure.user_id, LEFT_BECAUSE[failure.outcome].format(failure.detail))
        for failure in report.failures[:ROWS]
    ]
    more = sum(report.counts.values()) - report.replayed - len(rows)
    rest = [Text(f"and {more:,} more: --json lists {len(report.failures):,} of them")] if more > 0 else []
    return Group(table(("ID", "User", "Left because"), rows), *rest)
