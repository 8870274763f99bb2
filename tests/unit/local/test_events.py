"""The times that `python -m local events --since` takes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from local.events import moment

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("2026-11-28T11:00:00Z", timedelta(hours=1)),
        ("2026-11-28T12:00+01:00", timedelta(hours=1)),
        ("2026-11-28T11:00", timedelta(hours=1)),
    ],
)
def test_a_time_is_an_age_or_iso_8601(text: str, age: timedelta) -> None:
    assert moment(text, NOW) == NOW - age


@example(text="999999d")
@given(text=st.text() | st.from_regex(r"[0-9]{0,8}[a-z]?", fullmatch=True))
def test_any_other_text_is_a_value_error(text: str) -> None:
    try:
        found = moment(text, NOW)
    except ValueError:
        pass
    else:
        assert found.tzinfo is not None
