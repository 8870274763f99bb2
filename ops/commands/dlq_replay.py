"""`dlq replay`: failed records brought back through the real function."""

from collections.abc import Iterator

import click
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from functions.runtime.json_log import JsonObject
from ops.aws.sqs import HELD_AT_MOST
from ops.context import Desk, OpsCommand, end, pass_desk, screen_options, selection_options
from ops.dead_letters.redelivery import Outcome
from ops.dead_letters.replay import Replay, ReplayReport
from ops.dead_letters.replay_db import Spool, SpooledChange
from ops.dead_letters.selection import Selection
from ops.errors import ExitCode
from ops.job import LongWork, state_file, stop_on_interrupt
from ops.output import SHORTEST_ID, Screen, count, hidden_text, next_steps, plain, short_ids, table

ROWS = 20
"""Of a table; JSON has more."""

LEFT_BECAUSE = {
    Outcome.REFUSED: "refused again: {}",
    Outcome.FAILED: "failed: {}",
    Outcome.WAITING: "waits: {}",
}

BEYOND_REACH = (
    f"There may be more: {HELD_AT_MOST:,} messages were held, and SQS gives no others meanwhile. Save and remove what "
    "can't be replayed with `dlq discard`, then replay again."
)

BATCH_SIZE = 100
LARGEST_BATCH = 1_000


@click.command("replay", cls=OpsCommand, short_help="Bring them back through the function.")
@selection_options
@click.option("--dry-run", is_flag=True, help="Only say what would be replayed, in its order.")
@click.option(
    "--batch-size",
    metavar="N",
    type=click.IntRange(1, LARGEST_BATCH),
    default=BATCH_SIZE,
    show_default=True,
    help="Records in one invocation.",
)
@screen_options
@pass_desk
def replay(
    desk: Desk,
    *,
    selection: Selection,
    dry_run: bool,
    batch_size: int,
    screen: Screen,
) -> None:
    """Send failed records through the real function again, and remove those that it has processed.

    Which ones: by ID (or its beginning), --where, or --all. They go in the order of their sequence numbers, so that
    each user's changes keep theirs; after one that fails, later ones of the same user wait. A message is removed only
    once the change is in Activity. A change has its own place there, so that an old one never covers what the same
    user did since, and a second replay doubles nothing.

    Ctrl-C stops it between two steps; the same command goes on where it stopped. After a kill too: what the killed
    run hides from others shows up again with the next replay from this machine, or after 15 minutes.
    """
    services = desk.services
    url = services.outputs.dead_letter_queue_url
    spool = Spool(state_file("replay", services.outputs.environment, url, ".sqlite"))
    try:
        with stop_on_interrupt() as stop, screen.progress("Looking" if dry_run else "Replaying") as meter:
            run = Replay(services, selection, spool, LongWork(stop=stop, meter=meter), batch_size=batch_size)
            first: list[SpooledChange] = []
            if dry_run:
                report, first = run.rehearse(ROWS)
            else:
                report = run.run()
    finally:
        spool.close()
    if dry_run:
        screen.show(_rehearsed(report, first), lambda: _readable_rehearsal(desk, selection, report, first))
    else:
        screen.show(_replayed(report), lambda: _readable(desk, report))
    if report.error:
        raise report.error
    if report.interrupted:
        end(ExitCode.INTERRUPTED)
    hidden = report.hidden_by_others and not selection.ids
    if (report.left or report.beyond_reach or hidden) and not dry_run:
        end(ExitCode.UNFINISHED)


def _replayed(report: ReplayReport) -> JsonObject:
    return {
        "replayed": report.replayed,
        "refusedAgain": report.counts.get(Outcome.REFUSED, 0),
        "failed": report.counts.get(Outcome.FAILED, 0),
        "waiting": report.counts.get(Outcome.WAITING, 0),
        "untried": report.untried,
        "notReplayable": report.not_replayable,
        "notRemoved": report.not_removed,
        "copiesRemoved": report.copies_removed,
        "hiddenByOthers": report.hidden_by_others,
        "beyondReach": report.beyond_reach,
        "interrupted": report.interrupted,
        "failures": [
            {
                "failureId": failure.failure_id,
                "userId": failure.user_id,
                "outcome": failure.outcome,
                "detail": failure.detail,
            }
            for failure in report.failures
        ],
    }


