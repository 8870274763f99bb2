"""`dlq list`: what failed, why, and since when."""

import time

import click
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from ops.dead_letter import NOTHING_TO_REPLAY, read_dead_letter
from ops.dead_letter_summary import DeadLetterSummary
from ops.desk import Desk, OpsCommand, end, pass_desk, screen_options, where_option
from ops.errors import ExitCode
from ops.interruption import stop_on_interrupt
from ops.look import HIDE_SECONDS, MARGIN_SECONDS, Look
from ops.message_queue import QueueDepth
from ops.screen import Screen, plain
from ops.selection import Selection, parse_conditions
from ops.tables import age, count, hidden_text, kind_text, next_steps, short_ids, table

ROWS = 50
GROUPS = 20


@click.command("list", cls=OpsCommand, short_help="What failed, why, and since when.")
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=0), help=f"Failures to print: {ROWS} in a table, all in JSON."
)
@click.option(
    "--seconds",
    metavar="S",
    type=click.IntRange(min=1, max=3600),
    default=HIDE_SECONDS - MARGIN_SECONDS,
    show_default=True,
    help="Longest time to look; a larger queue is counted in part.",
)
@where_option
@screen_options
@pass_desk
def list_failures(desk: Desk, *, where: tuple[str, ...], limit: int | None, seconds: int, screen: Screen) -> None:
    """Show what is in the dead-letter queue: grouped by reason, then one by one.

    Nothing is removed. While the look takes, the messages are hidden from others; then all are given back, after
    Ctrl-C too.
    """
    selection = Selection(conditions=parse_conditions(where))
    queue = desk.services.dead_letters()
    summary = DeadLetterSummary()
    depth = queue.depth()
    with (
        stop_on_interrupt() as stop,
        Look(queue, stop, hide_seconds=seconds + MARGIN_SECONDS) as look,
        screen.progress("Looking") as meter,
    ):
        for message in look.messages():
            letter = read_dead_letter(message)
            if selection.chooses(letter, desk.services.envelopes()):
                summary.add(letter)
            meter(look.seen, depth.total)
        depth = queue.depth()
        hidden_by_others = max(0, depth.in_flight - look.held())
    failures = summary.failures()
    data = {
        "queue": queue.name,
        "messages": summary.messages,
        "failures": len(failures),
        "complete": look.complete,
        "hiddenByOthers": hidden_by_others,
        "delayed": depth.delayed,
        "groups": [group.as_json() for group in summary.groups()],
        "records": [failure.as_json() for failure in failures[:limit]],
    }
    if not failures:
        nothing = "nothing that fits" if where else "empty"
        heading = Text(f"{queue.name}: {nothing}", style="green")
    else:
        heading = Text.assemble((queue.name, "bold"), f": {_heading(summary)}")
    remark = _remark(look, depth, hidden_by_others)
    limit = ROWS if limit is None else limit
    rest = [Text(), Text(remark)] if remark else []
    screen.show(data, lambda: Lines(heading, *_readable(desk, summary, limit, selection.words), *rest))
    if stop():
        end(ExitCode.INTERRUPTED)


def _heading(summary: DeadLetterSummary) -> str:
    failures = summary.failures()
    oldest = age(time.time() - failures[0].sent_at)
    copies = f" ({count(summary.messages, 'message')}: some come twice)" if summary.messages > len(failures) else ""
    return f"{count(len(failures), 'failed record')}, the oldest waiting for {oldest}{copies}"


def _remark(look: Look, depth: QueueDepth, hidden_by_others: int) -> str | None:
    if hidden_by_others:
        return hidden_text(hidden_by_others)
    if not look.complete:
        return f"Not all: {look.seen:,} of about {depth.total:,}. A longer look: --seconds."
    return None


def _readable(desk: Desk, summary: DeadLetterSummary, limit: int, chosen: str) -> list[RenderableType]:
    """Return the groups, the failures one by one, and what to do next with those that were `chosen`."""
    failures, groups = summary.failures(), summary.groups()
    if not failures:
        return []
    now = time.time()
    grouped = table("Records", "Waiting", "Kind", "Reason", right=["Records", "Waiting"])
    for group in groups[:GROUPS]:
        waiting = age(now - group.oldest_sent_at)
        grouped.add_row(f"{group.failures:,}", waiting, kind_text(group.kind), Text(plain(group.reason)))
    parts: list[RenderableType] = [Text(), grouped, Text()]
    if len(groups) > GROUPS:
        parts += [Text(f"{len(groups) - GROUPS:,} more reasons: --json lists all."), Text()]
    ids = short_ids([failure.failure_id for failure in failures])
    single = table("ID", "Waiting", "Kind", "Event", "User", right=["Waiting"])
    for failure in failures[:limit]:
        single.add_row(
            Text(plain(ids[failure.failure_id])),
            age(now - failure.sent_at),
            kind_text(failure.kind),
            Text(plain(failure.event_name or "")),
            Text(plain(failure.user_id or "")),
        )
    parts += [single, Text()]
    if len(failures) > limit:
        parts += [Text(f"{len(failures) - limit:,} more: --limit N, or --json for all."), Text()]
    show = desk.command(f"dlq show {ids[failures[0].failure_id]}")
    replayable = any(failure.kind not in NOTHING_TO_REPLAY for failure in failures)
    then = f"dlq replay {chosen} --dry-run" if replayable else f"dlq discard {chosen}"
    return [*parts, next_steps(show, desk.command(then))]
