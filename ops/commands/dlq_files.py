"""`dlq discard`: failed records removed for good, once they are safe in a file."""

from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import RenderableType
from rich.text import Text

from ops.context import Desk, OpsCommand, end, pass_desk, screen_options, selection_options
from ops.dead_letters.export import Export, ExportReport, restore
from ops.dead_letters.message import DeadLetter, read_dead_letter
from ops.dead_letters.selection import Selection
from ops.dead_letters.summary import DeadLetterSummary, Look
from ops.errors import ExitCode, NotFoundError, OpsError
from ops.job import LongWork, StopRequested, stop_on_interrupt
from ops.output import Screen, count, hidden_text

# `dlq export`: failed records to a file.


@click.command("export", cls=OpsCommand, short_help="All of them into a file.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--remove", is_flag=True, help="Remove from the queue what is safely in FILE.")
@screen_options
@pass_desk
def export(desk: Desk, *, file: Path, remove: bool, screen: Screen) -> None:
    """Write all failed records to FILE, one JSON object a line, each with its whole record.

    FILE must not exist. Nothing is removed without --remove, and with it only what is complete and on disk. SQS lets
    one hold 100,000 messages; a larger queue can be exported whole only with --remove, which takes it in rounds.
    """
    with stop_on_interrupt() as stop, screen.progress("Exporting") as meter:
        report = Export(desk.services, lambda _: True, LongWork(stop=stop, meter=meter), remove=remove).run(file)
    screen.show(export_data(report), lambda: _readable_dlq_export(report))
    if report.interrupted:
        end(ExitCode.INTERRUPTED)
    if not report.complete or report.hidden_by_others or (remove and report.removed < report.exported):
        end(ExitCode.UNFINISHED)


def export_data(report: ExportReport) -> dict[str, object]:
    """Return the report with JSON's names."""
    return {
        "file": str(report.path),
        "exported": report.exported,
        "removed": report.removed,
        "complete": report.complete,
        "hiddenByOthers": report.hidden_by_others,
        "interrupted": report.interrupted,
    }


def _readable_dlq_export(report: ExportReport) -> RenderableType:
    text = f"{count(report.exported, 'message')} in {report.path}"
    text += f", {report.removed:,} of them removed from the queue." if report.removed else "; the queue is as it was."
    if not report.complete:
        text += " The queue holds more."
    if report.hidden_by_others:
        text += f" {hidden_text(report.hidden_by_others)}"
    return Text(text, style="green" if report.complete and not report.hidden_by_others else "yellow")


@click.command("discard", cls=OpsCommand, short_help="Save them, then remove them for good.")
@selection_options
@click.option(
    "--export",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where to save them first; a new file. Without it: discarded-<stack>-<time>.jsonl here.",
)
@click.option("--yes", is_flag=True, help="Don't ask.")
@screen_options
@pass_desk
def discard(
    desk: Desk,
    *,
    selection: Selection,
    file: Path | None,
    yes: bool,
    screen: Screen,
) -> None:
    """Remove failed records for good: those changes will never be in Activity.

    Which ones: by ID (or its beginning), --where, or --all. They are saved to a file first, complete and on disk, as
    `dlq export` does it; then only what was saved is removed. Without --yes it shows what it found, and asks.
    """
    with stop_on_interrupt() as stop:
        found, hidden, unseen = _look(desk, selection, stop)
    if stop():
        end(ExitCode.INTERRUPTED)
    summary = DeadLetterSummary.of(found.values())
    if missing := selection.missing(frozenset(letter.failure_id for letter in found.values())):
        raise NotFoundError(
            f"No message that could be looked at has the id {', '.join(missing)}. {unseen}"
            if unseen
            else f"No message has the id {', '.join(missing)}",
            "`dlq list` shows the ids",
        )
    unseen = None if selection.ids else unseen
    if unseen:
        screen.note(unseen)
    if found and not yes:
        for group in summary.groups():
            screen.note(f"{group.failures:>8,}  {group.kind}  {group.reason}")
        if not click.confirm(f"Remove {count(len(found), 'message')} from the queue for good?", err=True):
            raise OpsError("Nothing was removed", "`dlq replay` brings records back, `dlq export` only saves them")
    path = file or Path(f"discarded-{desk.services.outputs.environment}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl")
    report = ExportReport(path, complete=True)
    if found:
        with stop_on_interrupt() as stop, screen.progress("Discarding") as meter:
            work = LongWork(stop=stop, meter=meter)
            report = Export(desk.services, lambda letter: letter.message.message_id in found, work, remove=True).run(
                path
            )
    report.complete = report.complete and not unseen
    report.hidden_by_others = hidden
    data = export_data(report) | ({} if found else {"file": None})
    screen.show(data, lambda: _readable(report, complete=not unseen))
    if report.interrupted:
        end(ExitCode.INTERRUPTED)
    if report.removed < len(found) or unseen:
        end(ExitCode.UNFINISHED)


def _look(desk: Desk, selection: Selection, stop: StopRequested) -> tuple[dict[str, DeadLetter], int, str | None]:
    """Return what is to be removed, by message, how many others hold, and what is to be said of messages out of sight.

    What arrives while the question stands is none of it.
    """
    queue, store = desk.services.dead_letters(), desk.services.envelopes()
    with Look(queue, stop) as look:
        letters = map(read_dead_letter, look.messages())
        found = {letter.message.message_id: letter for letter in letters if selection.chooses(letter, store)}
        depth = queue.depth()
        hidden = max(0, depth.in_flight - look.held())
    if hidden:
        return found, hidden, hidden_text(hidden)
    if not look.complete:
        return (
            found,
            hidden,
            f"Not all: {look.seen:,} of about {depth.total:,} were looked at. The same command takes the next.",
        )
    return found, hidden, None


def _readable(report: ExportReport, *, complete: bool) -> Text:
    if not report.exported:
        nothing = "Nothing to discard." if complete else "Nothing to discard among those."
        return Text(nothing, style="green" if complete else "yellow")
    return Text(f"{count(report.removed, 'message')} removed, and kept in {report.path}.", style="green")


# `dlq restore`: an export's messages back in the queue.

_REST = "; the same command begins anew, and what is there twice counts once"


@click.command("restore", cls=OpsCommand, short_help="Put an export back into the queue.")
@click.argument("file", type=click.Path(path_type=Path))
@screen_options
@pass_desk
def restore_command(desk: Desk, *, file: Path, screen: Screen) -> None:
    """Put the messages of an export FILE back into the dead-letter queue.

    It undoes a `dlq discard`, or an `export --remove`. To restore twice is harmless: a failed record that is in the
    queue several times is listed and replayed once.
    """
    with stop_on_interrupt() as stop, screen.progress("Restoring") as meter:
        restored = restore(desk.services, file, LongWork(stop=stop, meter=meter))
    stopped = stop()
    screen.show(
        {"file": str(file), "restored": restored, "interrupted": stopped},
        lambda: Text(f"{count(restored, 'message')} back in the queue{_REST if stopped else ''}.", style="green"),
    )
    if stopped:
        end(ExitCode.INTERRUPTED)
