"""Where a command's result goes: a table for a person, JSON for a pipe; what it says on the way goes to stderr."""

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from io import TextIOWrapper
from typing import Literal

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from functions.json_types import Json

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
