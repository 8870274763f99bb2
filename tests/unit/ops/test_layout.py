"""A terminal of any width shows each word of a table whole, and says each value."""

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ops.layout import table

WORDS = st.text(alphabet="abc/-", min_size=1, max_size=30)
CELLS = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
ROWS = st.integers(1, 5).flatmap(
    lambda columns: st.lists(st.lists(CELLS, min_size=columns, max_size=columns), min_size=1, max_size=4)
)


@given(rows=ROWS, width=st.integers(20, 200))
def test_no_word_of_a_table_breaks(rows: list[list[str]], width: int) -> None:
    headings = [f"column{number}" for number in range(len(rows[0]))]
    console = Console(width=width)
    with console.capture() as captured:
        console.print(table(headings, rows, right=headings[:1]), crop=False)
    printed = captured.get().split()
    if "─" in captured.get():
        assert all(len(line) <= width for line in captured.get().splitlines())
    for word in [*headings, *(word for row in rows for cell in row for word in cell.split())]:
        assert word in printed


def test_a_row_is_a_list_where_the_columns_are_too_wide() -> None:
    console = Console(width=20)
    with console.capture() as captured:
        console.print(table(("Name", "Empty", "Value"), [("first", "", "a" * 15), ("second", "", "b")]), crop=False)
    shown = [line.split() for line in captured.get().splitlines()]
    assert shown == [["Name", "first"], ["Value", "a" * 15], [], ["Name", "second"], ["Value", "b"]]
