"""What the performance page says of goals that are not reached."""

from benchmarks.report import NOT_KNOWN, Measurement, goals_not_reached, measurements_table


def measurement(name: str, against: str, value: float) -> Measurement:
    return Measurement(name, against, "at least", 5, [value - 1, value, value + 1])


def test_each_goal_that_is_not_reached_is_named_once_with_what_was_measured() -> None:
    page = measurements_table(
        [
            measurement("records/s, batch 1, with Activity", "json.dumps of both images", 2),
            measurement("records/s, batch 10, with Activity", "Powertools", 8),
            measurement("something new", "a peer", 3),
        ]
    )
    section = goals_not_reached(page)
    assert "- records/s, batch 1, with Activity, against json.dumps of both images: 2 x, goal at least 5 x" in section
    assert f"{NOT_KNOWN}\n\n- something new, against a peer: 3 x, goal at least 5 x" in section
    assert section.count("goal at") == 2


def test_the_page_says_if_all_goals_are_reached() -> None:
    assert goals_not_reached(measurements_table([measurement("something", "a peer", 5)])) == "All goals are reached."
