"""`trace`: what one request did, in the order of time."""

import re
from collections.abc import Sequence

import click
from rich.console import RenderableType
from rich.text import Text
from typing_extensions import override

from functions.activity.items import is_key
from functions.runtime.json_log import Json, JsonObject, is_array, utc_timestamp
from ops.context import CommandContext, OpsCommand, pass_command_context
from ops.errors import NotFoundError, WrongUsageError
from ops.layout import blocks, table
from ops.output import argument, count, printable, shortened
from ops.trace.follow import Step, Story, follow
from ops.trace.wanted import read_wanted

HOURS = 24
_LONGEST_HOURS = 24 * 3653
"""The longest retention of a log group (CloudWatch Logs API reference, "PutRetentionPolicy")."""


_LIKE_AN_OPTION = re.compile(r"-[A-Za-z0-9_-]{14}=")
"""An id of API Gateway, 11 bytes in base64url, that begins with a hyphen, as one of 64 does."""


class _TraceCommand(OpsCommand):
    """Takes an id as such though it begins like an option."""

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ids = [each for each in args if _LIKE_AN_OPTION.fullmatch(each)]
        if ids and "--" not in args:
            args = [each for each in args if each not in ids] + ["--", *ids]
        return super().parse_args(ctx, args)


@click.command(cls=_TraceCommand)
@click.argument("id_", metavar="ID")
@click.option(
    "--hours",
    metavar="N",
    type=click.IntRange(1, _LONGEST_HOURS),
    default=HOURS,
    show_default=True,
    help="How far back the logs are searched.",
)
@click.option(
    "--user", "users", metavar="USER", multiple=True, help="A user's id: read this history too, if no log names it."
)
@pass_command_context
def trace(context: CommandContext, *, id_: str, hours: int, users: tuple[str, ...]) -> None:
    """Follow the request ID through the logs, the user, the history and the dead-letter queue.

    ID is the header apigw-requestid of an answer, the requestId of a refusal, or of a caller who
    sends one a trace id or traceparent. Nothing is changed; failed records are in flight while they
    are read, as by `dlq list`.
    """
    wanted = read_wanted(id_)
    if not all(map(is_key, users)):
        raise WrongUsageError("--user takes a user's id", "`person find` shows it by the email or username")
    with context.job("Searching") as job:
        since = job.now() - hours * 3600
        story = follow(context.services, wanted, dict.fromkeys(users), job, since=since)
        interrupted = job.stop_requested()
    steps = story.in_order()
    if not steps and not interrupted:
        raise NotFoundError(
            f"Nothing here shows {id_} within the last {count(hours, 'hour')}"
            + "".join(f". {remark}" for remark in story.remarks),
            "is it this stack's? Older: --hours N, as far as logs are kept (logRetentionDays). Of a change whose lines "
            "are gone, the history still has the id: --user ID",
        )
    data: JsonObject = {
        "id": id_,
        "requests": sorted(story.wanted.request_ids),
        "traceId": story.wanted.trace_id,
        "users": story.users,
        "since": utc_timestamp(since),
        "logGroups": story.groups,
        "steps": [_as_json(step) for step in steps],
        "remarks": story.remarks,
    }
    context.finish(data, lambda: _render(context, id_, story, steps), interrupted=interrupted)


def _as_json(step: Step) -> JsonObject:
    return {
        "at": step.at,
        "where": step.where,
        "what": step.what,
        "requestId": step.request_id,
        "userId": step.user_id,
        **step.details,
    }


def _render(context: CommandContext, id_: str, story: Story, steps: Sequence[Step]) -> RenderableType:
    several = len(story.wanted.request_ids) > 1
    rows = [
        (
            step.at,
            step.where,
            step.what,
            *((step.request_id or "",) if several else ()),
            step.user_id or "",
            _details(step),
        )
        for step in steps
    ]
    headings = ("When", "Where", "What", *(("Request",) if several else ()), "User", "Details")
    failed = [str(step.details["failureId"]) for step in steps if step.where == "dead-letter queue"]
    commands = [f"dlq show {argument(one)}" for one in dict.fromkeys(failed)]
    commands += [f"activity {argument(user_id)}" for user_id in story.users[:1]]
    return blocks(
        Text.assemble((printable(id_), "bold"), f": {count(len(steps), 'step')}"),
        table(headings, rows),
        *(Text(printable(remark), style="dim") for remark in story.remarks),
        context.next_steps(*commands) if commands else None,
    )


def _details(step: Step) -> str:
    return shortened("  ".join(f"{name}={_text(value)}" for name, value in step.details.items()))


def _text(value: Json) -> str:
    return ", ".join(map(str, value)) if is_array(value) else str(value)
