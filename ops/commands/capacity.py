"""`capacity`: what a stack costs, and which limit it reaches first, at a given size."""

from pathlib import Path

import click
from rich.console import RenderableType
from rich.text import Text

from capacity.prices_and_limits import PricesAndLimits, prices_and_limits
from capacity.report import CapacityReport, capacity_report
from capacity.workload import CALL_SECONDS, CapacitySettings, Workload, measured_work, service_times
from functions.runtime.json_log import Json
from infra.naming import PROJECT_ROOT
from ops.context import CommandContext, OpsCommand, number_option, pass_command_context
from ops.errors import NotFoundError, WrongUsageError
from ops.layout import blocks, facts, table
from ops.output import age, camel_json, count

NEAR_LIMIT = 0.8  # share of a limit from which it is shown in yellow; from 1 in red

LONGEST_CALL_MS = 3000
"""The functions' read time-out (functions/runtime/aws_clients.py); a test compares the two."""

CALL_MS = CALL_SECONDS * 1000
BUSY_SHARE_HELP = "Of the month, how much is as busy as that; the rest is quiet."
DELETION_HELP = "Of those updates and deletions, how many are deletions."
CALL_HELP = "Of one call to DynamoDB; more is a slow downstream."


@click.command("capacity", cls=OpsCommand)
@click.option("--users", metavar="N", type=click.IntRange(min=1), required=True, help="Users in the table.")
@number_option("--registrations-per-second", "R", "At the busiest time.", min_open=True)
@number_option("--changes-per-user-per-month", "N", "Updates and deletions.", default=1.0)
@number_option("--deletion-share", "SHARE", DELETION_HELP, default=0.1, max=1)
@number_option("--busy-share", "SHARE", BUSY_SHARE_HELP, default=0.25, min_open=True, max=1)
@number_option("--poison-rate", "SHARE", "Of the records, those that crash log_user_changes.", default=0.0, max=1)
@number_option("--call-ms", "MS", CALL_HELP, default=CALL_MS, min_open=True, max=LONGEST_CALL_MS, max_open=True)
@click.option(
    "--settings",
    "stack",
    metavar="NAME",
    default="prod",
    show_default=True,
    help="The stack whose settings count: one with a Pulumi.NAME.yaml.",
)
@pass_command_context
def capacity(  # noqa: PLR0913 - one parameter per option
    context: CommandContext,
    *,
    users: int,
    registrations_per_second: float,
    changes_per_user_per_month: float,
    deletion_share: float,
    busy_share: float,
    poison_rate: float,
    call_ms: float,
    stack: str,
) -> None:
    """Say what to expect at a size: iterator age, concurrency, shards, limits and the month's bill.

    It needs no stack and no network: the delivery runs in virtual time with the local poller's own
    decisions, prices and limits are AWS's published ones, service times those that `make bench`
    measured. docs/capacity.md says how accurate it is.
    """
    settings = settings_of(stack)
    workload = Workload(
        users=users,
        registrations_per_second=registrations_per_second,
        changes_per_user_per_month=changes_per_user_per_month,
        deletion_share=deletion_share,
        busy_share=busy_share,
        crash_rate=poison_rate,
    )
    published = prices_and_limits()
    times = service_times(measured_work(), settings, call_ms / 1000)
    with context.output.progress("Simulating the delivery"):
        report = capacity_report(workload, settings, times, published)
    context.finish(
        _report_json(report, published),
        lambda: blocks(
            _expectations(report, workload, settings, stack),
            _consumers(report),
            _limits(report),
            _bill(report),
            Text(f"Prices and limits read {published.read}, {published.region}.", style="dim"),
        ),
    )


def settings_of(stack: str, directory: Path = PROJECT_ROOT) -> CapacitySettings:
    """Read the settings of a stack; an error of its file is one of the command line."""
    # Only this command needs the model of the settings, which imports pydantic.
    from capacity.stack_settings import stack_settings  # noqa: PLC0415  for that reason
    from infra.settings.check import SettingsError  # noqa: PLC0415
    from infra.settings.stack_file import StackFileError  # noqa: PLC0415

    try:
        return stack_settings(stack, directory)
    except FileNotFoundError as error:
        raise NotFoundError(str(error), "Name a stack that has a Pulumi.<stack>.yaml: dev or prod.") from error
    except (SettingsError, StackFileError) as error:
        raise WrongUsageError(str(error)) from error


