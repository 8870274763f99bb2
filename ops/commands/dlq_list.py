"""`dlq list`: the failed records, grouped by consumer and reason."""

import time
from collections.abc import Iterator, Sequence

import click
from rich.console import RenderableType
from rich.text import Text

from functions.runtime.json_log import utc_timestamp
from ops.commands.selection_options import consumer_option, where_option
from ops.consumers import UNKNOWN_CONSUMER, consumer_names
from ops.context import CommandContext, OpsCommand, pass_command_context
from ops.dead_letters.message import (
    NOTHING_TO_REPLAY,
    DeadLetter,
    Failure,
    FailureGroup,
    count_failures,
    group_by_reason,
    read_dead_letter,
)
from ops.dead_letters.peek import MARGIN_SECONDS, VISIBILITY_TIMEOUT, Peek, unread_remark
from ops.dead_letters.selection import Selection
from ops.layout import blocks, table
from ops.output import age, argument, camel_json, count, kind_text, short_ids, shortened

FAILURES_SHOWN = 50
GROUPS_SHOWN = 20


@click.command("list", cls=OpsCommand)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=0),
    help=f"Failures to print: {FAILURES_SHOWN} of each consumer in tables, all in JSON.",
)
@click.option(
    "--seconds",
    metavar="S",
    type=click.IntRange(min=1, max=3600),
    default=VISIBILITY_TIMEOUT - MARGIN_SECONDS,
    show_default=True,
    help="Longest time to read; a larger queue is counted in part.",
)
@consumer_option
@where_option
@pass_command_context
def list_failures(
    context: CommandContext, *, consumer: str | None, where: tuple[str, ...], limit: int | None, seconds: int
) -> None:
    """Show what is in the dead-letter queue: by consumer and reason, then one by one.

    Nothing is removed. While it reads, the messages are in flight, invisible to other readers; at
    the end, and after Ctrl-C, all of them become visible again.
    """
    selection = Selection.matching(where, consumer)
    queue, store = context.services.dead_letter_queue(), context.services.envelopes()
    outputs = context.services.outputs
    approximate_total = queue.depth().total
    with (
        context.job("Reading") as job,
        Peek(queue, job.stop_requested, visibility_timeout=seconds + MARGIN_SECONDS) as peek,
    ):

        def selected() -> Iterator[DeadLetter]:
            for letter in (read_dead_letter(message, outputs) for message in peek.messages()):
                if selection.matches_fetched(letter, store):
                    yield letter
                job.report_progress(peek.received, approximate_total)

        failures = count_failures(selected())
        depth = queue.depth()
        hidden = peek.in_flight_elsewhere(depth)
        remark = unread_remark(peek, depth, "To read for longer: --seconds.")
    groups = group_by_reason(failures)
    by_consumer = _by_consumer(failures)
    data = {
        "queue": queue.name,
        "messages": _messages(failures),
        "failures": len(failures),
        "complete": peek.complete,
        "hiddenByOthers": hidden,
        "delayed": depth.delayed,
        "consumers": [
            {"consumer": name, "failures": len(some), "messages": _messages(some)} for name, some in by_consumer.items()
        ],
        "groups": [camel_json(group) | {"oldestSentAt": utc_timestamp(group.oldest_sent_at)} for group in groups],
        "records": [camel_json(one) | {"sentAt": utc_timestamp(one.sent_at)} for one in failures[:limit]],
    }

    def render() -> RenderableType:
        if not failures:
            nothing = "nothing that matches" if selection.conditions else "empty"
            return blocks(Text(f"{queue.name}: {nothing}", style="green"), remark)
        ids = short_ids([failure.failure_id for failure in failures])
        first = argument(ids[failures[0].failure_id])
        return blocks(
            Text.assemble((queue.name, "bold"), f": {_summary(failures)}"),
            *(_consumer_part(name, some, groups, ids, limit) for name, some in by_consumer.items()),
            context.next_steps(f"dlq show {first}", *_next_commands(selection, by_consumer)),
            remark,
        )

    context.finish(data, render, interrupted=job.stop_requested())


def _by_consumer(failures: Sequence[Failure]) -> dict[str, list[Failure]]:
    """Return the failures of each consumer, in the order of the list of consumers."""
    found = {name: [failure for failure in failures if failure.consumer == name] for name in consumer_names()}
    return {name: some for name, some in found.items() if some}


def _messages(failures: Sequence[Failure]) -> int:
    return sum(failure.copies for failure in failures)


def _next_commands(selection: Selection, by_consumer: dict[str, list[Failure]]) -> Iterator[str]:
    """Yield a rehearsal for each consumer that has something to replay, else what removes them."""
    replayable = [
        name
        for name, some in by_consumer.items()
        if name != UNKNOWN_CONSUMER and any(failure.kind not in NOTHING_TO_REPLAY for failure in some)
    ]
    if selection.conditions or len(by_consumer) == 1:
        yield f"dlq {'replay' if replayable else 'discard'} {selection.as_arguments}" + " --dry-run" * bool(replayable)
        return
    yield from (f"dlq replay --consumer {name} --dry-run" for name in replayable)
    if not replayable:
        yield f"dlq discard {selection.as_arguments}"


def _summary(failures: Sequence[Failure]) -> str:
    oldest = age(time.time() - min(failure.sent_at for failure in failures))
    messages = _messages(failures)
    copies = f" ({count(messages, 'message')}: some come twice)" if messages > len(failures) else ""
    return f"{count(len(failures), 'failed record')}, the oldest for {oldest}{copies}"


def _consumer_part(
    name: str, failures: Sequence[Failure], groups: Sequence[FailureGroup], ids: dict[str, str], limit: int | None
) -> RenderableType:
    reasons = [group for group in groups if group.consumer == name]
    shown = FAILURES_SHOWN if limit is None else limit
    more_reasons, more = len(reasons) - GROUPS_SHOWN, len(failures) - shown
    return blocks(
        Text.assemble((name, "bold"), f": {count(len(failures), 'failed record')}"),
        _unknown_functions(failures) if name == UNKNOWN_CONSUMER else None,
        _group_table(reasons[:GROUPS_SHOWN]),
        f"{more_reasons:,} more reasons: --json lists all." if more_reasons > 0 else None,
        _failure_table(failures[:shown], ids),
        f"{more:,} more: --limit N, or --json for all." if more > 0 else None,
    )


def _unknown_functions(failures: Sequence[Failure]) -> str | None:
    """Return which functions failed that are no consumer's, if any is named."""
    names = sorted({one.source_function.rpartition(":function:")[2] for one in failures if one.source_function})
    return f"No declared consumer of this stack has the function {shortened(', '.join(names))}." if names else None


def _group_table(groups: Sequence[FailureGroup]) -> RenderableType:
    rows = (
        (f"{group.failures:,}", age(time.time() - group.oldest_sent_at), kind_text(group.kind), shortened(group.reason))
        for group in groups
    )
    return table(("Records", "Waiting", "Kind", "Reason"), rows, right=("Records", "Waiting"))


def _failure_table(failures: Sequence[Failure], ids: dict[str, str]) -> RenderableType:
    rows = (
        (
            ids[failure.failure_id],
            age(time.time() - failure.sent_at),
            kind_text(failure.kind),
            shortened(failure.event_name or ""),
            shortened(failure.user_id or ""),
        )
        for failure in failures
    )
    return table(("ID", "Waiting", "Kind", "Event", "User"), rows, right=("Waiting",))
