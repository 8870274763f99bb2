"""What a command is given: the stack it is about, opened when it is first needed."""

import math
import sqlite3
from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any, NoReturn, TypeVar

import click
from typing_extensions import override

from ops.dead_letters.selection import FIELD_NAMES, Selection
from ops.errors import EXIT_CODES, ExitCode, OpsError, WrongUsageError
from ops.output import Form, Screen, plain
from ops.services import Services


class Desk:
    """One run of the command line, on one stack."""

    def __init__(self, open_services: Callable[[], Services]) -> None:
        self._open_services = open_services

    @cached_property
    def services(self) -> Services:
        """The stack's services.

        Raises:
            OpsError: The stack isn't named, or can't be found.
        """
        return self._open_services()

    def command(self, words: str) -> str:
        """Return a command line for the same stack, to be copied."""
        return f"python -m ops {self.services.source} {words}"


pass_desk = click.make_pass_decorator(Desk)


def screen_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--json` and `--table`; the command is given its `screen`."""

    @wraps(command)
    def with_screen(*arguments: Any, form: Form | None, **options: Any) -> None:
        command(*arguments, screen=Screen.of(form), **options)

    as_json = click.option("--json", "form", flag_value="json", help="Print JSON; the default in a pipe.")
    as_table = click.option("--table", "form", flag_value="table", help="Print tables; the default in a terminal.")
    return as_json(as_table(with_screen))


where_option = click.option(
    "--where",
    metavar="CONDITIONS",
    multiple=True,
    help=f"Those for which all hold: kind=permanent, reason~schemaVersion, user=ID; fields: {FIELD_NAMES}.",
)


def selection_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `[ID ... | --all | --where CONDITIONS]`; the command is given its `selection`."""

    @wraps(command)
    def with_selection(
        *arguments: Any,
        ids: tuple[str, ...],
        where: tuple[str, ...],
        everything: bool,
        **options: Any,
    ) -> None:
        command(*arguments, selection=Selection.of(ids, where, everything=everything), **options)

    add_ids = click.argument("ids", metavar="[ID]...", nargs=-1)
    add_everything = click.option("--all", "everything", is_flag=True, help="All of them.")
    return add_ids(add_everything(where_option(with_selection)))


def end(code: ExitCode) -> NoReturn:
    """End the command with this exit code; its result is printed."""
    click.get_current_context().exit(code)


class OpsCommand(click.Command):
    """A command whose errors end it with the exit code of their class and the next step."""

    def invoke(self, ctx: click.Context) -> object:
        """Run it."""
        try:
            return super().invoke(ctx)
        except OpsError as error:
            _end_with(ctx, error)
        except BrokenPipeError:
            raise  # Whoever read the result has enough of it; click ends quietly.
        except (OSError, sqlite3.Error) as error:
            _end_with(ctx, OpsError(f"This machine refuses: {error}", _ROOM_AND_RIGHTS))
        except click.Abort as abort:
            if isinstance(abort.__context__, EOFError):
                _end_with(ctx, WrongUsageError("Nobody answered the question; nothing was done", "say --yes"))
            ctx.exit(ExitCode.INTERRUPTED)
        except KeyboardInterrupt:
            ctx.exit(ExitCode.INTERRUPTED)


_ROOM_AND_RIGHTS = "see that the disk has room and the file may be written; then run the same command again"


def _end_with(context: click.Context, error: OpsError) -> NoReturn:
    say_error(error)
    context.exit(EXIT_CODES[type(error)])


class OpsGroup(click.Group):
    """A group of such commands."""

    command_class = OpsCommand

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Return the names in the order in which the commands were added: that of the work."""
        return list(self.commands)


OpsGroup.group_class = OpsGroup


def say_error(error: OpsError) -> None:
    """Print an error and its next step on stderr."""
    console = Screen.of(None).notes
    console.print(f"[bold red]Error[/] {_escaped(error.message)}", soft_wrap=True)
    if error.next_step:
        console.print(f"[bold]Next[/]  {_escaped(error.next_step)}", soft_wrap=True)


def _escaped(text: str) -> str:
    return plain(text).replace("[", r"\[")


# A number in a range, as an option takes it.


class FiniteRange(click.FloatRange):
    """A number in a range, and a finite one: nan is neither above nor below any limit, and infinity has no size."""

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number} is no number to reckon with: give one such as 0.5 or 20", param, ctx)
        return number


# `--rate`: how many users a second a long work takes at most.

_Command = TypeVar("_Command", bound=Callable[..., Any])


def rate_option(users_per_second: float, help_text: str) -> Callable[[_Command], _Command]:
    """Return the option.

    Args:
        users_per_second: without the option.
        help_text: what is counted, in the words of the command.
    """
    return click.option(
        "--rate",
        metavar="N",
        type=FiniteRange(min=0, min_open=True),
        default=users_per_second,
        show_default=True,
        help=help_text,
    )
