"""A stage's throttle: a burst at once, then the rate, and for a route its own."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.stage_throttle import StageThrottle, TokenBucket

ROUTE = "POST /register"


def stage(default: tuple[int, int] | None, own: tuple[int, int] | None = None) -> dict[str, Any]:
    def limits(burst_and_rate: tuple[int, int]) -> dict[str, int]:
        return {"throttlingBurstLimit": burst_and_rate[0], "throttlingRateLimit": burst_and_rate[1]}

    return {
        "stageName": "$default",
        "defaultRouteSettings": {} if default is None else limits(default),
        "routeSettings": {} if own is None else {ROUTE: limits(own)},
    }


@given(
    st.integers(1, 50),
    st.integers(1, 50),
    st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=200),
)
def test_in_no_time_more_than_the_burst_and_the_rate_pass_and_never_none_after_a_pause(
    burst: int, rate: int, pauses: list[float]
) -> None:
    bucket, now, passed = TokenBucket(burst, rate, 0.0), 0.0, list[float]()
    for pause in pauses:
        now += pause
        if bucket.take(now):
            passed.append(now)
        else:
            assert pause * rate < 1 + 1e-6
    for first, since in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + (passed[last] - since) * rate + 1e-6


@pytest.mark.parametrize(("default", "passing"), [((5, 1), 5), (None, 100)])
def test_all_routes_of_a_stage_share_its_throttle(default: tuple[int, int] | None, passing: int) -> None:
    throttle = StageThrottle()
    asked = [throttle.admits("api", stage(default), f"GET /{number}", 0.0) for number in range(100)]
    assert asked.count(True) == passing


def test_a_route_with_a_throttle_of_its_own_leaves_the_others_theirs() -> None:
    throttle, settings = StageThrottle(), stage((5, 1), own=(2, 1))
    assert [throttle.admits("api", settings, ROUTE, 0.0) for _ in range(4)] == [True, True, False, False]
    assert [throttle.admits("api", settings, "GET /users", 0.0) for _ in range(6)] == [True] * 5 + [False]


def test_another_api_and_another_limit_begin_with_a_full_bucket() -> None:
    throttle = StageThrottle()
    for api, burst in (("a", 1), ("b", 1), ("a", 2)):
        assert throttle.admits(api, stage((burst, 1)), ROUTE, 0.0)
    assert not throttle.admits("a", stage((1, 1)), ROUTE, 0.0)
