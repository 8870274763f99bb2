"""`status`: the stack's health on one screen."""

import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from ops.aws.cloudwatch import WINDOW_MINUTES, AlarmState
from ops.context import CommandContext, OpsCommand, pass_command_context
from ops.health.parts import ConsumerHealth, FunctionHealth, QueueHealth, mapping_problem
from ops.health.stack import StackHealth, next_commands, read_health
from ops.job import stop_on_interrupt
from ops.layout import blocks, facts, table
from ops.output import age, printable


@click.command(cls=OpsCommand)
@click.option(
    "--watch",
    metavar="S",
    type=click.IntRange(min=1),
    help="Show it again every S seconds, until Ctrl-C; in a pipe a line of JSON each time.",
)
@pass_command_context
def status(context: CommandContext, *, watch: int | None) -> None:
    """Show the stack's health: consumers, queues, functions, alarms.

    Exit code 1 says that something needs attention; what, is listed first.
    """
    if watch is None:
        health = read_health(context.services)
        context.finish(health.as_json(), lambda: _render(context, health), unfinished=bool(health.attention()))
        return
    with stop_on_interrupt(announce=False) as stop_requested, _live(context) as show:
        while not stop_requested():
            show(read_health(context.services))
            wait_until = time.monotonic() + watch
            while time.monotonic() < wait_until and not stop_requested():
                time.sleep(0.1)


@contextmanager
def _live(context: CommandContext) -> Generator[Callable[[StackHealth], None]]:
    """Give a function that shows one health after another: in place, or as lines of JSON."""
    output = context.output
    if output.as_json:
        yield lambda health: output.show_line(health.as_json())
        return
    with Live(console=output.stdout, screen=output.stdout.is_terminal, auto_refresh=False) as live:
        yield lambda health: live.update(_render(context, health), refresh=True)


def _render(context: CommandContext, health: StackHealth) -> RenderableType:
    attention = health.attention()
    state = (f"needs attention ({len(attention)})", "bold red") if attention else ("healthy", "bold green")
    heading = Text.assemble((health.environment, "bold"), f" in {health.region}  ", state)
    commands = next_commands(attention)
    return blocks(
        Group(heading, *(Text.assemble(("! ", "red"), printable(one.text)) for one in attention)),
        _local_delivery(health),
        _consumers(health),
        _queues(health.queues),
        _functions(health.functions),
        _alarms(health.alarms) if health.alarms else None,
        context.next_steps(*commands) if commands else None,
    )


def _local_delivery(health: StackHealth) -> RenderableType | None:
    poller = health.local_poller
    if poller is None:
        return None
    return facts(("delivery", f"by the local poller, process {poller.pid}" if poller.running else "by nobody"))


def _consumers(health: StackHealth) -> RenderableType:
    rows = (
        (
            consumer.consumer,
            _state(health, consumer),
            "-" if consumer.late_seconds is None else age(consumer.late_seconds),
            _waiting(consumer.queue),
            f"{consumer.queue.depth.in_flight:,}" if consumer.queue else "",
            _waiting(consumer.failure_queue, style="red"),
        )
        for consumer in health.consumers
    )
    numbers = ("Late", "Waiting", "In flight", "Failing")
    return table(("Consumer", "Delivery", *numbers), rows, right=numbers)


def _state(health: StackHealth, consumer: ConsumerHealth) -> Text:
    if consumer.function is None:
        return Text("switched off", style="dim")
    if consumer.stream and consumer.stream.problem():
        return Text("no stream", style="red")
    if health.local_poller:
        if not health.local_poller.running:
            return Text("nobody", style="red")
        mapping = health.local_poller.mapping_of(consumer.function.name)
        problem = health.local_problem(consumer)
        return Text(mapping.state if mapping else "poller", style="red" if problem else "")
    if consumer.mapping is None:
        return Text("unknown", style="red")
    problem = mapping_problem(consumer.mapping)
    return Text(consumer.mapping.state, style="red" if problem else "")


def _waiting(queue: QueueHealth | None, *, style: str = "") -> Text:
    if queue is None:
        return Text()
    waiting = queue.depth.visible + queue.depth.delayed
    return Text(f"{waiting:,}", style=style if queue.depth.total else "")


def _queues(queues: Sequence[QueueHealth]) -> RenderableType:
    rows = (
        (
            queue.name,
            Text(f"{queue.depth.visible + queue.depth.delayed:,}", style="red" if queue.depth.total else ""),
            f"{queue.depth.in_flight:,}",
            "" if queue.oldest_seconds is None else age(queue.oldest_seconds),
        )
        for queue in queues
    )
    return table(("Queue", "Waiting", "In flight", "Oldest"), rows, right=("Waiting", "In flight", "Oldest"))


def _functions(functions: Sequence[FunctionHealth]) -> RenderableType:
    rows = (
        (
            function.name,
            _number(function.invocations),
            Text(_number(function.errors), style="red" if function.errors else ""),
            Text(_number(function.throttles), style="red" if function.throttles else ""),
        )
        for function in functions
    )
    numbers = ("Invoked", "Errors", "Throttles")
    return table((f"Function, last {WINDOW_MINUTES} minutes", *numbers), rows, right=numbers)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _alarms(alarms: Sequence[AlarmState]) -> RenderableType:
    """Return the firing alarms as a table, the others as counts."""
    firing = [alarm for alarm in alarms if alarm.state == "ALARM"]
    rows = (
        (Text(alarm.name, style="bold"), Text(alarm.state, style="bold red"), f"{alarm.since:%H:%M:%S}", alarm.reason)
        for alarm in firing
    )
    others = Counter(alarm.state for alarm in alarms if alarm.state != "ALARM")
    counts = [f"{len(firing)} firing"]
    counts += [f"{number} {state.replace('INSUFFICIENT_DATA', 'no data')}" for state, number in sorted(others.items())]
    summary = Text.assemble(("Alarms  ", "bold"), ", ".join(counts))
    return blocks(summary, table(("Alarm", "State", "Since", "Reason"), rows) if firing else None)
