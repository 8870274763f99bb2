"""`dlq export`, `discard`, `restore`: failed records saved to a file, removed, and put back."""

from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import RenderableType
from rich.text import Text

from infra.outputs import StackOutputs
from ops.commands.selection_options import consumer_option, selection_options
from ops.context import CommandContext, OpsCommand, exit_with, pass_command_context
from ops.dead_letters.export import ExportReport, export_messages, restore
from ops.dead_letters.message import DeadLetter, count_failures, group_by_reason, read_dead_letter
from ops.dead_letters.peek import Peek, unread_remark
from ops.dead_letters.selection import Selection
from ops.errors import ExitCode, OpsError
from ops.job import state_file, stop_on_interrupt
from ops.layout import blocks, facts
from ops.output import camel_json, count, in_flight_elsewhere, shortened


@click.command("export", cls=OpsCommand)
@click.argument("file", type=click.Path(path_type=Path))
@consumer_option
@click.option("--remove", is_flag=True, help="Remove from the queue what is safely in FILE.")
@pass_command_context
def export(context: CommandContext, *, file: Path, consumer: str | None, remove: bool) -> None:
    """Write all failed records, or a consumer's, to FILE: a JSON object a line, with its record.

    FILE must not exist. Nothing is removed without --remove, and with it only what is complete and
    on disk. Without --remove at most 100,000 messages are exported, because SQS limits the messages
    in flight; with it a larger queue is exported in rounds.
    """
    selection = Selection.matching((), consumer)
    with context.job("Exporting") as job:
        report = export_messages(context.services, file, job, only=selection.matches, remove=remove)
    not_removed = remove and report.removed < report.exported
    context.finish(
        camel_json(report),
        lambda: _render_export(report),
        interrupted=report.interrupted,
        unfinished=bool(not report.complete or report.hidden_by_others or not_removed),
    )


def _render_export(report: ExportReport) -> RenderableType:
    text = f"{count(report.exported, 'message')} saved"
    text += f", {report.removed:,} of them removed from the queue." if report.removed else "; the queue is as it was."
    if report.foreign:
        text += f" {count(report.foreign, 'message')} of kind foreign: not written by this stack."
    if not report.complete:
        text += " The queue holds more."
    if report.hidden_by_others:
        text += f" {in_flight_elsewhere(report.hidden_by_others)}"
    style = "green" if report.complete and not report.hidden_by_others else "yellow"
    return blocks(Text(text, style=style), facts(("file", str(report.file))))


@click.command("discard", cls=OpsCommand)
@selection_options
@click.option(
    "--export",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where to save them first; a new file. Without it: one in the state folder, outside the project.",
)
@click.option("--yes", is_flag=True, help="Don't ask.")
@pass_command_context
def discard(context: CommandContext, *, selection: Selection, file: Path | None, yes: bool) -> None:
    """Remove failed records for good: their consumers will never process those changes.

    Which ones: by ID (or its beginning), --consumer, --where, or --all. They are saved to a file
    first, complete and on disk, as `dlq export` does it; then only what was saved is removed.
    Without --yes it shows what it found, and asks.
    """
    queue, store = context.services.dead_letter_queue(), context.services.envelopes()
    outputs = context.services.outputs
    with stop_on_interrupt() as stop_requested, Peek(queue, stop_requested) as peek:
        letters = (read_dead_letter(message, outputs) for message in peek.messages())
        found = {letter.message.message_id: letter for letter in letters if selection.matches_fetched(letter, store)}
        depth = queue.depth()
        hidden = peek.in_flight_elsewhere(depth)
        unseen = unread_remark(peek, depth, "The same command takes the next.")
    if stop_requested():
        exit_with(ExitCode.INTERRUPTED)
    selection.check_found((letter.failure_id for letter in found.values()), queue.name, unseen)
    unseen = None if selection.ids else unseen
    if unseen:
        context.output.note(unseen)
    if found and not yes:
        _confirm(context, found)
    # Failed records are personal data: git would add a file beside the project's.
    path = file or _file_in_state_folder(outputs)
    report = ExportReport(None, complete=True)
    if found:
        with context.job("Discarding") as job:
            # Only what was found before the question is removed, not what arrived since.
            report = export_messages(
                context.services, path, job, only=lambda letter: letter.message.message_id in found, remove=True
            )
    report.complete = report.complete and not unseen
    report.hidden_by_others = hidden
    context.finish(
        camel_json(report),
        lambda: _render_discard(report, complete=not unseen),
        interrupted=report.interrupted,
        unfinished=bool(report.removed < len(found) or unseen),
    )


def _file_in_state_folder(outputs: StackOutputs) -> Path:
    suffix = f"-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl"
    return state_file("discarded", outputs.environment, outputs.dead_letter_queue_url, suffix)


def _confirm(context: CommandContext, found: dict[str, DeadLetter]) -> None:
    for group in group_by_reason(count_failures(found.values())):
        context.output.note(f"{group.failures:>8,}  {group.consumer}  {group.kind}  {shortened(group.reason)}")
    if not click.confirm(f"Remove {count(len(found), 'message')} from the queue for good?", err=True):
        raise OpsError("Nothing was removed", "`dlq replay` processes records again, `dlq export` only saves them")


def _render_discard(report: ExportReport, *, complete: bool) -> RenderableType:
    if not report.exported:
        nothing = "Nothing to discard." if complete else "Nothing to discard among those."
        return Text(nothing, style="green" if complete else "yellow")
    text = f"{count(report.removed, 'message')} removed from the queue, and saved."
    return blocks(Text(text, style="green"), facts(("file", str(report.file))))


@click.command("restore", cls=OpsCommand)
@click.argument("file", type=click.Path(path_type=Path))
@pass_command_context
def restore_command(context: CommandContext, *, file: Path) -> None:
    """Put the messages of an export FILE back into the dead-letter queue.

    It undoes a `dlq discard`, or an `export --remove`. To restore twice is harmless: a failed
    record that is in the queue several times is listed and replayed once. Records of users who were
    erased since are left out, and those of another stack.
    """
    with context.job("Restoring") as job:
        restored = restore(context.services, file, job)
    stopped = job.stop_requested()
    rest = "; the same command starts again, and a message that is there twice counts once" if stopped else ""
    erased = f", {restored.left_out:,} of erased users left out" if restored.left_out else ""
    foreign = f", {restored.foreign:,} left out that this stack didn't write" if restored.foreign else ""
    context.finish(
        {
            "file": str(file),
            "restored": restored.sent,
            "leftOut": restored.left_out,
            "foreign": restored.foreign,
            "interrupted": stopped,
        },
        lambda: Text(f"{count(restored.sent, 'message')} back in the queue{erased}{foreign}{rest}.", style="green"),
        interrupted=stopped,
    )