def _report_json(report: CapacityReport, published: PricesAndLimits) -> Json:
    return camel_json(report) | {
        "limits": [camel_json(use) | {"share": use.share} for use in report.limits],
        "dollars": report.dollars,
        "dollarsByService": report.dollars_by_service,
        "pricesRead": published.read,
    }


def _expectations(report: CapacityReport, workload: Workload, settings: CapacitySettings, stack: str) -> RenderableType:
    delivery, first = report.delivery, report.first_limit
    late = delivery.age_p99_seconds > settings.iterator_age_alarm_seconds
    iterator_age = Text(
        f"{delivery.age_median_seconds:.2f} s median, {delivery.age_p99_seconds:.2f} s in 99 of 100 batches, "
        f"{delivery.age_last_seconds:.2f} s after {age(report.simulated_seconds)}"
        + (f": past the alarm at {settings.iterator_age_alarm_seconds} s" if late else ""),
        style="red" if late else "",
    )
    falls_behind = None
    if report.hours_until_given_up is not None:
        hours = f"{report.hours_until_given_up:.1f} h"
        falls_behind = Text(f"more arrives than is delivered: the first record is given up after {hours}", style="red")
    return facts(
        ("workload", f"{workload.users:,} users, {workload.records_per_second:,.3g} changes/s at the busiest time"),
        ("settings", f"Pulumi.{stack}.yaml"),
        ("stream", count(report.shards, "shard")),
        ("iterator age", iterator_age),
        ("falls behind", falls_behind),
        ("batches", f"{delivery.records_per_batch:.1f} records each"),
        ("log_user_changes", f"{report.concurrency:.2f} at a time"),
        ("left waiting", count(report.waiting, "record")),
        ("to the dead-letter queue", f"{report.failed_per_day:,.0f} records a day"),
        ("first limit", f"{first.limit}, at {_factor(1 / first.share)} x this load; moved by {first.moved_by}"),
    )


def _consumers(report: CapacityReport) -> RenderableType:
    rows: list[tuple[RenderableType, ...]] = [
        (
            load.consumer,
            f"{load.changes_per_second:,.3g}",
            f"{load.changes_per_invocation:,.1f}",
            f"{load.invocations_per_month:,.0f}",
            f"{load.at_a_time:,.2g}",
            f"{load.dollars:,.2f}",
        )
        for load in report.consumers
    ]
    numbers = ("changes/s", "a batch", "batches", "at a time", "US dollars")
    return table(("consumer, a month", *numbers), rows, right=numbers)


def _factor(factor: float) -> str:
    """Below 1 use significant digits: far past a limit, 0.0 would say that no load is carried."""
    return f"{factor:,.1f}" if factor >= 1 else f"{factor:.2g}"


def _limits(report: CapacityReport) -> RenderableType:
    rows: list[tuple[RenderableType, ...]] = []
    for use in report.limits:
        style = "red" if use.share >= 1 else "yellow" if use.share >= NEAR_LIMIT else ""
        share = Text(f"{use.share:.2%}", style=style)
        rows.append((use.limit, f"{use.used:,.4g}", f"{use.allowed:,.0f}", share, use.moved_by))
    return table(("limit", "used", "of", "share", "moved by"), rows, right=("used", "of", "share"))


def _bill(report: CapacityReport) -> RenderableType:
    rows: list[tuple[RenderableType, ...]] = []
    service = ""
    for line in report.cost:
        rows.append((line.service if line.service != service else "", line.item, f"{line.dollars:,.2f}"))
        service = line.service
    rows.append(("", Text("together", style="bold"), Text(f"{report.dollars:,.2f}", style="bold")))
    return table(("service", "a month", "US dollars"), rows, right=("US dollars",))
