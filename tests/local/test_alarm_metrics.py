"""What the alarms measure, made bad on a running stack.

The local stack has metrics of invocations alone, which a test here asserts, so alarms on other
metrics can't fire there. For those, the tests cause the trouble itself on the resource that the
alarm's dimension names. The emulator forgets the expressions of alarms: the tests compute them, as
the program has them, from its metrics. tests/stack/test_alarm_states.py holds how many minutes each
alarm waits.
"""

import io
import json
import zipfile
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delivery.event_counts import EventCounts
from infra.consumers import CONSUMERS
from local.actions import write_unsupported_user
from local.alarms.metric_math import value_of
from local.aws_clients import Clients
from local.live_version import make_live
from local.state import clients_of
from tests.support.local.local_stack import LocalStack, running_local_stack, users_mapping
from tests.support.local.mapped_function import eventually
from tests.support.local.users_over_http import UsersOverHttp, person
from tests.support.stack.recorded_stack import record

FUNCTIONS = ["RegisterUser", "ManageUsers", "LogUserChanges", "RescueFailedBatches"]
COMPUTED = {
    alarm.name: alarm.inputs
    for alarm in record("local").of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    if "metricQueries" in alarm.inputs
}
"""The alarms on expressions, as the program has them."""
DEPTHS = {"DeadLetterQueueDepth", "FailureQueueDepth", "FailureRedriveQueueDepth"}
NOT_MEASURED = {
    *DEPTHS,
    "FailedBatches",
    "FailureQueueAge",
    *("DestinationDeliveryFailures", "FanOutUserChangesDestinationDeliveryFailures"),
    "ApiLatency",
    *(f"{each.prefix}{age}" for each in CONSUMERS if each.has_queue for age in ("QueueAge", "FailureQueueAge")),
}
"""Alarms on metrics that the emulator lacks: of SQS, API Gateway, and some of Lambda."""

TROUBLES = """
import time

def raises(event, context):
    raise RuntimeError("told to")

def sleeps(event, context):
    time.sleep(0.9)
"""
SHORT_TIMEOUT_SECONDS = 1


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalStack]:
    """A stack of this module's own, whose functions it breaks."""
    with running_local_stack(tmp_path_factory.mktemp("alarms-stack")) as running:
        yield running


@pytest.fixture(scope="module")
def clients(stack: LocalStack) -> Clients:
    """Its clients, with all functions replaced by ones that make trouble."""
    clients = clients_of(stack)
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("troubles.py", TROUBLES)
    for name in FUNCTIONS:
        clients.lambda_.update_function_code(FunctionName=f"{name}Function-local", ZipFile=package.getvalue())
    return clients


def alarms_of(clients: Clients) -> dict[str, Any]:
    """The alarms on one metric each; the emulator forgets what the others compute."""
    found = clients.cloudwatch.describe_alarms()["MetricAlarms"]
    alarms = {alarm.get("AlarmName", "").removesuffix("-local"): alarm for alarm in found}
    assert alarms.keys() >= COMPUTED.keys()
    return {name: alarm for name, alarm in alarms.items() if name not in COMPUTED}


def subject(alarm: dict[str, Any]) -> str:
    """What the alarm's metric is of."""
    (dimension,) = alarm["Dimensions"]
    return dimension["Value"]


def worst_minute(clients: Clients, alarm: dict[str, Any]) -> float:
    """The highest value of the alarm's own statistic, as CloudWatch has it."""
    return max(minutes(clients, alarm), default=0.0)


def minutes(clients: Clients, alarm: dict[str, Any]) -> list[float]:
    """The values of the alarm's own statistic."""
    statistic = alarm.get("ExtendedStatistic") or alarm["Statistic"]
    return values_of(clients, alarm["Namespace"], alarm["MetricName"], alarm["Dimensions"], statistic)


def values_of(
    clients: Clients, namespace: str, name: str, dimensions: list[Any], statistic: str = "Sum"
) -> list[float]:
    """The values of a metric in the last ten minutes, one of each minute that has one."""
    now = datetime.now(UTC)
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions}
    found = clients.cloudwatch.get_metric_data(
        MetricDataQueries=[
            {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic}}  # pyright: ignore[reportArgumentType]
        ],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
    )["MetricDataResults"][0]
    return list(found.get("Values", []))


def sums(clients: Clients, name: str) -> dict[str, float | None]:
    """The sums of ten minutes of what an expression is computed from, as if of one minute."""
    metrics = {query["id"]: query["metric"] for query in COMPUTED[name]["metricQueries"] if "metric" in query}
    return {
        one: sum(
            values_of(
                clients,
                metric["namespace"],
                metric["metricName"],
                [{"Name": name, "Value": value} for name, value in metric["dimensions"].items()],
            )
        )
        for one, metric in metrics.items()
    }


