import io
import re

from rich.console import Console, RenderableType

from ops.layout import facts, table
from ops.output import Harmless

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
