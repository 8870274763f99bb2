"""Many requests at once: all are answered, and only the stage's throttle refuses some."""

from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from local.state import clients_of
from tests.support.local.local_stack import LocalStack
from tests.support.local.users_over_http import UsersOverHttp, person
from tests.support.raw_http import RawAnswer, send

AT_ONCE = 40
BURST = 5


def register_at_once(stack: LocalStack) -> list[RawAnswer]:
    users, bodies = UsersOverHttp(stack), [person() for _ in range(AT_ONCE)]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as threads:
        return list(threads.map(users.register, bodies))


@contextmanager
def throttled(stack: LocalStack, route: str, burst: int) -> Generator[None]:
    """Give a route a throttle of its own for the time of the block."""
    gateway = clients_of(stack).apigatewayv2
    stage: Any = {"ApiId": stack.outputs.api_url.rpartition("/")[2], "StageName": "$default"}
    before: Any = gateway.get_stage(**stage).get("RouteSettings", {})
    own: Any = {route: {"ThrottlingBurstLimit": burst, "ThrottlingRateLimit": 0.01}}
    gateway.update_stage(**stage, RouteSettings={**before, **own})
    try:
        yield
    finally:
        gateway.update_stage(**stage, RouteSettings=before)


def test_many_requests_at_once_are_all_answered(local_stack: LocalStack) -> None:
    assert Counter(answer.status for answer in register_at_once(local_stack)) == {201: AT_ONCE}


def test_the_throttle_of_a_route_refuses_what_is_more_than_its_burst_and_nothing_of_other_routes(
    local_stack: LocalStack,
) -> None:
    page = {"Origin": str(local_stack.outputs.website_url)}
    with throttled(local_stack, "POST /register", BURST):
        answers = register_at_once(local_stack)
        refused = send(local_stack.outputs.api_url, "POST", "/register", b"{}", {**page, "Content-Type": "text/json"})
        other = send(local_stack.outputs.api_url, "GET", "/users/x")

    assert Counter(answer.status for answer in answers) == {201: BURST, 429: AT_ONCE - BURST}
    assert refused.json == {"message": "Too Many Requests"}
    assert refused.headers["access-control-allow-origin"] == page["Origin"]
    assert len(refused.headers["apigw-requestid"]) == 16
    assert other.status == 403
