"""Where a command's result goes: a table for a person, JSON for a pipe; what it says on the way goes to stderr."""

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import pairwise
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.console import Group as Lines
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from functions.runtime.json_log import Json

Form = Literal["json", "table"]

WIDTH_WITHOUT_TERMINAL = 120


Meter = Callable[[int, int], None]
"""Shows how far a long work has come: so much done, of about so much."""


@dataclass(frozen=True)
class Screen:
    """The two streams of one command, and which form its result takes."""

    as_json: bool
    out: Console
    notes: Console

    @classmethod
    def of(cls, form: Form | None) -> "Screen":
        """Take the streams as they are now; without a wish, JSON unless stdout is a terminal."""
        out = sys.stdout
        if isinstance(out, TextIOWrapper):
            # A user's name that the terminal's encoding lacks must not end a command; stderr spells it out by itself.
            out.reconfigure(errors="replace")
        as_json = form == "json" if form else not sys.stdout.isatty()
        width = None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL
        return cls(
            as_json,
            Console(file=sys.stdout, highlight=False, soft_wrap=False, width=width),
            Console(file=sys.stderr, highlight=False, stderr=True),
        )

    def show(self, data: Json, readable: Callable[[], RenderableType]) -> None:
        """Print the result, in one of its two forms."""
        if self.as_json:
            sys.stdout.write(json.dumps(data, indent=2) + "\n")
        else:
            self.out.print(readable(), crop=False)

    def line(self, data: Json) -> None:
        """Print one of several results, as a line of JSON."""
        sys.stdout.write(json.dumps(data, separators=(",", ":")) + "\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Say something on the way, to people only."""
        self.notes.print(text, markup=False, soft_wrap=True)

    def progress(self, label: str) -> "AbstractContextManager[Meter]":
        """Return a bar on stderr; nothing where stderr is no terminal."""
        return _Bar(self.notes, label) if self.notes.is_terminal else nullcontext(_silent)


def plain(text: str) -> str:
    """Return the text safe for a terminal: what isn't printable, escape sequences for one, is spelled out."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def _silent(done: int, total: int) -> None:
    """Show nothing."""


class _Bar:
    """A progress bar that is gone when the work is done."""

    def __init__(self, console: Console, label: str) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task(label, total=None)

    def __enter__(self) -> Meter:
        self._progress.start()
        return self._update

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _update(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=max(done, total))


# How results look in a terminal.

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR

KIND_STYLES = {
    "permanent": "red",
    "exhausted": "yellow",
    "expired": "yellow",
    "lost": "magenta",
    "unreadable": "magenta",
}

SHORTEST_ID = 8


def age(seconds: float) -> str:
    """Return a length of time in the unit that says most: `45 s`, `12 min`, `3 h`, `2 d`."""
    seconds = max(0, seconds)
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR:.0f} h"
    return f"{seconds // _DAY:.0f} d"


def count(number: int, one: str, many: str | None = None) -> str:
    """Return `1 message`, `2 messages`, `12,345 messages`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def hidden_text(messages: int) -> str:
    """Return what is to be said of messages that can't be seen."""
    return (
        f"{count(messages, 'message')} more: somebody else holds them, or a command that was killed did; "
        "then they show up again by themselves, after a replay's or an export's end within 15 minutes."
    )


def table(*headings: str, right: Sequence[str] = ()) -> Table:
    """Return an empty table of our look; headings in `right` are of numbers, and an ID is never broken."""
    result = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for heading in headings:
        result.add_column(
            heading,
            justify="right" if heading in right else "left",
            overflow="ignore" if heading == "ID" else "fold",
            no_wrap=heading in ("ID", *right),
        )
    return result


def kind_text(kind: str) -> Text:
    """Return a failure's kind in its colour."""
    return Text(kind, style=KIND_STYLES.get(kind, ""))


def short_ids(ids: Sequence[str]) -> dict[str, str]:
    """Return for each id its shortest beginning that no other id has."""
    ordered = sorted(set(ids))
    shared = [0, *(_shared_length(one, next_one) for one, next_one in pairwise(ordered)), 0]
    return {
        failure_id: failure_id[: max(SHORTEST_ID, shared[position] + 1, shared[position + 1] + 1)]
        for position, failure_id in enumerate(ordered)
    }


def _shared_length(one: str, other: str) -> int:
    for position, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return position
    return min(len(one), len(other))


def facts(pairs: Sequence[tuple[str, RenderableType | None]]) -> Table:
    """Return names with their values, those without a value left out."""
    result = Table.grid(padding=(0, 2))
    result.add_column(style="dim", no_wrap=True)
    result.add_column(overflow="fold")
    for name, value in pairs:
        if value is not None:
            result.add_row(name, Text(plain(value)) if isinstance(value, str) else value)
    return result


def next_steps(*commands: str) -> RenderableType:
    """Return the commands that come next, each in a line of its own however narrow the terminal: they are copied."""
    return Lines(
        *(
            Text.assemble(("Next  " if position == 0 else "      ", "bold"), command, no_wrap=True, overflow="ignore")
            for position, command in enumerate(commands)
        )
    )
