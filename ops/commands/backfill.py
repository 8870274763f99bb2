"""`backfill`: users from before the stream."""

from pathlib import Path

import click
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from functions.json_types import JsonObject
from ops.backfill import Backfill, BackfillReport
from ops.checkpoint import remove_checkpoint
from ops.commands.rate_option import rate_option
from ops.desk import Desk, OpsCommand, end, pass_desk, screen_options
from ops.errors import ExitCode
from ops.interruption import stop_on_interrupt
from ops.long_work import LongWork
from ops.screen import Screen, plain
from ops.state_folder import state_file
from ops.tables import count, facts, next_steps, table

ROWS = 20
USERS_PER_SECOND = 500


@click.command(cls=OpsCommand, short_help="Users from before the stream.")
@rate_option(USERS_PER_SECOND, "Users a second at most.")
@click.option("--dry-run", is_flag=True, help="Only count; nothing is sent.")
@click.option("--restart", is_flag=True, help="Begin anew instead of going on; nothing is done twice.")
@click.option(
    "--checkpoint",
    "checkpoint",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where it keeps how far it came; without it, among the commands' own files.",
)
@screen_options
@pass_desk
def backfill(  # noqa: PLR0913  one argument per option
    desk: Desk, *, rate: float, dry_run: bool, restart: bool, checkpoint: Path | None, screen: Screen
) -> None:
    """Give users from before the stream their place in the history.

    Each becomes an ordinary INSERT record, sent through the real function, dated when the user was created. Whoever
    came through the stream is left out, so that nobody is added twice, whatever changes meanwhile. Ctrl-C stops it;
    the same command goes on where it stopped.
    """
    outputs = desk.services.outputs
    path = checkpoint or state_file("backfill", outputs.environment, outputs.users_stream_arn, ".json")
    if restart and not dry_run:
        remove_checkpoint(path)
    with stop_on_interrupt() as stop, screen.progress("Counting" if dry_run else "Backfilling") as meter:
        work = LongWork(stop=stop, meter=meter)
        report = Backfill(desk.services, path, work, users_per_second=rate, send=not dry_run).run()
    screen.show(_data(report, dry_run=dry_run), lambda: _readable(desk, report, dry_run=dry_run))
    if report.error:
        raise report.error
    if not report.finished:
        end(ExitCode.INTERRUPTED)
    done = report.checkpoint
    if done.in_queue or done.set_aside or done.failed:
        end(ExitCode.UNFINISHED)


def _data(report: BackfillReport, *, dry_run: bool) -> JsonObject:
    data = report.checkpoint.model_dump(by_alias=True, exclude={"version"})
    failures = [{"userId": user_id, "detail": detail} for user_id, detail in report.failures]
    return {**data, "dryRun": dry_run, "finished": report.finished, "failures": failures}


def _readable(desk: Desk, report: BackfillReport, *, dry_run: bool) -> RenderableType:
    done = report.checkpoint
    heading = f"{count(done.backfilled, 'user')} {'would be ' if dry_run else ''}backfilled"
    heading += "." if report.finished or report.error else ", and there are more users: the same command goes on."
    numbers = facts(
        [
            ("users", f"{done.scanned:,}"),
            ("in the stream", f"{done.in_stream:,}  created since it began"),
            ("with a history", f"{done.with_history:,}  added there already"),
            ("in the queue", f"{done.in_queue:,}  a change of theirs waits there: replay it, then backfill again"),
            ("set aside", f"{done.set_aside:,}  by the function, to the dead-letter queue" if done.set_aside else None),
            ("failed", f"{done.failed:,}  to be tried again: run backfill again" if done.failed else None),
        ]
    )
    parts: list[RenderableType] = [Text(heading, style="bold"), Text(), numbers]
    if report.failures:
        rows = table("User", "Why")
        for user_id, detail in report.failures[:ROWS]:
            rows.add_row(Text(plain(user_id)), Text(plain(detail)))
        parts += [Text(), rows]
    if done.in_queue or done.set_aside:
        parts += [Text(), next_steps(desk.command("dlq list"))]
    elif dry_run and done.backfilled:
        parts += [Text(), next_steps(desk.command("backfill"))]
    return Lines(*parts)
