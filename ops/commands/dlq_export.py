"""`dlq export`: failed records to a file."""

from pathlib import Path

import click
from rich.console import RenderableType
from rich.text import Text

from ops.dead_letter_export import Export, ExportReport
from ops.desk import Desk, OpsCommand, end, pass_desk, screen_options
from ops.errors import ExitCode
from ops.interruption import stop_on_interrupt
from ops.long_work import LongWork
from ops.screen import Screen
from ops.tables import count, hidden_text


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
    screen.show(export_data(report), lambda: _readable(report))
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


def _readable(report: ExportReport) -> RenderableType:
    text = f"{count(report.exported, 'message')} in {report.path}"
    text += f", {report.removed:,} of them removed from the queue." if report.removed else "; the queue is as it was."
    if not report.complete:
        text += " The queue holds more."
    if report.hidden_by_others:
        text += f" {hidden_text(report.hidden_by_others)}"
    return Text(text, style="green" if report.complete and not report.hidden_by_others else "yellow")
