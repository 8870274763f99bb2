"""How results are printed: a table in a terminal, JSON in a pipe; notes and errors on stderr."""

import json
import re
import shlex
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from io import TextIOWrapper
from itertools import pairwise, takewhile
from typing import Any, Literal, cast

from pydantic.alias_generators import to_camel
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from functions.runtime.json_log import Json

Form = Literal["json", "table"]

ReportProgress = Callable[[int, int], None]
"""Takes the number of items done and the approximate total."""

WIDTH_WITHOUT_TERMINAL = 120
SHORTEST_ID = 8
LONGEST_SHOWN = 300
"""Characters of a text in a table."""

_UNBROKEN = re.compile(r"\s*(?:`[^`]*`|\S)+")

KIND_STYLES = {
    "permanent": "red",
    "exhausted": "yellow",
    "expired": "yellow",
    "lost": "magenta",
    "foreign": "magenta",
    "unreadable": "magenta",
}


@dataclass(frozen=True)
class Output:
    """The two output streams of one command, and the form of its result."""

    as_json: bool
    stdout: Console
    stderr: Console

    @classmethod
    def of(cls, form: Form | None) -> "Output":
        """Wrap the current streams; without a form, choose JSON unless stdout is a terminal."""
        stdout = sys.stdout
        if isinstance(stdout, TextIOWrapper):
            # A user's name that the terminal's encoding lacks must not end a command; stderr
            # escapes it by default.
            stdout.reconfigure(errors="replace")
        terminal = stdout.isatty()
        return cls(
            form == "json" if form else not terminal,
            Console(file=sys.stdout, highlight=False, width=None if terminal else WIDTH_WITHOUT_TERMINAL),
            Console(file=sys.stderr, highlight=False, stderr=True),
        )

    def show(self, data: Json, render: Callable[[], RenderableType]) -> None:
        """Print the result: its data as JSON, or what `render` returns."""
        if self.as_json:
            sys.stdout.write(json.dumps(data, indent=2) + "\n")
        else:
            self.stdout.print(Harmless(render()), crop=False)

    def show_line(self, data: Json) -> None:
        """Print one of several results as a line of JSON."""
        sys.stdout.write(json.dumps(data, separators=(",", ":")) + "\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Print a remark on stderr, without a line break of its own whatever is in it."""
        self.say(Text(), text)

    def say(self, lead: Text, text: str) -> None:
        """Print a sentence on stderr: one line in a pipe, as many as it takes in a terminal."""
        width = self.stderr.width - lead.cell_len if self.stderr.is_terminal else None
        for number, line in enumerate(sentence_lines(printable(text), width)):
            self.stderr.print(Text.assemble(lead if number == 0 else " " * lead.cell_len, line), soft_wrap=True)

    @contextmanager
    def progress(self, label: str) -> Generator[ReportProgress]:
        """Show a bar on stderr during the block; nothing if stderr isn't a terminal."""
        if not self.stderr.is_terminal:
            yield lambda _done, _total: None
            return
        # Imported here, because a pipe has no use for it.
        from rich.progress import (  # noqa: PLC0415  for that reason
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.stderr, transient=True) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=max(done, total))


def camel_json(value: Any) -> Any:
    """Return dataclasses, named tuples, mappings and sequences as JSON with camelCase names."""
    if is_dataclass(value):
        return {to_camel(field.name): camel_json(getattr(value, field.name)) for field in fields(value)}
    if hasattr(value, "_asdict"):
        return camel_json(value._asdict())
    if isinstance(value, Mapping):
        return {to_camel(name): camel_json(member) for name, member in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [camel_json(member) for member in cast("Sequence[Any]", value)]
    return value.isoformat() if isinstance(value, datetime) else value


def printable(text: str) -> str:
    """Return the text with what isn't printable escaped, such as a terminal's escape sequences."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def sentence_lines(text: str, width: int | None) -> list[str]:
    """Return a sentence in lines of so many cells; without a width as it is.

    A line ends between words, and never inside a command in backquotes: it is there to be copied.
    What is longer than a line has one of its own.
    """
    if width is None:
        return [text]
    lines: list[str] = []
    for part in _UNBROKEN.findall(text):
        if lines and cell_len(lines[-1] + part) > width:
            lines.append(part.lstrip())
        else:
            lines[-1:] = [(lines[-1] if lines else "") + part]
    return lines


def shortened(text: str) -> str:
    """Return a text's beginning, as much as fits into a table: a message may be a megabyte."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


class Harmless:
    """What is rendered, with the text in it printable.

    Whatever a queue or a table holds, the terminal gets no sequence that it would obey; the styles
    are ours.
    """

    def __init__(self, renderable: RenderableType) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Render, as rich calls it."""
        for segment in console.render(self._renderable, options):
            yield segment if segment.control else Segment(_printable_lines(segment.text), segment.style)


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def argument(value: str) -> str:
    """Return a value as the last argument of a command line that a person copies into a shell."""
    quoted = shlex.quote(value)
    return f"-- {quoted}" if value.startswith("-") else quoted


def age(seconds: float) -> str:
    """Return a duration in its largest fitting unit: `45 s`, `12 min`, `3 h`, `2 d`."""
    minute, hour, day = 60, 3600, 86_400
    seconds = max(0, seconds)
    if seconds < minute:
        return f"{seconds:.0f} s"
    if seconds < hour:
        return f"{seconds // minute:.0f} min"
    if seconds < 2 * day:
        return f"{seconds // hour:.0f} h"
    return f"{seconds // day:.0f} d"


def count(number: int, one: str, many: str | None = None) -> str:
    """Return `1 message`, `2 messages`, `12,345 messages`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def in_flight_elsewhere(messages: int) -> str:
    """Return the remark about messages that are in flight, but not in this command."""
    return (
        f"{count(messages, 'message')} more in flight elsewhere, in another consumer or in a command that was killed; "
        "they become visible again by themselves, after a replay or an export within 15 minutes."
    )


def short_ids(ids: Sequence[str]) -> dict[str, str]:
    """Return a short form of each id that stands for no other id.

    It is the beginning of the id, or of what follows the first dot in it, at least 8 characters.
    """
    distinct = set(ids)
    owners = sorted((form, one) for one in distinct for form in {one, one.partition(".")[2] or one})
    shared = [0, *(_shared_length(one, other) for (one, _), (other, _) in pairwise(owners)), 0]
    unique = {owner: max(shared[at] + 1, shared[at + 1] + 1, SHORTEST_ID) for at, owner in enumerate(owners)}
    short: dict[str, str] = {}
    for one in distinct:
        head, dot, rest = one.partition(".")
        if rest and unique[rest, one] < len(rest):
            short[one] = rest[: unique[rest, one]]
        else:
            short[one] = one[: max(unique[one, one], len(head + dot) + SHORTEST_ID if rest else 0)]
    return short


def _shared_length(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def value_text(value: str | None, style: str = "") -> Text:
    """Return a value, given as JSON, in a colour, letters of any script as they are; or a dash."""
    if value is None:
        return Text("-", style="dim")
    letters = json.dumps(json.loads(value), ensure_ascii=False, separators=(",", ":"))
    return Text(printable(letters), style=style)


def kind_text(kind: str) -> Text:
    """Return a failure's kind in its colour."""
    return Text(kind, style=KIND_STYLES.get(kind, ""))
