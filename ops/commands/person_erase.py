"""`person erase`: remove all that the stack holds of one user, for good."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click
from rich.console import RenderableType
from rich.text import Text

from ops.commands.person import person_argument, places_table, remainders_table
from ops.context import CommandContext, OpsCommand, pass_command_context
from ops.errors import OpsError
from ops.layout import blocks
from ops.output import argument, camel_json, printable
from ops.person.elsewhere import Remainder, elsewhere
from ops.person.erase import Erasure, ErasureReport
from ops.person.find import find_one


@click.command("erase", cls=OpsCommand)
@person_argument
@click.option("--dry-run", is_flag=True, help="Count what would be removed; change nothing.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@pass_command_context
def erase_person(context: CommandContext, *, value: str, by: str | None, dry_run: bool, yes: bool) -> None:
    """Delete a user, and remove everything else that the stack holds of that user, for good.

    That is the user, the keys, the history, failed records in queues and in S3, and changes on
    their way. The history keeps one entry: erased, when, and by whom. It bars each record of the
    user that arrives later. Somebody who registers with the same email is another user.

    What can't be removed, such as backups and logs, is listed with when it is gone by itself.

    It waits for the longest timeout of a function, so that nothing that runs writes a value behind
    it. Interrupted or killed, the same command with the user's id continues. Exit code 1 says that
    something may be left, and what.
    """
    user_id = find_one(context.services, value, by)
    rest = elsewhere(context.services, datetime.now(UTC))
    if not dry_run and not yes:
        question = f"Erase user {printable(user_id)} from {context.services.source}? Nothing of it comes back."
        if not click.confirm(question, err=True):
            raise OpsError("Nothing was erased", "--dry-run shows what would be, `person export` saves it")
    with context.job("Counting" if dry_run else "Erasing") as job:
        erasure = Erasure(context.services, user_id, job)
        report = erasure.dry_run() if dry_run else erasure.run()
    context.finish(
        camel_json(
            {
                "userId": user_id,
                "dryRun": dry_run,
                "erasedAt": report.erased_at,
                "actor": report.actor,
                "complete": report.complete,
                "places": report.places,
                "elsewhere": rest,
            }
        ),
        lambda: _render(context, report, rest, dry_run=dry_run),
        error=report.error,
        interrupted=report.interrupted,
        unfinished=not report.complete,
    )


def _render(
    context: CommandContext, report: ErasureReport, rest: Sequence[Remainder], *, dry_run: bool
) -> RenderableType:
    rows = [(one.place, one.resource, f"{one.removed:,}", one.left or "") for one in report.places]
    again = f"person erase --by id {argument(report.user_id)}"
    return blocks(
        _headline(report, dry_run=dry_run),
        places_table(rows, "To remove" if dry_run else "Removed", "Left"),
        "What can't be removed, and when it is gone by itself:",
        remainders_table(rest),
        None if report.complete and not dry_run else context.next_steps(again),
    )


def _headline(report: ErasureReport, *, dry_run: bool) -> Text:
    user_id = printable(report.user_id)
    if dry_run:
        return Text(f"Nothing was changed. An erasure of {user_id} would remove:", style="bold")
    if report.complete:
        return Text(f"Erased {user_id}, at {report.erased_at} by {report.actor}.", style="green")
    if report.erased_at is None:
        return Text(f"{user_id} is not erased: nothing was changed.", style="yellow")
    return Text(f"{user_id} is not erased completely: run the command below.", style="yellow")
