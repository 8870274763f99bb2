"""`activity` and `backfill`: one user's history, and that of users from before the stream."""

import json
import shlex
from itertools import islice
from pathlib import Path

import click
from rich.console import RenderableType
from rich.text import Text

from functions.activity.item_size import NEW, OLD, OMITTED, OMITTED_FIELDS
from functions.activity.items import activity_entry
from functions.runtime.json_log import JsonObject, json_line
from functions.stream_records.attribute_values import Image
from functions.users.user import INTERNAL_ATTRIBUTES
from ops.context import CommandContext, OpsCommand, number_option, pass_command_context
from ops.errors import NotFoundError
from ops.job import state_file
from ops.layout import blocks, facts, table
from ops.output import count, printable, value_text
from ops.users.backfill import Backfill, BackfillReport, read_checkpoint

ROWS = 20

UNDATED = "of those: createdAt is missing or can't be right, so they are dated when the stream began"


@click.command(cls=OpsCommand)
@click.argument("user_id", metavar="USER")
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=1), default=25, show_default=True, help="Changes to show."
)
@pass_command_context
def activity(context: CommandContext, *, user_id: str, limit: int) -> None:
    """Show the changes of the user with the id USER, the newest first.

    Of an erased user it shows when that was, and by whom.
    """
    items = list(islice(context.services.activity().entries(user_id), limit + 1))
    if not items:
        raise NotFoundError(
            f"Nothing is known of a user {user_id}",
            "is it the user's id (a UUID)? A change that failed is in the dead-letter queue: "
            f"`dlq list --where {shlex.quote(f'user={user_id}')}`",
        )
    more = len(items) > limit
    entries: list[JsonObject] = [_entry(item) for item in items[:limit]]
    shown = f"the last {count(len(entries), 'change')}" if more else count(len(entries), "change")
    context.finish(
        {"userId": user_id, "items": entries, "more": more},
        lambda: blocks(
            Text.assemble((printable(user_id), "bold"), f": {shown}"),
            *map(_history, entries),
            "There are older ones: --limit N." if more else None,
        ),
    )


def _entry(item: Image) -> JsonObject:
    """Return the entry as the API does."""
    entry: JsonObject = json.loads(json_line(activity_entry(item)))
    changes: JsonObject = entry["changes"]
    return {**entry, "changes": {name: change for name, change in changes.items() if name not in INTERNAL_ATTRIBUTES}}


def _history(entry: JsonObject) -> RenderableType:
    when, kind, actor = (printable(str(entry[name])) for name in ("occurredAt", "kind", "actor"))
    changes: JsonObject = entry["changes"]
    rows = [
        (name, _side_text(change, OLD, "red"), _side_text(change, NEW, "green")) for name, change in changes.items()
    ]
    omitted = entry.get(OMITTED_FIELDS)
    return blocks(
        Text.assemble((kind, "bold"), f" {when} by {actor}"),
        table(("Field", "Before", "After"), rows) if rows else None,
        f"and {omitted:,} more" if omitted else None,
    )


def _side_text(change: JsonObject, side: str, style: str) -> RenderableType:
    size = change.get(OMITTED, {}).get(side)
    if size is not None:
        return Text(f"{size:,} bytes, too large for the history", style="dim")
    return value_text(json_line(change[side]) if side in change else None, style)


@click.command(cls=OpsCommand)
@number_option("--rate", "N", "Users a second at most.", default=500, min_open=True)
@click.option("--dry-run", is_flag=True, help="Only count; nothing is sent.")
@click.option("--restart", is_flag=True, help="Start again instead of continuing; no user is added twice.")
@click.option(
    "--checkpoint",
    "checkpoint",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where it stores how far it came; without it, among the commands' own files.",
)
@pass_command_context
def backfill(context: CommandContext, *, rate: float, dry_run: bool, restart: bool, checkpoint: Path | None) -> None:
    """Give users from before the stream their place in the history.

    Each becomes an ordinary INSERT record, sent through the real function, dated when the user was
    created. Users who came through the stream are left out, so that nobody is added twice, whatever
    changes meanwhile. Ctrl-C stops it; the same command continues where it stopped.
    """
    outputs = context.services.outputs
    path = checkpoint or state_file("backfill", outputs.environment, outputs.users_stream_arn, ".json")
    if restart and not dry_run and read_checkpoint(path):  # an error if the file is no checkpoint
        path.unlink()
    with context.job("Counting" if dry_run else "Backfilling") as job:
        report = Backfill(context.services, path, job, users_per_second=rate, send=not dry_run).run()
    done = report.checkpoint
    failures = [{"userId": user_id, "detail": detail} for user_id, detail in report.failures]
    context.finish(
        {
            **done.model_dump(by_alias=True, exclude={"version"}),
            "dryRun": dry_run,
            "finished": report.finished,
            "failures": failures,
        },
        lambda: _render_backfill(context, report, dry_run=dry_run),
        error=report.error,
        interrupted=not report.finished,
        unfinished=bool(done.in_queue or done.dead_lettered or done.failed),
    )


def _render_backfill(context: CommandContext, report: BackfillReport, *, dry_run: bool) -> RenderableType:
    done = report.checkpoint
    heading = f"{count(done.backfilled, 'user')} {'would be ' if dry_run else ''}backfilled"
    heading += "." if report.finished or report.error else ", and there are more users: the same command continues."
    command = "backfill" if dry_run and done.backfilled else None
    if done.in_queue or done.dead_lettered:
        command = "dlq list"
    dead_lettered = f"{done.dead_lettered:,}  sent by the function to the dead-letter queue"
    numbers = facts(
        ("users", f"{done.scanned:,}"),
        ("undated", f"{done.undated:,}  {UNDATED}" if done.undated else None),
        ("in the stream", f"{done.in_stream:,}  created since it began"),
        ("with a history", f"{done.with_history:,}  added there already"),
        ("in the queue", f"{done.in_queue:,}  a change of theirs is there: replay it, then backfill again"),
        ("dead-lettered", dead_lettered if done.dead_lettered else None),
        ("failed", f"{done.failed:,}  to be tried again: run backfill again" if done.failed else None),
    )
    return blocks(
        Text(heading, style="bold"),
        numbers,
        table(("User", "Why"), report.failures[:ROWS]) if report.failures else None,
        context.next_steps(command) if command else None,
    )