def _rehearsed(report: ReplayReport, first: list[SpooledChange]) -> JsonObject:
    return {
        "dryRun": True,
        "wouldReplay": report.untried,
        "notReplayable": report.not_replayable,
        "hiddenByOthers": report.hidden_by_others,
        "beyondReach": report.beyond_reach,
        "first": [
            {"failureId": change.failure_id, "userId": change.user_id, "changeId": change.change_id} for change in first
        ],
    }


def _readable_rehearsal(
    desk: Desk, selection: Selection, report: ReplayReport, first: list[SpooledChange]
) -> RenderableType:
    parts: list[RenderableType] = [
        Text(f"{count(report.untried, 'record')} would be replayed; nothing was done.", style="bold")
    ]
    if first:
        rows = table("", "ID", "Event", "User", right=[""])
        for position, change in enumerate(first, start=1):
            rows.add_row(
                str(position),
                Text(plain(change.failure_id)),
                Text(plain(str(change.record.get("eventName", "")))),
                Text(plain(change.user_id)),
            )
        parts += [Text(), rows]
        if report.untried > len(first):
            parts.append(Text(f"and {report.untried - len(first):,} more"))
    if report.not_replayable:
        parts += [Text(), Text(_not_replayable(report))]
    if report.hidden_by_others:
        parts += [Text(), Text(hidden_text(report.hidden_by_others))]
    if report.beyond_reach:
        parts += [Text(), Text(BEYOND_REACH)]
    if report.untried:
        parts += [Text(), next_steps(desk.command(f"dlq replay {selection.words}"))]
    return Lines(*parts)


def _not_replayable(report: ReplayReport) -> str:
    return (
        f"{count(report.not_replayable, 'message')} can't be replayed: no record is left in it, or it is no envelope."
    )


def _done(report: ReplayReport) -> Text:
    done = Text(f"{count(report.replayed, 'record')} replayed", style="green" if report.replayed else "bold")
    at_least = "at least " if report.interrupted or report.error else ""
    done.append(f", {at_least}{report.left:,} left in the queue." if report.left else ".")
    if report.copies_removed:
        done.append(f" {count(report.copies_removed, 'further copy', 'further copies')} of the same removed.")
    return done


def _readable(desk: Desk, report: ReplayReport) -> RenderableType:
    if not report.selected and not report.error and not report.interrupted:
        if report.hidden_by_others:
            return Text(f"Nothing to replay now. {hidden_text(report.hidden_by_others)}", style="yellow")
        others = f": none of the {report.seen:,} in the queue fits" if report.seen else ""
        return Text(f"Nothing to replay{others}.", style="green")
    parts: list[RenderableType] = [_done(report)]
    if report.failures:
        rows = table("ID", "User", "Left because")
        ids = short_ids([failure.failure_id for failure in report.failures])
        for failure in report.failures[:ROWS]:
            rows.add_row(
                Text(plain(ids[failure.failure_id])),
                Text(plain(failure.user_id)),
                Text(plain(LEFT_BECAUSE[failure.outcome].format(failure.detail))),
            )
        parts += [Text(), rows]
        hidden = sum(report.counts.values()) - report.replayed - min(ROWS, len(report.failures))
        if hidden > 0:
            parts.append(Text(f"and {hidden:,} more: --json lists {len(report.failures):,} of them"))
    for remark in _remarks(report):
        parts += [Text(), Text(remark)]
    if report.failures:
        parts += [Text(), next_steps(desk.command(f"dlq show {report.failures[0].failure_id[:SHORTEST_ID]}"))]
    elif report.not_replayable:
        parts += [Text(), next_steps(desk.command("dlq list"))]
    return Lines(*parts)


def _remarks(report: ReplayReport) -> Iterator[str]:
    """Yield what is to be said of the messages that are left without having failed."""
    if report.untried:
        yield f"{count(report.untried, 'record')} not tried yet: the same command goes on with them."
    if report.not_replayable:
        yield _not_replayable(report)
    if report.not_removed:
        kept = count(report.not_removed, "message")
        yield f"The queue kept {kept} of what was replayed: the same command removes them."
    if report.hidden_by_others:
        yield hidden_text(report.hidden_by_others)
    if report.beyond_reach:
        yield BEYOND_REACH
