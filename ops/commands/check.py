"""`check`: whether a deployed stack does what it promises."""

import click
from rich.console import RenderableType
from rich.text import Text

from ops.check.lifecycle import Check
from ops.check.report import CheckReport, Outcome
from ops.context import CommandContext, OpsCommand, number_option, pass_command_context
from ops.layout import blocks, table
from ops.output import camel_json, count, printable

WITHIN_SECONDS = 60.0
"""A change is in the history within a minute."""

_STYLES = {Outcome.OK: "green", Outcome.FAILED: "bold red", Outcome.SKIPPED: "yellow"}


@click.command(cls=OpsCommand)
@number_option(
    "--within",
    "S",
    "Seconds in which a change has to be in the history, and the stack healthy.",
    default=WITHIN_SECONDS,
    min_open=True,
)
@pass_command_context
def check(context: CommandContext, *, within: float) -> None:
    """Register a marked user, change it, find both in the history, and remove it with every trace.

    Then look at what `status` looks at: alarms, queues, delivery. The address is one of SES's
    mailbox simulator, and nobody's. Killed at any point, the next check removes what is left first.
    With neutral answers a registration waits for its mail: what comes after it isn't checked.

    Exit code 1 says that something isn't as it should be: what, where, and what to do.
    """
    with context.job("Checking") as job:
        report = Check(context.services, job, within_seconds=within).run()
    context.finish(
        camel_json(
            {
                "passed": report.passed,
                "environment": report.environment,
                "userId": report.user_id,
                "steps": [
                    {
                        "step": step.name,
                        "outcome": step.outcome.value,
                        "seconds": round(step.seconds, 3),
                        "detail": step.detail,
                        "next": step.next_step,
                    }
                    for step in report.steps
                ],
            }
        ),
        lambda: _render(context, report),
        interrupted=report.interrupted,
        unfinished=not report.passed,
    )


def _render(context: CommandContext, report: CheckReport) -> RenderableType:
    failed = report.failed
    state = Text("passed", style="bold green")
    if report.interrupted:
        state = Text("interrupted: the next check removes what is left", style="yellow")
    elif failed:
        state = Text(f"{count(len(failed), 'step')} failed", style="bold red")
    rows = [
        (step.name, Text(step.outcome.value, style=_STYLES[step.outcome]), f"{step.seconds:.1f} s", step.detail)
        for step in report.steps
    ]
    advice = [f"{step.name}: {step.next_step}" for step in failed if step.next_step]
    return blocks(
        Text.assemble((report.environment, "bold"), "  ", state),
        table(("Step", "Result", "Took", "What"), rows, right=("Took",)),
        Text("\n".join(printable(line) for line in advice)) if advice else None,
        context.next_steps("check") if failed else None,
    )
