"""`status`: the stack's health in one screen."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import click
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from ops.aws.cloudwatch import WINDOW_MINUTES, AlarmState
from ops.context import Desk, OpsCommand, end, pass_desk, screen_options
from ops.errors import ExitCode
from ops.health import FunctionState, QueueState, StackStatus, read_status
from ops.job import stop_on_interrupt
from ops.output import Screen, age, facts, next_steps, plain, table

STATE_STYLES = {"OK": "green", "ALARM": "bold red", "INSUFFICIENT_DATA": "dim"}
STATE_NAMES = {"INSUFFICIENT_DATA": "no data"}


@click.command(cls=OpsCommand, short_help="The stack's health in one screen.")
@click.option(
    "--watch",
    metavar="S",
    type=click.IntRange(min=1),
    help="Show it anew every S seconds, until Ctrl-C; in a pipe a line of JSON each time.",
)
@screen_options
@pass_desk
def status(desk: Desk, *, watch: int | None, screen: Screen) -> None:
    """Show the stack's health: delivery, queues, functions, alarms.

    Exit code 1 says that something needs somebody; what, stands on top.
    """
    if watch is None:
        found = read_status(desk.services)
        screen.show(found.as_json(), lambda: readable_status(desk, found))
        if found.attention():
            end(ExitCode.UNFINISHED)
        return
    with stop_on_interrupt(announce=False) as stop, _shown_anew(desk, screen) as show:
        while not stop():
            show(read_status(desk.services))
            wait_until = time.monotonic() + watch
            while time.monotonic() < wait_until and not stop():
                time.sleep(0.1)


@contextmanager
def _shown_anew(desk: Desk, screen: Screen) -> Generator[Callable[[StackStatus], None]]:
    """Give what shows one status after the other: in place, or as lines of JSON."""
    if screen.as_json:
        yield lambda found: screen.line(found.as_json())
        return
    with Live(console=screen.out, screen=screen.out.is_terminal, auto_refresh=False) as live:
        yield lambda found: live.update(readable_status(desk, found), refresh=True)


def readable_status(desk: Desk, found: StackStatus) -> RenderableType:
    """Return the screen."""
    attention = found.attention()
    heading = Text.assemble((f"{found.environment}", "bold"), f" in {found.region}  ")
    if attention:
        heading.append(f"needs attention ({len(attention)})", style="bold red")
    else:
        heading.append("healthy", style="bold green")
    parts: list[RenderableType] = [heading]
    parts += [Text.assemble(("! ", "red"), plain(line)) for line in attention]
    parts += [Text(), facts(_delivery(found)), Text(), _queues(found.queues), Text(), _functions(found.functions)]
    if found.alarms:
        parts += [Text(), _alarms(found.alarms)]
    if commands := [desk.command(words) for words in found.next_commands()]:
        parts += [Text(), next_steps(*commands)]
    return Lines(*parts)


def _delivery(found: StackStatus) -> list[tuple[str, RenderableType | None]]:
    mapping = found.mapping
    if found.poller:
        delivered = f"by the local poller, process {found.poller.pid}" if found.poller.running else "by nobody"
        result = None
    else:
        delivered = f"{mapping.state}, in batches of {mapping.batch_size}" if mapping else "unknown"
        result = mapping.last_result if mapping else None
    behind = None if found.iterator_age_seconds is None else age(found.iterator_age_seconds)
    return [
        ("delivery", delivered),
        ("last result", result),
        ("iterator age", behind or f"no figure for the last {WINDOW_MINUTES} minutes"),
    ]


def _queues(queues: list[QueueState]) -> RenderableType:
    rows = table("Queue", "Waiting", "Held", "Oldest", right=["Waiting", "Held", "Oldest"])
    for queue in queues:
        style = "red" if queue.depth.total else ""
        rows.add_row(
            Text(queue.name),
            Text(f"{queue.depth.visible + queue.depth.delayed:,}", style=style),
            f"{queue.depth.in_flight:,}",
            "" if queue.oldest_seconds is None else age(queue.oldest_seconds),
        )
    return rows


def _functions(functions: list[FunctionState]) -> RenderableType:
    rows = table(
        f"Function, last {WINDOW_MINUTES} minutes",
        "Invoked",
        "Errors",
        "Throttles",
        right=["Invoked", "Errors", "Throttles"],
    )
    for function in functions:
        rows.add_row(
            Text(function.name),
            _figure(function.invocations),
            Text(_figure(function.errors), style="red" if function.errors else ""),
            Text(_figure(function.throttles), style="red" if function.throttles else ""),
        )
    return rows


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _alarms(alarms: list[AlarmState]) -> RenderableType:
    """Return the alarms that say something, then the quiet ones in a line."""
    rows = table("Alarm", "State", "Since", "Reason")
    firing = [alarm for alarm in alarms if alarm.state == "ALARM"]
    for alarm in firing:
        rows.add_row(
            Text(alarm.name, style="bold"),
            Text(alarm.state, style=STATE_STYLES.get(alarm.state, "")),
            alarm.since.strftime("%H:%M:%S"),
            Text(plain(alarm.reason)),
        )
    silent: dict[str, int] = {}
    for alarm in alarms:
        if alarm.state != "ALARM":
            silent[alarm.state] = silent.get(alarm.state, 0) + 1
    others = ", ".join(f"{number} {STATE_NAMES.get(state, state)}" for state, number in sorted(silent.items()))
    summary = Text.assemble(("Alarms  ", "bold"), f"{len(firing)} firing" + (f", {others}" if others else ""))
    return Lines(summary, Text(), rows) if firing else summary
