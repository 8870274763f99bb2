"""`verify`: whether users, their keys and their histories agree, and the repair."""

import click
from rich.console import Group, RenderableType
from rich.text import Text

from functions.runtime.json_log import JsonObject
from ops.context import CommandContext, OpsCommand, number_option, pass_command_context
from ops.job import state_file
from ops.layout import blocks, facts, table
from ops.output import count, shortened
from ops.users.findings import REPAIRABLE, TOLERATED, WHAT_TO_DO, Finding, Problem
from ops.users.verify import PASSES, Verify, VerifyReport
from ops.users.verify_db import VerifyDb

ROWS = 20
LONGEST_VALUE = 80
RATE_HELP = "Items a second at most: each read counts one, each repair ten."


@click.command(cls=OpsCommand)
@click.option("--repair", is_flag=True, help="Mend what is found, by conditional writes alone.")
@number_option("--rate", "N", RATE_HELP, default=2_000, min_open=True)
@click.option("--restart", is_flag=True, help="Start again instead of continuing a run that was stopped.")
@pass_command_context
def verify(context: CommandContext, *, repair: bool, rate: float, restart: bool) -> None:
    """Find users, keys and histories that don't agree, and mend them.

    Found are: a user without the key of an email or another unique value, so that somebody else
    could register with it; a key that nobody uses, so that nobody can; a user whose state the
    history doesn't explain; and a history without its end. Users may register, change and leave
    meanwhile: what only looks like a problem because of them isn't reported, and no repair undoes
    it. Ctrl-C stops it; the same command continues. Exit code 1 says that problems are left.
    """
    outputs = context.services.outputs
    path = state_file("verify", outputs.environment, outputs.users_stream_arn, ".sqlite")
    progress = VerifyDb(path, restart=restart)
    finished = False
    try:
        with context.job("Repairing" if repair else "Verifying") as job:
            report = Verify(context.services, progress, job, items_per_second=rate, repair=repair).run()
        finished = report.finished
    finally:
        progress.close(delete=finished)
    context.finish(
        _as_json(report, repair=repair),
        lambda: _render(context, report, repair=repair),
        error=report.error,
        interrupted=not report.finished,
        unfinished=bool(report.found.keys() - TOLERATED),
    )


def _as_json(report: VerifyReport, *, repair: bool) -> JsonObject:
    return {
        "repair": repair,
        "finished": report.finished,
        **{name: report.read[name] for name in PASSES},
        "left": {problem.value: report.found[problem] for problem in Problem},
        "repaired": {problem.value: report.repaired[problem] for problem in Problem if problem in REPAIRABLE},
        "problems": [
            {
                "problem": one.problem.value,
                "userId": one.user_id,
                "key": one.key and _shortened(one.key),
                "attribute": one.attribute,
                "value": one.value and _shortened(one.value),
                "heldBy": one.held_by,
                "detail": one.detail,
                "toDo": WHAT_TO_DO[one.problem],
            }
            for one in report.findings
        ],
        "problemsNotListed": report.found.total() - len(report.findings),
    }


def _render(context: CommandContext, report: VerifyReport, *, repair: bool) -> RenderableType:
    left = sum(number for problem, number in report.found.items() if problem not in TOLERATED)
    heading = f"{count(left, 'problem')} left" if repair else f"{count(left, 'problem')} found"
    if repair:
        heading += f", {report.repaired.total():,} repaired"
    heading += "." if report.finished or report.error else ", and there is more: the same command continues."
    numbers = facts(
        *((name, f"{report.read[name]:,}") for name in PASSES),
        *((f"{problem} repaired", f"{number:,}") for problem, number in report.repaired.items()),
        *((problem.value, f"{number:,}  {WHAT_TO_DO[problem]}") for problem, number in report.found.items()),
    )
    again = report.finished and not repair and REPAIRABLE & report.found.keys()
    return blocks(
        Text(heading, style="bold"),
        numbers,
        _table(report) if report.findings else None,
        context.next_steps("verify --repair") if again else None,
    )


def _table(report: VerifyReport) -> RenderableType:
    listed = report.findings[:ROWS]
    rows = [("" if at else one.problem.value, line) for one in listed for at, line in enumerate(_lines(one))]
    more = report.found.total() - len(listed)
    rest = [Text(f"and {more:,} more: --json lists the first {len(report.findings):,}", style="dim")] if more else []
    return Group(table(("Problem", "User"), rows), *rest)


def _lines(finding: Finding) -> list[str]:
    """Return the user, and on lines of their own what it is about and who holds that."""
    subject = finding.value or finding.key or finding.attribute
    # A detail is a sentence, and its end says where to look.
    said = shortened(finding.detail) if finding.detail else _shortened(subject) if subject else ""
    return [
        finding.user_id,
        *([f"  {said}"] if said else []),
        *([f"  held by {finding.held_by}"] if finding.held_by else []),
    ]


def _shortened(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}..."
