"""`dlq replay`: failed records sent through the functions that failed again."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

import click
from rich.console import RenderableType
from rich.text import Text

from functions.runtime.json_log import JsonObject
from ops.aws.queues import MAX_IN_FLIGHT
from ops.commands.selection_options import selection_options
from ops.context import CommandContext, OpsCommand, pass_command_context
from ops.dead_letters.message import ReplayOutcome
from ops.dead_letters.record import event_of
from ops.dead_letters.replay import Replay, ReplayReport
from ops.dead_letters.replay_db import PendingChange, ReplayDb, ReplayFailure
from ops.dead_letters.selection import Selection
from ops.job import state_file
from ops.layout import blocks, table
from ops.output import SHORTEST_ID, argument, camel_json, count, in_flight_elsewhere, printable, short_ids, shortened

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


@click.command("replay", cls=OpsCommand)
@selection_options
@click.option("--dry-run", is_flag=True, help="Only say what would be replayed, in order.")
@click.option(
    "--batch-size",
    metavar="N",
    type=click.IntRange(1, 1000),
    default=100,
    show_default=True,
    help="Records in one invocation; of a consumer with a queue no more than its batches have.",
)
@pass_command_context
def replay(context: CommandContext, *, selection: Selection, dry_run: bool, batch_size: int) -> None:
    """Send failed records through the function that failed again; remove those it has processed.

    Which ones: by ID (or its beginning), --consumer, --where, or --all. Each goes into its own
    consumer, in the order of each user's changes; after one that fails, later ones of the same user
    wait, in that consumer alone. A message is removed only with proof: for log-user-changes its
    item in Activity, for others the function's response. A function at fault stops its own part.

    Ctrl-C stops it between two steps; the same command continues. So it does after a kill: the
    messages that the killed run had in flight become visible again with the next replay from this
    machine, or after 15 minutes. A consumer may get a record twice then, as it may from its queue.
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
        "refusedAgain": report.counts[ReplayOutcome.REFUSED],
        "failed": report.counts[ReplayOutcome.FAILED],
        "waiting": report.counts[ReplayOutcome.WAITING],
        "untried": report.untried,
        "notReplayable": report.not_replayable,
        "foreign": _foreign_json(report),
        "notRemoved": report.not_removed,
        "copiesRemoved": report.copies_removed,
        "hiddenByOthers": report.hidden_by_others,
        "beyondReach": report.beyond_reach,
        "interrupted": report.interrupted,
        "consumers": _consumers_json(report),
        "failures": camel_json(report.failures),
    }


def _consumers_json(report: ReplayReport) -> list[JsonObject]:
    return [
        {
            "consumer": name,
            "replayed": counts[ReplayOutcome.REPLAYED],
            "refusedAgain": counts[ReplayOutcome.REFUSED],
            "failed": counts[ReplayOutcome.FAILED],
            "waiting": counts[ReplayOutcome.WAITING],
            "untried": report.untried_by_consumer[name],
            "error": error.message if (error := report.consumer_errors.get(name)) else None,
        }
        for name in report.consumers
        for counts in [report.counts_by_consumer.get(name, Counter[ReplayOutcome]())]
    ]


def _foreign_json(report: ReplayReport) -> list[JsonObject]:
    return [{"failureId": failure_id, "reason": reason} for failure_id, reason in report.foreign.items()]


def _dry_run_json(report: ReplayReport, first: Sequence[PendingChange]) -> JsonObject:
    return {
        "dryRun": True,
        "wouldReplay": report.untried,
        "notReplayable": report.not_replayable,
        "foreign": _foreign_json(report),
        "hiddenByOthers": report.hidden_by_others,
        "beyondReach": report.beyond_reach,
        "consumers": [{"consumer": name, "wouldReplay": report.untried_by_consumer[name]} for name in report.consumers],
        "first": [
            {
                "failureId": failure_id,
                "consumer": change.consumer,
                "userId": change.user_id,
                "changeId": change.change_id,
            }
            for failure_id, change in first
        ],
    }


