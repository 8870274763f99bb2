"""What is done in less time comes to the same."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from local.cheaper_emulator import forget_expired


@given(st.lists(st.floats(0, 10)), st.floats(0, 10))
def test_what_has_expired_is_forgotten_and_nothing_else(times: list[float], now: float) -> None:
    entries: dict[str, Any] = {str(place): {"expire": at} for place, at in enumerate(sorted(times))}
    left = {key: entry for key, entry in entries.items() if entry["expire"] > now}
    forget_expired(entries, now)
    assert entries == left
