"""What every command has: its stack and output, its common options, its end with an exit code."""

import math
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from rich.console import Group, RenderableType
from rich.text import Text
from typing_extensions import override

from functions.runtime.json_log import Json
from ops.errors import ExitCode, OpsError, WrongUsageError
from ops.job import Job, stop_on_interrupt
from ops.output import Output

if TYPE_CHECKING:
    from ops.aws.services import Services

OTHER_PROGRAMS = ("pulumi ", "python -m local ")
"""How a command line begins that isn't one of these commands."""


@dataclass
class CommandContext:
    """One run of the command line: click's context object of every command."""

    open_services: "Callable[[], Services]"
    output: Output = field(default_factory=lambda: Output.of(None))
    """Replaced once the command's `--json` or `--table` is parsed."""

    @classmethod
    def of(cls, stack: str | None, outputs: Path | None, profile: str | None) -> "CommandContext":
        """Return the context of a command on the stack that is named, or has the outputs."""

        def services() -> "Services":
            # botocore and the outputs' model take a while, and `capacity` needs no stack.
            from ops.aws.services import Services  # noqa: PLC0415  for that reason
            from ops.stack_outputs import read_stack  # noqa: PLC0415

            return Services(read_stack(stack, outputs), profile)

        return cls(services)

    @cached_property
    def services(self) -> "Services":
        """The stack's services, opened on first use."""
        return self.open_services()

    def next_steps(self, *commands: str, by_hand: str | None = None) -> RenderableType:
        """Return what to do by hand, if anything, and command lines for the same stack to copy.

        Each is on its own line, however narrow the terminal.
        """
        steps = [by_hand] if by_hand else []
        steps += [
            # Another program's command is complete.
            command if command.startswith(OTHER_PROGRAMS) else f"python -m ops {self.services.source} {command}"
            for command in commands
        ]
        leads = ["Next  ", *["      "] * len(steps)]
        lines = zip(leads, steps, strict=False)
        return Group(*(Text.assemble((lead, "bold"), step, no_wrap=True, overflow="ignore") for lead, step in lines))

    @contextmanager
    def job(self, label: str) -> Generator[Job]:
        """Give a job that Ctrl-C stops and that a progress bar shows."""
        with stop_on_interrupt() as stop_requested, self.output.progress(label) as report_progress:
            yield Job(stop_requested=stop_requested, report_progress=report_progress)

    def finish(
        self,
        data: Json,
        render: Callable[[], RenderableType],
        *,
        error: OpsError | None = None,
        interrupted: bool = False,
        unfinished: bool = False,
    ) -> None:
        """Print the result as JSON or rendered, then end the command with the fitting exit code."""
        self.output.show(data, render)
        if error:
            raise error
        if interrupted:
            exit_with(ExitCode.INTERRUPTED)
        if unfinished:
            exit_with(ExitCode.UNFINISHED)


pass_command_context = click.make_pass_decorator(CommandContext)


def exit_with(code: ExitCode) -> NoReturn:
    """End the command."""
    click.get_current_context().exit(code)


class OpsCommand(click.Command):
    """A command with `--json` and `--table`; an error ends it with its exit code and next step."""

    def __init__(self, *arguments: Any, params: list[click.Parameter] | None = None, **options: Any) -> None:
        as_json = click.Option(["--json", "form"], flag_value="json", help="Print JSON; the default in a pipe.")
        as_table = click.Option(
            ["--table", "form"], flag_value="table", help="Print tables; the default in a terminal."
        )
        super().__init__(*arguments, params=[*(params or ()), as_json, as_table], **options)

    @override
    def invoke(self, ctx: click.Context) -> object:
        ctx.obj.output = Output.of(ctx.params.pop("form"))
        try:
            return super().invoke(ctx)
        except OpsError as error:
            _fail(ctx, error)
        except BrokenPipeError:
            raise  # The reader of the result closed the pipe; click ends quietly.
        except (OSError, sqlite3.Error) as error:
            advice = "check that the disk has room and the file may be written; then run the same command again"
            _fail(ctx, OpsError(f"This machine refuses: {error}", advice))
        except click.Abort as abort:
            if isinstance(abort.__context__, EOFError):
                click.echo(err=True)  # the question's line is not ended yet
                _fail(ctx, WrongUsageError("Nobody answered the question; nothing was done", "say --yes"))
            ctx.exit(ExitCode.INTERRUPTED)
        except KeyboardInterrupt:
            ctx.exit(ExitCode.INTERRUPTED)


def _fail(ctx: click.Context, error: OpsError) -> NoReturn:
    output = Output.of(None)
    output.say(Text.assemble(("Error", "bold red"), " "), error.message)
    if error.next_step:
        output.say(Text.assemble(("Next", "bold"), "  "), error.next_step)
    ctx.exit(error.exit_code)


def number_option(
    name: str, metavar: str, help_: str, *, default: float | None = None, **limits: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return an option for a finite number from 0 on; without a default it is required."""
    # To click a default of None is a value, and nothing is missing.
    needed: dict[str, Any] = {"required": True} if default is None else {"default": default, "show_default": True}
    return click.option(name, metavar=metavar, type=FiniteRange(min=0, **limits), help=help_, **needed)


class FiniteRange(click.FloatRange):
    """A finite number in a range; click lets nan pass every limit, and infinity an open one."""

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number: give one such as 0.5 or 20", param, ctx)
        return number
