"""Whether the stack on this machine works: its parts, its mappings and what it has lost."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from rich.console import Console
from rich.markup import escape

from local.emulator import is_healthy
from local.event_source_mappings.status import MappingStatus, read_mappings
from local.lost_resources import lost_resources
from local.state import LocalStack, clients_of, is_process_running, read_local_stack, root_keys_of

_PART_WIDTH = 15

_COUNTS = {
    "Polled": "polled",
    "FilteredOut": "filtered out",
    "Invoked": "invoked",
    "FailedInvoke": "failed",
    "Deleted": "deleted",
    "Dropped": "dropped",
    "OnFailureDestinationDelivered": "given up",
}
"""What the table calls the counts of a mapping's records."""


class _Json(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class Part(_Json):
    """One process of the stack."""

    running: bool
    process: int | None
    log: str | None = Field(default=None, description="Path of its log.")


class StackStatus(_Json):
    """What `python -m local status` says."""

    healthy: bool
    up_seconds: int
    supervisor: Part
    emulator: Part
    poller: Part
    endpoint_url: str
    api_url: str
    website_url: str | None
    mappings: list[MappingStatus]
    lost: list[str] = Field(description="Names of resources that are gone from the emulator.")

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Return what can be said now. Raise LocalStackNotRunningError if no stack runs there."""
        stack = read_local_stack(directory)
        emulator_runs = is_healthy(stack.endpoint_url, root_keys_of(stack))
        poller_runs = is_process_running(stack.poller_pid)
        lost = lost_resources(stack, clients_of(stack)) if emulator_runs else []
        mappings = read_mappings(directory)
        delivered = bool(mappings) and all(mapping.state == "delivering" for mapping in mappings)
        return cls(
            healthy=emulator_runs and poller_runs and delivered and not lost,
            up_seconds=_up_seconds(stack),
            supervisor=Part(running=True, process=stack.pid),
            emulator=Part(running=emulator_runs, process=stack.emulator_pid, log=f"{directory}/emulator.log"),
            poller=Part(running=poller_runs, process=stack.poller_pid, log=f"{directory}/poller.log"),
            endpoint_url=stack.endpoint_url,
            api_url=stack.outputs.api_url,
            website_url=stack.outputs.website_url,
            mappings=mappings,
            lost=lost,
        )


def print_status(console: Console, status: StackStatus) -> None:
    """Print it for people, a part on a line. Never wrapped, so that a path can be copied."""

    def show(part: str, text: str) -> None:
        console.print(f"[dim]{part:<{_PART_WIDTH}}[/]{text}", soft_wrap=True, highlight=False)

    show("supervisor", f"{_process(status.supervisor)}, {_uptime(status.up_seconds)}")
    show("emulator", f"{_process(status.emulator)}, {escape(status.endpoint_url)}{_log(status.emulator)}")
    show("poller", f"{_process(status.poller)}{_log(status.poller)}")
    show("API", escape(status.api_url))
    show("page", escape(str(status.website_url)))
    for mapping in status.mappings:
        show("mapping", escape(mapping.source_name))
        show("", f"→ {escape(mapping.function_name)}")
        for line in _described(mapping):
            show("", f"  {line}")
    if status.lost:
        show("resources", f"[red]lost[/] {escape(', '.join(status.lost))}")
        console.print("They come back with: python -m local down, then: make up", highlight=False)
    if status.poller.running and not status.mappings:
        show("mapping", "none yet: the poller has just begun")


def _process(part: Part) -> str:
    return f"{'[green]running' if part.running else '[red]not running'}[/], process {part.process}"


def _log(part: Part) -> str:
    return f", log {escape(str(part.log))}"


def _described(mapping: MappingStatus) -> Iterator[str]:
    """Yield how a mapping is and what it counted, then what went wrong."""
    state = "[green]delivering[/]" if mapping.state == "delivering" else f"[red]{mapping.state}[/]"
    counts = {name.removesuffix("EventCount"): count for name, count in mapping.counts.items() if count}
    counted = ", ".join(f"{count} {_COUNTS.get(name, escape(name))}" for name, count in counts.items())
    yield ", ".join(part for part in (state, escape(mapping.reason), counted) if part)
    if mapping.last_problem_at is not None:
        yield f"last problem {mapping.last_problem_at.astimezone():%H:%M:%S} {escape(mapping.last_problem)}"


def _up_seconds(stack: LocalStack) -> int:
    return int((datetime.now(UTC) - stack.started_at).total_seconds())


def _uptime(seconds: int) -> str:
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"up for {hours} h {minutes} min" if hours else f"up for {minutes} min {seconds % 60} s"
