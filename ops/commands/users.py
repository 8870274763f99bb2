"""`activity`: what happened to one user."""

import json
from contextlib import closing, nullcontext
from itertools import islice
from pathlib import Path

import click
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from functions.activity.items import activity_entry
from functions.runtime.json_log import JsonObject, json_line
from functions.stream_records.attribute_values import Image
from functions.users.user import REGISTRATION_DIGEST
from ops.aws.user_keys import PlannedKeys
from ops.context import Desk, OpsCommand, end, pass_desk, rate_option, screen_options
from ops.errors import ExitCode, NotFoundError
from ops.job import LongWork, remove_checkpoint, state_file, stop_on_interrupt
from ops.output import Screen, count, facts, next_steps, plain, table
from ops.people.backfill import Backfill, BackfillReport
from ops.people.key_claims import KeyClaims, KeyClaimsReport, Outcome, Problem

CHANGES = 25


@click.command(cls=OpsCommand, short_help="What happened to one user.")
@click.argument("user_id", metavar="USER")
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=1), default=CHANGES, show_default=True, help="Changes to show."
)
@screen_options
@pass_desk
def activity(desk: Desk, *, user_id: str, limit: int, screen: Screen) -> None:
    """Show the changes of the user with the id USER, the newest first."""
    items = list(islice(desk.services.activity().history(user_id), limit + 1))
    if not items:
        raise NotFoundError(
            f"Nothing is known of a user {user_id}",
            "is it the user's id (a UUID)? A change that failed waits in the dead-letter queue: "
            f"`dlq list --where user={user_id}`",
        )
    more = len(items) > limit
    entries: list[JsonObject] = [_entry(item) for item in items[:limit]]
    screen.show({"userId": user_id, "items": entries, "more": more}, lambda: _readable(user_id, entries, more=more))


def _entry(item: Image) -> JsonObject:
    """Return what to show: as in the API without the digest, by which values could be guessed that are long changed."""
    entry: JsonObject = json.loads(json_line(activity_entry(item)))
    entry["changes"].pop(REGISTRATION_DIGEST, None)
    return entry


def _readable(user_id: str, entries: list[JsonObject], *, more: bool) -> RenderableType:
    rows = table("When", "What", "By", "Field", "Before", "After")
    for entry in entries:
        lead = [Text(plain(str(entry[name]))) for name in ("occurredAt", "kind", "actor")]
        changes: JsonObject = entry["changes"] or {"": {}}
        for name, change in changes.items():
            rows.add_row(*lead, Text(plain(name)), _side(change, "old", "red"), _side(change, "new", "green"))
            lead = [Text()] * 3
    shown = f"the last {count(len(entries), 'change')}" if more else count(len(entries), "change")
    parts: list[RenderableType] = [Text.assemble((plain(user_id), "bold"), f": {shown}"), Text(), rows]
    if more:
        parts += [Text(), Text("There are older ones: --limit N.")]
    return Lines(*parts)


def _side(change: JsonObject, side: str, style: str) -> Text:
    return Text(plain(json_line(change[side])), style=style) if side in change else Text("-", style="dim")


# `backfill`: users from before the stream.

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
    screen.show(_data(report, dry_run=dry_run), lambda: _readable_backfill(desk, report, dry_run=dry_run))
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


def _readable_backfill(desk: Desk, report: BackfillReport, *, dry_run: bool) -> RenderableType:
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


# `claim-keys`: the uniqueness of users who didn't register.

CLAIM_ROWS = 20
LONGEST_VALUE = 80
CLAIMS_PER_SECOND = 200

WHAT_TO_DO = {
    Outcome.TAKEN: "give one of the two another value, or delete one",
    Outcome.NOT_TEXT: "give the user one that is text",
    Outcome.TOO_LONG: "give the user a shorter one",
    Outcome.BUSY: "run the same command again",
}
"""The first three by PATCH /users/{userId} of the stack's API, which writes the keys itself."""