def _render_dry_run(
    context: CommandContext, selection: Selection, report: ReplayReport, first: Sequence[PendingChange]
) -> RenderableType:
    ids = short_ids([failure_id for failure_id, _ in first])
    parts: list[RenderableType] = []
    for name, changes in groupby(enumerate(first, start=1), key=lambda numbered: numbered[1].change.consumer):
        rows = [
            (str(position), ids[failure_id], shortened(event_of(change.record) or ""), shortened(change.user_id))
            for position, (failure_id, change) in changes
        ]
        heading = Text.assemble((name, "bold"), f": {count(report.untried_by_consumer[name], 'record')}")
        parts.append(blocks(heading, table(("", "ID", "Event", "User"), rows, right=("",))))
    more = report.untried - len(first)
    return blocks(
        Text(f"{count(report.untried, 'record')} would be replayed; nothing was done.", style="bold"),
        *parts,
        f"and {more:,} more" if first and more > 0 else None,
        *_left_untouched(report),
        _foreign(report) if report.foreign else None,
        context.next_steps(f"dlq replay {selection.as_arguments}") if report.untried else None,
    )


def _left_untouched(report: ReplayReport) -> Iterator[str]:
    """Yield the remarks on messages that a replay leaves without trying them."""
    if empty := report.not_replayable - report.without_function.total() - len(report.foreign):
        yield f"{count(empty, 'message')} can't be replayed: no record is left in it, or it is no envelope."
    for name, number in report.without_function.items():
        records = f"{count(number, 'record')} of {shortened(name)}"
        yield f"{records} can't be replayed: it is no consumer's function here, or it is switched off."
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
    if report.foreign:
        command = f"dlq discard {argument(next(iter(report.foreign)))}"
    if report.failures:
        command = f"dlq show {argument(report.failures[0].failure_id[:SHORTEST_ID])}"
    untried = f"{count(report.untried, 'record')} not tried yet: the same command continues with them."
    kept = count(report.not_removed, "message")
    not_removed = f"The queue kept {kept} of what was replayed: the same command removes them."
    return blocks(
        _heading(report),
        *(Text(printable(error.message), style="red") for error in [*report.consumer_errors.values()][1:]),
        _failures(report) if report.failures else None,
        untried if report.untried else None,
        not_removed if report.not_removed else None,
        *_left_untouched(report),
        _foreign(report) if report.foreign else None,
        context.next_steps(command) if command else None,
    )


def _foreign(report: ReplayReport) -> RenderableType:
    rows = [(failure_id, shortened(reason)) for failure_id, reason in list(report.foreign.items())[:ROWS]]
    more = len(report.foreign) - len(rows)
    return blocks(
        Text(f"{count(len(report.foreign), 'message')} not replayed, because something else wrote it.", style="bold"),
        table(("ID", "Why"), rows),
        f"and {more:,} more: --json lists them" if more > 0 else None,
    )


def _heading(report: ReplayReport) -> Text:
    heading = Text(f"{count(report.replayed, 'record')} replayed", style="green" if report.replayed else "bold")
    at_least = "at least " if report.interrupted or report.error else ""
    heading.append(f", {at_least}{report.left:,} left in the queue." if report.left else ".")
    if report.copies_removed:
        duplicates = count(report.copies_removed, "duplicate", "duplicates")
        kept = ": each record that is left keeps one message" if report.left else ""
        heading.append(f" {duplicates} removed{kept}.")
    return heading


def _failures(report: ReplayReport) -> RenderableType:
    """Return what is left, by consumer and reason: a reason that many share is said once."""
    ids = short_ids([failure.failure_id for failure in report.failures])
    shown = sorted(
        report.failures[:ROWS], key=lambda failure: (report.consumers.index(failure.consumer), _why(failure))
    )
    parts: list[RenderableType] = []
    for (consumer, why), some in groupby(shown, key=lambda failure: (failure.consumer, _why(failure))):
        failures = list(some)
        heading = Text.assemble((consumer, "bold"), f": {count(len(failures), 'record')}, {why}")
        rows = [(ids[failure.failure_id], shortened(failure.user_id)) for failure in failures]
        parts.append(blocks(heading, table(("ID", "User"), rows)))
    more = report.counts.total() - report.replayed - len(shown)
    rest = f"and {more:,} more: --json lists {len(report.failures):,} of them" if more > 0 else None
    return blocks(*parts, rest)


def _why(failure: ReplayFailure) -> str:
    return printable(LEFT_BECAUSE[failure.outcome].format(shortened(failure.detail)))