def is_bad(name: str, minute: dict[str, float | None]) -> bool:
    """Whether an alarm on an expression takes this for a bad minute."""
    (expression,) = (query["expression"] for query in COMPUTED[name]["metricQueries"] if "expression" in query)
    value = value_of(expression, minute)
    assert value is not None
    return value > COMPUTED[name]["threshold"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_exception_makes_errors_breach(clients: Clients, name: str) -> None:
    function, alarm = f"{name}Function-local", f"{name}Errors"
    clients.lambda_.update_function_configuration(FunctionName=function, Handler="troubles.raises")
    # The stack itself may have invoked the function while it was being replaced.
    before = sums(clients, alarm)

    answer = clients.lambda_.invoke(FunctionName=function, Payload=json.dumps({}))

    assert answer.get("FunctionError")
    after = sums(clients, alarm)
    assert (after["failing"] or 0) > (before["failing"] or 0)
    assert (after["calls"] or 0) > (before["calls"] or 0)
    assert is_bad(alarm, {one: value - (before[one] or 0) for one, value in after.items() if value is not None})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_refused_invocation_makes_throttles_breach(clients: Clients, name: str) -> None:
    function, alarm = f"{name}Function-local", f"{name}Throttles"
    before = sums(clients, alarm)
    assert not is_bad(alarm, before)

    clients.lambda_.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    try:
        with pytest.raises(ClientError, match="TooManyRequestsException"):
            clients.lambda_.invoke(FunctionName=function, Payload=json.dumps({}))
    finally:
        clients.lambda_.delete_function_concurrency(FunctionName=function)

    # The emulator counts a throttled call as an invocation too; AWS doesn't.
    assert is_bad(alarm, sums(clients, alarm))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_invocation_near_its_timeout_makes_duration_breach(clients: Clients, name: str) -> None:
    """With a time-out of a second and an alarm limit to match, so that the test is short."""
    function, alarm = f"{name}Function-local", alarms_of(clients)[f"{name}Duration"]
    timeout = clients.lambda_.get_function_configuration(FunctionName=function).get("Timeout", 0)
    clients.lambda_.update_function_configuration(
        FunctionName=function, Handler="troubles.sleeps", Timeout=SHORT_TIMEOUT_SECONDS
    )
    try:
        clients.lambda_.invoke(FunctionName=function, Payload=json.dumps({}))
    finally:
        clients.lambda_.update_function_configuration(FunctionName=function, Timeout=timeout)

    assert subject(alarm) == function
    assert worst_minute(clients, alarm) > alarm["Threshold"] * SHORT_TIMEOUT_SECONDS / timeout


def test_a_broken_function_is_a_server_error_of_the_api_that_is_watched(stack: LocalStack, clients: Clients) -> None:
    clients.lambda_.update_function_configuration(FunctionName="RegisterUserFunction-local", Handler="troubles.raises")
    make_live(clients.lambda_, "RegisterUserFunction-local")

    answer = UsersOverHttp(stack).register(person())

    assert answer.status >= 500
    assert stack.outputs.api_url.endswith(subject(alarms_of(clients)["ApiLatency"]))


@pytest.mark.parametrize("name", sorted(DEPTHS))
def test_a_message_shows_in_the_queue_that_is_watched(stack: LocalStack, clients: Clients, name: str) -> None:
    base = stack.outputs.failure_queue_url.rpartition("/")[0]
    url = f"{base}/{subject(alarms_of(clients)[name])}"
    clients.lambda_.put_function_concurrency(
        FunctionName="RescueFailedBatchesFunction-local", ReservedConcurrentExecutions=0
    )
    clients.sqs.send_message(QueueUrl=url, MessageBody="{}")

    counters = clients.sqs.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]

    assert sum(map(int, counters.values())) > alarms_of(clients)[name]["Threshold"]


def test_what_the_emulator_measures_and_what_it_does_not(stack: LocalStack, clients: Clients) -> None:
    alarms = alarms_of(clients)
    write_unsupported_user(stack)
    # Once a minute, of the poller.
    eventually(lambda: minutes(clients, alarms["IteratorAge"]), bool, seconds=100)
    eventually(lambda: minutes(clients, alarms["StreamNotPolled"]), bool, seconds=100)
    measured = {
        (metric.get("Namespace", ""), metric.get("MetricName", ""))
        for page in clients.cloudwatch.get_paginator("list_metrics").paginate()
        for metric in page["Metrics"]
    }

    of_mappings = {("AWS/Lambda", name) for name in EventCounts().metrics()}
    assert measured - of_mappings == {
        ("AWS/Lambda", name) for name in ("Invocations", "Errors", "Throttles", "Duration", "IteratorAge")
    }
    assert {
        name for name, alarm in alarms.items() if (alarm["Namespace"], alarm["MetricName"]) not in measured
    } == NOT_MEASURED
    assert {subject(alarms[name]) for name in ("IteratorAge", "DestinationDeliveryFailures")} == {
        "LogUserChangesFunction-local"
    }
    assert subject(alarms["StreamNotPolled"]) == users_mapping(stack)
    assert {subject(alarms[name]) for name in ("FailedBatches", "FailureQueueAge")} == {"UserChangesFailureQueue-local"}
