"""prod's reserved concurrency: enough for what the throttles admit, and not all of an account's."""

from capacity.limits import shards_of
from capacity.prices_and_limits import prices_and_limits
from capacity.workload import Workload
from infra.settings.check import load_settings
from tests.support.stack.own_settings import own_config
from tests.support.stack.recorded_stack import record

FUNCTION = "aws:lambda/function:Function"
UNRESERVED = 100
"""What AWS keeps for functions that reserve nothing. Source: Lambda developer guide, "Configuring
reserved concurrency for a function"."""

RESERVED = {
    function.name: function.inputs["reservedConcurrentExecutions"]
    for function in record("prod").of_type(FUNCTION)
    if "reservedConcurrentExecutions" in function.inputs
}
SETTINGS = load_settings("prod", own_config("prod"))


def test_each_api_function_takes_all_that_the_throttle_admits_at_once() -> None:
    for name in ("register-user", "manage-users"):
        assert RESERVED[name] >= SETTINGS.throttle_burst


def test_the_api_functions_keep_up_with_the_rate_until_the_latency_alarm_and_beyond() -> None:
    latency = SETTINGS.api_latency_alarm_milliseconds / 1000
    registrations = SETTINGS.register_throttle_rate_per_second
    assert registrations is not None

    assert RESERVED["manage-users"] >= SETTINGS.throttle_rate_per_second * latency
    assert RESERVED["register-user"] >= registrations * 2 * latency


def test_each_reader_of_a_stream_has_every_lane_of_a_table_that_has_grown() -> None:
    limits = prices_and_limits().limits
    small = Workload(users=1000, registrations_per_second=1.0)

    lanes = shards_of(small, limits) * SETTINGS.stream_parallelization_factor

    for name in ("log-user-changes", "fan-out-user-changes"):
        assert RESERVED[name] >= 2 * lanes


def test_an_account_with_the_default_quota_keeps_what_aws_and_other_functions_need() -> None:
    assert sum(RESERVED.values()) == 640, "the number in Pulumi.prod.yaml and docs/capacity.md"
    assert prices_and_limits().limits.lambda_concurrency - sum(RESERVED.values()) >= UNRESERVED