@click.command("claim-keys", cls=OpsCommand, short_help="Imported users' emails and usernames made unique.")
@rate_option(CLAIMS_PER_SECOND, "Users a second at most whose keys are written.")
@click.option("--dry-run", is_flag=True, help="Only count and list the problems; nothing is written.")
@screen_options
@pass_desk
def claim_keys(desk: Desk, *, rate: float, dry_run: bool, screen: Screen) -> None:
    """Make the emails and usernames of users who didn't register theirs.

    Registration writes a key for each into UserKeys, and refuses a value whose key is there. This writes the same keys
    for users who came in by other ways, such as an imported table. Never is a key taken from the user who holds it, and
    users may register, change and leave meanwhile. Run it again as often as you like: it writes what is missing. Exit
    code 1 says that some values are left without a key, and which.
    """
    services = desk.services
    keys = PlannedKeys(services.user_keys()) if dry_run else services.user_keys()
    label = "Counting" if dry_run else "Claiming keys"
    closed = closing(keys) if isinstance(keys, PlannedKeys) else nullcontext()
    with stop_on_interrupt() as stop, screen.progress(label) as meter, closed:
        work = LongWork(stop=stop, meter=meter)
        rate = float("inf") if dry_run else rate
        report = KeyClaims(services.users(), keys, work, users_per_second=rate).run()
    screen.show(_data_claim_keys(report, dry_run=dry_run), lambda: _readable_claim_keys(desk, report, dry_run=dry_run))
    if report.error:
        raise report.error
    if not report.finished:
        end(ExitCode.INTERRUPTED)
    if report.left:
        end(ExitCode.UNFINISHED)


def _data_claim_keys(report: KeyClaimsReport, *, dry_run: bool) -> JsonObject:
    return {
        "dryRun": dry_run,
        "finished": report.finished,
        "users": report.users,
        "values": {outcome.value: report.outcomes[outcome] for outcome in Outcome},
        "problems": [
            {
                "userId": problem.user_id,
                "attribute": problem.attribute,
                "problem": problem.outcome.value,
                "value": _shortened(problem),
                "heldBy": problem.holder,
                "toDo": WHAT_TO_DO[problem.outcome],
            }
            for problem in report.problems
        ],
        "problemsNotListed": report.left - len(report.problems),
    }


def _readable_claim_keys(desk: Desk, report: KeyClaimsReport, *, dry_run: bool) -> RenderableType:
    outcomes = report.outcomes
    heading = f"{count(outcomes[Outcome.CLAIMED], 'key')} {'would be ' if dry_run else ''}written."
    if not report.finished:
        heading = f"{heading[:-1]}, and there are more users: the same command goes on."
    numbers = facts(
        [
            ("users", f"{report.users:,}"),
            ("held already", f"{outcomes[Outcome.HELD]:,}  emails and usernames with a key of their user's"),
            ("without", f"{outcomes[Outcome.WITHOUT]:,}  emails and usernames that are missing or empty"),
            ("deleted", f"{outcomes[Outcome.GONE]:,}  of users who left meanwhile" if outcomes[Outcome.GONE] else None),
            *(
                (outcome.value, f"{outcomes[outcome]:,}  {to_do}" if outcomes[outcome] else None)
                for outcome, to_do in WHAT_TO_DO.items()
            ),
        ]
    )
    parts: list[RenderableType] = [Text(heading, style="bold"), Text(), numbers]
    if report.problems:
        parts += [Text(), _problems(report.problems[:CLAIM_ROWS])]
        more = report.left - min(CLAIM_ROWS, len(report.problems))
        if more:
            parts.append(Text(f"and {more:,} more: --json lists the first {len(report.problems):,}", style="dim"))
        by_hand = "PATCH /users/{userId} of the stack's API, or DELETE"
        parts += [Text(), next_steps(by_hand, desk.command("claim-keys"))]
    elif dry_run and outcomes[Outcome.CLAIMED]:
        parts += [Text(), next_steps(desk.command("claim-keys"))]
    return Lines(*parts)


def _problems(problems: list[Problem]) -> RenderableType:
    rows = table("User", "Attribute", "Value", "Problem")
    for problem in problems:
        held = f"taken by {problem.holder}" if problem.holder is not None else problem.outcome.value
        shown = [problem.user_id, problem.attribute, _shortened(problem) or "", held]
        rows.add_row(*(Text(plain(text)) for text in shown))
    return rows


def _shortened(problem: Problem) -> str | None:
    value = problem.value
    return value if value is None or len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}..."
