"""`capacity`: what a stack costs, and which limit it meets first, at a size that is not there yet."""

from dataclasses import asdict

import click
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from ops.capacity.published_figures import PublishedFigures, published_figures
from ops.capacity.report import CapacityReport, capacity_report
from ops.capacity.service_times import CALL_SECONDS, measured_work, service_times
from ops.capacity.workload import Workload
from ops.desk import OpsCommand, screen_options
from ops.screen import Screen
from ops.tables import count, facts, table

NEARLY = 0.8
"""Share of a limit from which it is shown in yellow; past 1 in red."""


@click.command("capacity", cls=OpsCommand)
@click.option("--users", type=click.IntRange(min=1), required=True, help="Users in the table.")
@click.option(
    "--registrations-per-second",
    type=click.FloatRange(min=0, min_open=True),
    required=True,
    help="At the busiest time.",
)
@click.option(
    "--changes-per-user-per-month",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Updates and deletes.",
)
@click.option(
    "--poison-share",
    type=click.FloatRange(min=0, max=1),
    default=0.0,
    show_default=True,
    help="Of the records, those that crash log_user_changes.",
)
@click.option(
    "--call-ms",
    type=click.FloatRange(min=0, min_open=True),
    default=CALL_SECONDS * 1000,
    show_default=True,
    help="Of one call to DynamoDB; more is a slow downstream.",
)
@click.option("--settings", "stack", default="prod", show_default=True, help="Whose Pulumi.<stack>.yaml to take.")
@screen_options
def capacity(  # noqa: PLR0913 - one parameter per option
    *,
    users: int,
    registrations_per_second: float,
    changes_per_user_per_month: float,
    poison_share: float,
    call_ms: float,
    stack: str,
    screen: Screen,
) -> None:
    """Say what to expect at a size: iterator age, concurrency, shards, limits and the month's bill.

    The delivery runs in virtual time on the local poller's own decisions; prices and limits are AWS's published ones,
    dated; service times are those that `make bench` measured. docs/capacity.md tells how far to believe it.
    """
    # Only this command needs the settings' model, which brings Pulumi's SDK.
    from ops.capacity.stack_settings import stack_settings  # noqa: PLC0415

    settings = stack_settings(stack)
    workload = Workload(
        users=users,
        registrations_per_second=registrations_per_second,
        changes_per_user_per_month=changes_per_user_per_month,
        poison_share=poison_share,
    )
    figures = published_figures()
    times = service_times(measured_work(), settings, call_ms / 1000)
    report = capacity_report(workload, settings, times, figures)
    data = asdict(report) | {"dollars": report.dollars, "pricesRead": figures.read}
    screen.show(data, lambda: _readable(report, workload, figures, stack))


def _readable(report: CapacityReport, workload: Workload, figures: PublishedFigures, stack: str) -> RenderableType:
    delivery = report.delivery
    summary = facts(
        [
            ("workload", f"{workload.users:,} users, {workload.records_per_second:,.2f} changes/s at the busiest time"),
            ("settings", f"Pulumi.{stack}.yaml"),
            ("stream", count(report.shards, "shard")),
            (
                "iterator age",
                (
                    f"{delivery.age_median_seconds:.2f} s median, "
                    f"{delivery.age_p99_seconds:.2f} s in 99 of 100 batches, "
                    f"{delivery.age_last_seconds:.2f} s after {report.simulated_seconds / 60:.0f} min"
                ),
            ),
            ("batches", f"{delivery.records_per_batch:.1f} records each"),
            ("log_user_changes", f"{report.concurrency:.2f} at a time"),
            ("left waiting", count(delivery.backlog * report.shards, "record")),
            ("given up to the failure queue", count(delivery.given_up * report.shards, "record")),
        ]
    )
    limits = table("limit", "used", "of", "share", "moved by", right=("used", "of", "share"))
    for use in report.limits:
        style = "red" if use.share >= 1 else "yellow" if use.share >= NEARLY else ""
        share = Text(f"{use.share:.2%}", style=style)
        limits.add_row(use.limit, f"{use.used:,.2f}", f"{use.allowed:,.0f}", share, use.moved_by)
    bill = table("a month", "US dollars", right=("US dollars",))
    for line in report.cost:
        bill.add_row(line.item, f"{line.dollars:,.2f}")
    bill.add_row(Text("together", style="bold"), Text(f"{report.dollars:,.2f}", style="bold"))
    note = Text(f"Prices and limits read {figures.read}, {figures.region}.", style="dim")
    return Lines(summary, "", limits, "", bill, "", note)
