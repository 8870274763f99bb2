"""Tables, names with values, and blocks, for a terminal of any width: no word is broken."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ops.output import printable

LONGEST_WORD = 160
"""Cells of a word, such as an ARN or a command, that a line is longer for."""

GAPS = (3, 2)
"""Cells between two columns, and where room is scarce."""


def text_of(value: RenderableType) -> RenderableType:
    """Return a string as printable text without markup, anything else as it is."""
    return Text(printable(value)) if isinstance(value, str) else value


def table(
    headings: Sequence[str], rows: Iterable[Sequence[RenderableType]], *, right: Collection[str] = ()
) -> RenderableType:
    """Return a table; the columns in `right` hold numbers.

    Where a terminal is too narrow for a word of each column, every row is a list of names and
    values instead.
    """
    return _Table(headings, [[text_of(cell) for cell in row] for row in rows], right)


class _Table:
    """What `table` returns: the terminal's width is known once it is printed."""

    def __init__(
        self, headings: Sequence[str], rows: Sequence[Sequence[RenderableType]], right: Collection[str]
    ) -> None:
        self._headings = headings
        self._rows = rows
        self._right = right

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Render, as rich calls it."""
        columns = [(heading, *cells) for heading, *cells in zip(self._headings, *self._rows, strict=True)]
        needed = [max(map(_cells if column[0] in self._right else _longest_word, column)) for column in columns]
        for gap in GAPS:
            room = options.max_width - sum(needed) - gap * (len(needed) - 1)
            if room >= 0:
                wanted = [max(map(_cells, column)) for column in columns]
                yield self._columns(_widened(needed, wanted, room), gap)
                return
        yield blocks(*(facts(*zip(self._headings, map(_none_if_empty, row), strict=True)) for row in self._rows))

    def _columns(self, widths: Sequence[int], gap: int) -> Table:
        padding = (0, 1, 0, gap - 2)  # and a cell of the box
        result = Table(box=SIMPLE_HEAD, padding=padding, pad_edge=False, show_edge=False, header_style="bold")
        for heading, width in zip(self._headings, widths, strict=True):
            number = heading in self._right
            result.add_column(heading, justify="right" if number else "left", no_wrap=number, width=width)
        for row in self._rows:
            result.add_row(*row)
        return result


def _widened(needed: Sequence[int], wanted: Sequence[int], room: int) -> list[int]:
    """Return the width of each column: what it needs, and an equal part of the room if wanted."""
    widths = list(needed)
    by_want = sorted(range(len(needed)), key=lambda column: wanted[column] - needed[column])
    for left, column in zip(range(len(needed), 0, -1), by_want, strict=True):
        more = min(wanted[column] - needed[column], room // left)
        widths[column] += more
        room -= more
    return widths


def _cells(cell: RenderableType) -> int:
    return max(map(cell_len, _text(cell).split("\n")))


def _longest_word(cell: RenderableType) -> int:
    return max(map(cell_len, _text(cell).split()), default=0)


def _text(cell: RenderableType) -> str:
    return cell.plain if isinstance(cell, Text) else cell if isinstance(cell, str) else ""


def _none_if_empty(cell: RenderableType) -> RenderableType | None:
    return None if isinstance(cell, Text) and not cell.plain else cell


def facts(*pairs: tuple[str, RenderableType | None]) -> RenderableType:
    """Return names with their values, without those whose value is None.

    A value breaks between words. A longer one, such as an ARN, goes beyond the edge of a narrow
    terminal, which shows the rest below and copies it whole.
    """
    shown = [(name, text_of(value)) for name, value in pairs if value is not None]
    width = max((cell_len(name) for name, _ in shown), default=0)
    return Group(*(_fact(name, value, width) for name, value in shown))


def _fact(name: str, value: RenderableType, width: int) -> RenderableType:
    words = value.plain.split() if isinstance(value, Text) else []
    result = Table.grid(padding=(0, 2))
    result.add_column(style="dim", no_wrap=True, min_width=width)
    result.add_column(overflow="fold", min_width=min(max(map(cell_len, words), default=0), LONGEST_WORD))
    result.add_row(name, value)
    return result


def blocks(*parts: RenderableType | None) -> RenderableType:
    """Return the parts that aren't None, with a blank line between them."""
    lines: list[RenderableType] = []
    for part in parts:
        if part is not None:
            lines += [Text(), text_of(part)] if lines else [text_of(part)]
    return Group(*lines)
