import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.runtime.json_log import json_line
from functions.runtime.metrics import (
    CHANGES,
    LAG,
    LATE_CHANGES,
    VALUES_PER_METRIC,
    conflict_metric,
    embedded_metrics,
    failure_metric,
    lag_figures,
)


def test_the_figures_are_members_of_the_line_and_its_metadata_names_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "dev")

    assert json.loads(json_line(embedded_metrics({"Registrations": 1, LAG: [2.5, 0.1]}, 1_700_000_000.1234))) == {
        "_aws": {
            "Timestamp": 1_700_000_000_123,
            "CloudWatchMetrics": [
                {
                    "Namespace": "userstream-dev",
                    "Dimensions": [[]],
                    "Metrics": [{"Name": "Registrations", "Unit": "Count"}, {"Name": LAG, "Unit": "Seconds"}],
                }
            ],
        },
        "Registrations": 1,
        LAG: [2.5, 0.1],
    }


def test_without_figures_or_outside_a_stack_a_line_has_no_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "dev")
    assert embedded_metrics({}, 0) == {}
    monkeypatch.delenv("ENVIRONMENT")
    assert embedded_metrics({"Registrations": 1}, 0) == {}


def test_a_change_is_late_after_a_minute() -> None:
    assert lag_figures([1000, 940, 939.8, 1001], 1000) == {CHANGES: 4, LATE_CHANGES: 1, LAG: [60.2, 60, 0, 0]}
    assert lag_figures([], 1000) == {}


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=1500))
def test_a_line_has_no_more_values_than_cloudwatch_takes_and_the_longest_lag_is_among_them(lags: list[float]) -> None:
    figures = lag_figures([2e6 - lag for lag in lags], 2e6)
    values = figures[LAG]

    assert isinstance(values, list)
    assert 1 <= len(values) <= VALUES_PER_METRIC
    assert values[0] == max(values) == pytest.approx(max(lags), abs=0.051)
    assert figures[CHANGES] == len(lags)


def test_the_names_of_metrics_follow_from_fields_and_kinds() -> None:
    assert (conflict_metric("email"), failure_metric("lost")) == ("EmailConflicts", "LostFailures")
