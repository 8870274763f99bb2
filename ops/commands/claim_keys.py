"""`claim-keys`: the uniqueness of users who didn't register."""

from contextlib import closing, nullcontext

import click
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from functions.json_types import JsonObject
from ops.commands.rate_option import rate_option
from ops.desk import Desk, OpsCommand, end, pass_desk, screen_options
from ops.errors import ExitCode
from ops.interruption import stop_on_interrupt
from ops.key_claims import KeyClaims, KeyClaimsReport, Outcome, Problem
from ops.long_work import LongWork
from ops.planned_keys import PlannedKeys
from ops.screen import Screen, plain
from ops.tables import count, facts, next_steps, table

ROWS = 20
LONGEST_VALUE = 80
USERS_PER_SECOND = 200

WHAT_TO_DO = {
    Outcome.TAKEN: "give one of the two another value, or delete one",
    Outcome.NOT_TEXT: "give the user one that is text",
    Outcome.TOO_LONG: "give the user a shorter one",
    Outcome.BUSY: "run the same command again",
}
"""The first three by PATCH /users/{userId} of the stack's API, which writes the keys itself."""


@click.command("claim-keys", cls=OpsCommand, short_help="Imported users' emails and usernames made unique.")
@rate_option(USERS_PER_SECOND, "Users a second at most whose keys are written.")
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
    screen.show(_data(report, dry_run=dry_run), lambda: _readable(desk, report, dry_run=dry_run))
    if report.error:
        raise report.error
    if not report.finished:
        end(ExitCode.INTERRUPTED)
    if report.left:
        end(ExitCode.UNFINISHED)


def _data(report: KeyClaimsReport, *, dry_run: bool) -> JsonObject:
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


def _readable(desk: Desk, report: KeyClaimsReport, *, dry_run: bool) -> RenderableType:
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
        parts += [Text(), _problems(report.problems[:ROWS])]
        more = report.left - min(ROWS, len(report.problems))
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
