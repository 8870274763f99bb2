"""What the performance page says of goals that are not reached."""

from benchmarks.report.goals import Goal, Outcome, table
from benchmarks.report.missed import NOT_KNOWN, missed


def outcome(figure: str, against: str, measured: float) -> Outcome:
    goal = Goal(figure=figure, against=against, direction="least", bound=5)
    return Outcome(goal=goal, median=measured, smallest=measured - 1, largest=measured + 1)


def test_each_row_that_is_not_reached_is_named_once_with_what_was_measured() -> None:
    page = table(
        [
            outcome("records/s, batch 1, with Activity", "Powertools", 2),
            outcome("records/s, batch 10, with Activity", "Powertools", 8),
            outcome("something new", "a peer", 3),
        ]
    )
    section = missed(page)
    assert "- records/s, batch 1, with Activity, against Powertools: 2 x, goal at least 5 x" in section
    assert f"{NOT_KNOWN}\n\n- something new, against a peer: 3 x, goal at least 5 x" in section
    assert section.count("goal at") == 2


def test_nothing_is_missed_where_all_is_reached() -> None:
    assert missed(table([outcome("something", "a peer", 5)])) == "All goals are reached."
