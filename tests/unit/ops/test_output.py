import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType
from rich.text import Text

from functions.runtime.json_log import json_line
from ops.layout import facts, table
from ops.output import Harmless, Output, sentence_lines, value_text

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/Users-local/stream/2026-11-29T23:52:14.244"
USER = "7e58ce04-7eb0-4e21-9375-2cb0ed2646a4"
REASON = "a reason of many words that has to go on in the next line because no terminal is so wide"


def printed(renderable: RenderableType, width: int = 80) -> str:
    """Return what a terminal of so many columns gets."""
    written = io.StringIO()
    Console(file=written, width=width).print(Harmless(renderable), crop=False)
    return written.getvalue()


def test_a_value_that_people_copy_stays_on_one_line() -> None:
    shown = printed(facts(("stream", ARN), ("user", USER), ("gone", None)), width=60)

    assert [line.split() for line in shown.splitlines()] == [["stream", ARN], ["user", USER]]


def test_a_sentence_beside_it_breaks_between_words() -> None:
    lines = printed(facts(("stream", ARN), ("reason", REASON))).splitlines()

    assert all(len(line) <= 80 for line in lines if ARN not in line)
    assert " ".join(" ".join(lines[1:]).split()) == f"reason {REASON}"
    assert len({re.match(r"\S* +", line).end() for line in lines if re.match(r"\S* +\S", line)}) == 1  # pyright: ignore[reportOptionalMemberAccess]


def test_an_id_in_a_table_stays_on_one_line() -> None:
    shown = printed(table(("Problem", "User"), [("user-without-key", USER), ("", "  held by " + USER)]))

    assert [line.strip() for line in shown.splitlines()[2:]] == [f"user-without-key   {USER}", f"held by {USER}"]


WORD = st.text("ab-/.", min_size=1, max_size=12)
COMMAND = st.lists(WORD, min_size=1, max_size=4).map(lambda words: f"`{' '.join(words)}`;")


@given(parts=st.lists(WORD | COMMAND, min_size=1, max_size=20), width=st.integers(5, 80))
def test_a_sentence_breaks_between_words_and_in_no_command(parts: list[str], width: int) -> None:
    lines = sentence_lines(" ".join(parts), width)

    assert " ".join(lines) == " ".join(parts)
    assert all(len(line) <= width or line in parts for line in lines)
    assert all(line.count("`") % 2 == 0 for line in lines)


def test_a_remark_keeps_its_columns() -> None:
    assert sentence_lines("      12  log-user-changes  permanent", 80) == ["      12  log-user-changes  permanent"]


@pytest.mark.parametrize(("terminal", "lines"), [(True, 2), (False, 1)])
def test_a_sentence_is_one_line_in_a_pipe_alone(*, terminal: bool, lines: int) -> None:
    written = io.StringIO()
    stderr = Console(file=written, width=60, force_terminal=terminal, no_color=True)

    Output(as_json=True, stdout=stderr, stderr=stderr).say(Text("Error "), REASON)

    assert len(written.getvalue().splitlines()) == lines
    assert " ".join(written.getvalue().split()) == f"Error {REASON}"


def test_a_value_shows_letters_of_any_script_and_no_control() -> None:
    assert value_text(json_line("Zoë 王\x1b[31m\u202e")).plain == r'"Zoë 王\u001b[31m\u202e"'
