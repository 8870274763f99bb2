import json
from typing import Any

import pytest

from capacity.cost import OWN_METRICS
from functions.runtime.metrics import (
    CHANGES,
    LAG,
    LATE_CHANGES,
    NAMESPACE,
    REGISTRATIONS,
    conflict_metric,
    failure_metric,
)
from functions.users.attributes import ATTRIBUTES
from guardrails.alarms import COUNTED_BY_FUNCTIONS
from infra.components.monitoring import OWN_FIGURES
from infra.components.user_api import ACCESS_LOG_METRICS
from infra.consumers import CONSUMERS
from infra.consumers.page import alarm_sections
from tests.support.stack import provider_answers
from tests.support.stack.own_settings import own_config
from tests.support.stack.recorded_stack import record

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
TOPIC_ARN = "arn:aws:sns:eu-west-1:123456789012:userstream-alarms-dev"

LAMBDA = "AWS/Lambda"
QUEUE_CONSUMERS = [consumer for consumer in CONSUMERS if consumer.has_queue]
FUNCTIONS = {
    "RegisterUser": 15,
    "ManageUsers": 15,
    "RescueFailedBatches": 60,
    **{consumer.prefix: consumer.timeout_seconds if consumer.has_queue else 60 for consumer in CONSUMERS},
}
"""Prefix of the alarms' names to timeout in seconds, in dev."""

EXPECTED: dict[str, tuple[str, str, str, float]] = {
    "FailedBatches": ("AWS/SQS", "NumberOfMessagesSent", "UserChangesFailureQueue-dev", 0),
    "FailureQueueDepth": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "UserChangesFailureQueue-dev", 0),
    "FailureQueueAge": ("AWS/SQS", "ApproximateAgeOfOldestMessage", "UserChangesFailureQueue-dev", 540),
    "FailureRedriveQueueDepth": (
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        "UserChangesFailureRedriveQueue-dev",
        0,
    ),
    "DeadLetterQueueDepth": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "UserChangesDeadLetterQueue-dev", 0),
    "StreamNotPolled": (LAMBDA, "PolledEventCount", "users-stream-id", 0),
    "IteratorAge": (LAMBDA, "IteratorAge", "LogUserChangesFunction-dev", 600_000),
    "DestinationDeliveryFailures": (LAMBDA, "DestinationDeliveryFailures", "LogUserChangesFunction-dev", 0),
    "FanOutUserChangesStreamNotPolled": (LAMBDA, "PolledEventCount", "activity-stream-id", 0),
    "FanOutUserChangesIteratorAge": (LAMBDA, "IteratorAge", "FanOutUserChangesFunction-dev", 600_000),
    "FanOutUserChangesDestinationDeliveryFailures": (
        LAMBDA,
        "DestinationDeliveryFailures",
        "FanOutUserChangesFunction-dev",
        0,
    ),
    **{
        f"{consumer.prefix}QueueAge": ("AWS/SQS", "ApproximateAgeOfOldestMessage", consumer.queue_name("dev"), 600)
        for consumer in QUEUE_CONSUMERS
    },
    **{
        f"{consumer.prefix}FailureQueueAge": (
            "AWS/SQS",
            "ApproximateAgeOfOldestMessage",
            consumer.failure_queue_name("dev"),
            900,
        )
        for consumer in QUEUE_CONSUMERS
    },
    "ApiLatency": ("AWS/ApiGateway", "Latency", "api-id", 3000),
    **{
        f"{name}Duration": (LAMBDA, "Duration", f"{name}Function-dev", 0.8 * 1000 * timeout)
        for name, timeout in FUNCTIONS.items()
    },
}

RATES = {
    "ApiClientErrors": ({"Count", "4xx", "ThrottledRequests"}, 50),
    "ApiThrottles": ({"Count", "ThrottledRequests"}, 5),
}
"""Alarms on a rate: the metrics it is computed from, and its threshold in percent."""

SHARES: dict[str, tuple[str, str, str, str]] = {
    "ApiServerErrors": ("AWS/ApiGateway", "5xx", "Count", "api-id"),
    **{
        f"{name}{kind}": (LAMBDA, kind, "Invocations", f"{name}Function-dev")
        for name in FUNCTIONS
        for kind in ("Errors", "Throttles")
    },
}
"""Alarms on the share of calls that fail: namespace, what fails, all calls, and whose they are."""

BUDGETS = {
    f"{objective}Burn{speed}": metrics
    for objective, metrics in (
        ("Registrations", {"RegistrationServerErrors", "RegistrationRequests"}),
        ("Changes", {CHANGES, LATE_CHANGES}),
    )
    for speed in ("Fast", "Slow")
}
"""Alarms on the budget of a promise, and what each is computed from."""

NOT_THE_TABLES = {
    "WritesNotPolled": ({"TableName": "Users-dev", "Operation": "TransactWriteItems"}, "users-stream-id"),
    "FanOutUserChangesWritesNotPolled": (
        {"TableName": "Activity-dev", "Operation": "BatchWriteItem"},
        "activity-stream-id",
    ),
}
"""Alarms on a mapping that polls another stream than the table's: the writes, and the mapping."""
COMPUTED = RATES.keys() | SHARES.keys() | BUDGETS.keys() | NOT_THE_TABLES.keys()


NOT_POLLED = {"StreamNotPolled", "FanOutUserChangesStreamNotPolled"}


def page_of(alarm: str) -> str:
    of_consumers = {name for consumer in CONSUMERS for name in alarm_sections(consumer)}
    return "consumers.md" if alarm in of_consumers else "runbook.md"


def alarms() -> dict[str, dict[str, Any]]:
    return {alarm.name: alarm.inputs for alarm in record("dev").of_type(ALARM)}


def test_the_alarms_watch_exactly_these_metrics() -> None:
    watched = {
        name: (alarm["namespace"], alarm["metricName"], next(iter(alarm["dimensions"].values())), alarm["threshold"])
        for name, alarm in alarms().items()
        if name not in COMPUTED
    }

    assert watched == EXPECTED


@pytest.mark.parametrize("name", NOT_THE_TABLES)
def test_an_alarm_compares_a_table_s_writes_with_what_its_mapping_polls(name: str) -> None:
    alarm = alarms()[name]
    metrics = {query["id"]: query["metric"] for query in alarm["metricQueries"] if "metric" in query}
    table, mapping = NOT_THE_TABLES[name]

    assert metrics["writes"]["metricName"] == "SuccessfulRequestLatency"
    assert metrics["writes"]["dimensions"] == table
    assert metrics["polled"]["metricName"] == "PolledEventCount"
    assert metrics["polled"]["dimensions"] == {"EventSourceMappingUUID": mapping}
    assert {(metric["stat"], metric["period"]) for metric in metrics.values()} == {("Sum", 900)}
    assert (alarm["datapointsToAlarm"], alarm["evaluationPeriods"] * 900) == (3, 24 * 3600)


def test_the_rates_are_computed_from_exactly_these_metrics() -> None:
    counted = record("dev").only("aws:cloudwatch/logMetricFilter:LogMetricFilter", "throttled-requests")
    found = {name: alarm for name, alarm in alarms().items() if name in RATES}
    metrics = {name: [q["metric"] for q in alarm["metricQueries"] if "metric" in q] for name, alarm in found.items()}

    watched = {name: ({m["metricName"] for m in metrics[name]}, alarm["threshold"]) for name, alarm in found.items()}
    assert watched == RATES
    for metric in (metric for each in metrics.values() for metric in each):
        assert (metric["stat"], metric["period"]) == ("Sum", 60)
        if metric["namespace"] == "AWS/ApiGateway":
            assert metric["dimensions"] == {"ApiId": "api-id"}
        else:
            assert (metric["namespace"], "dimensions" in metric) == ("userstream-dev", False)
    assert {found[name]["datapointsToAlarm"] for name in RATES} == {3}
    assert counted.inputs["metricTransformation"] == {
        "namespace": "userstream-dev",
        "name": "ThrottledRequests",
        "value": "1",
        "defaultValue": "0",
    }


@pytest.mark.parametrize("name", SHARES)
def test_a_share_is_of_one_resource_s_calls(name: str) -> None:
    namespace, failing, calls, resource = SHARES[name]
    alarm = alarms()[name]
    metrics = {query["id"]: query["metric"] for query in alarm["metricQueries"] if "metric" in query}

    assert {one: (metric["namespace"], metric["metricName"]) for one, metric in metrics.items()} == {
        "failing": (namespace, failing),
        "calls": (namespace, calls),
    }
    for metric in metrics.values():
        assert (metric["stat"], metric["period"], list(metric["dimensions"].values())) == ("Sum", 60, [resource])
    assert (alarm["threshold"], alarm["datapointsToAlarm"], alarm["evaluationPeriods"]) == (1, 1, 5)


@pytest.mark.parametrize("name", BUDGETS)
def test_a_budget_s_metrics_are_counted_in_the_stack_s_own_namespace(name: str) -> None:
    metrics = [query["metric"] for query in alarms()[name]["metricQueries"] if "metric" in query]

    assert {metric["metricName"] for metric in metrics} == BUDGETS[name]
    assert {metric["namespace"] for metric in metrics} == {NAMESPACE.format(environment="dev")}
    assert all("dimensions" not in metric for metric in metrics), "embedded_metrics gives none"


def test_registrations_are_counted_in_the_access_log_whoever_answered_them() -> None:
    stack = record("dev")
    filters = {
        each.inputs["metricTransformation"]["name"]: each.inputs
        for each in stack.of_type("aws:cloudwatch/logMetricFilter:LogMetricFilter")
    }

    asked, failed = filters["RegistrationRequests"], filters["RegistrationServerErrors"]
    assert asked["pattern"] == '{ $.routeKey = "POST /register" }'
    assert failed["pattern"] == '{ ($.routeKey = "POST /register") && ($.status = 5*) }'
    assert asked["logGroupName"] == failed["logGroupName"] == filters["ThrottledRequests"]["logGroupName"]


def test_the_dashboard_and_the_guardrails_know_the_figures_of_the_functions() -> None:
    shown = {name for _, _, names in OWN_FIGURES for name in names}
    conflicts = {conflict_metric(each.name) for each in ATTRIBUTES if each.unique}
    failures = {failure_metric(kind) for kind in ("permanent", "exhausted", "expired", "lost")}

    assert shown == {REGISTRATIONS, LAG, *conflicts, *failures}
    assert {CHANGES, LATE_CHANGES} == COUNTED_BY_FUNCTIONS
    assert len(shown | COUNTED_BY_FUNCTIONS) + len(ACCESS_LOG_METRICS) == OWN_METRICS


def test_the_access_log_has_the_status_as_the_filter_of_429_reads_it() -> None:
    stack = record("dev")
    counted = stack.only("aws:cloudwatch/logMetricFilter:LogMetricFilter", "throttled-requests")
    (stage,) = stack.of_type("aws:apigatewayv2/stage:Stage")

    # The value is text in the log, so the pattern compares with text.
    assert '"status": "$context.status"' in stage.inputs["accessLogSettings"]["format"]
    assert counted.inputs["pattern"] == '{ $.status = "429" }'
    assert stage.inputs["accessLogSettings"]["destinationArn"].endswith(f":{counted.inputs['logGroupName']}")


@pytest.mark.parametrize("timeout", [20, 30, 60, 100, 900])
def test_the_age_alarm_fires_before_a_pointer_s_third_receive(timeout: int) -> None:
    """From then on SQS leaves it out of the age.

    Source: SQS developer guide, "Available CloudWatch metrics for Amazon SQS".
    """
    stack = record("dev", config={**own_config("dev"), "userstream:streamTimeoutSeconds": str(timeout)})
    queue = stack.only("aws:sqs/queue:Queue", "failure-queue")
    (alarm,) = (alarm for alarm in stack.of_type(ALARM) if alarm.name == "FailureQueueAge")

    second_try = queue.inputs["visibilityTimeoutSeconds"]
    assert min(second_try, 900) <= alarm.inputs["threshold"] <= min(2 * second_try - 60, 900)


@pytest.mark.parametrize("name", [*EXPECTED, *RATES, *SHARES, *BUDGETS])
def test_an_alarm_notifies_when_it_fires_and_clears_and_names_its_runbook_section(name: str) -> None:
    alarm = alarms()[name]

    assert alarm["name"] == f"{name}-dev"
    assert alarm["alarmActions"] == [TOPIC_ARN]
    assert alarm["okActions"] == [TOPIC_ARN]
    assert alarm["alarmDescription"].endswith(f"docs/{page_of(name)}#{name.lower()}")
    assert len(alarm["alarmDescription"]) <= 1024, "CloudWatch's limit"
    assert alarm["comparisonOperator"] == ("LessThanThreshold" if name in NOT_POLLED else "GreaterThanThreshold")
    assert name not in EXPECTED or alarm["period"] == 60


@pytest.mark.parametrize("name", [name for name in EXPECTED if name not in {"ApiLatency", *NOT_POLLED}])
def test_one_bad_minute_of_five_fires_an_alarm(name: str) -> None:
    alarm = alarms()[name]

    assert (alarm["datapointsToAlarm"], alarm["evaluationPeriods"]) == (1, 5)


@pytest.mark.parametrize(
    ("name", "stream"),
    [("StreamNotPolled", "users-stream"), ("FanOutUserChangesStreamNotPolled", "activity-stream")],
)
def test_a_stream_s_alarm_fires_when_the_poll_metric_is_missing(name: str, stream: str) -> None:
    alarm, mapping = alarms()[name], record("dev").only(MAPPING, stream)

    assert list(alarm["dimensions"]) == ["EventSourceMappingUUID"]
    assert mapping.inputs["metricsConfig"] == {"metrics": ["EventCount"]}, (
        "the metric is published only if it is switched on"
    )
    assert (alarm["datapointsToAlarm"], alarm["evaluationPeriods"]) == (5, 5)


def test_the_latency_alarm_watches_the_99th_percentile_over_three_of_five_minutes() -> None:
    alarm = alarms()["ApiLatency"]

    assert alarm["extendedStatistic"] == "p99"
    assert "statistic" not in alarm
    assert alarm["evaluateLowSampleCountPercentiles"] == "evaluate", "ignore would need 1,000 answers a minute"
    assert (alarm["datapointsToAlarm"], alarm["evaluationPeriods"]) == (3, 5)


def test_missing_data_is_good_except_for_a_queue_that_nobody_uses() -> None:
    kept = {name for name, alarm in alarms().items() if alarm["treatMissingData"] == "ignore"}

    assert kept == {
        *("FailureQueueDepth", "FailureQueueAge", "FailureRedriveQueueDepth", "DeadLetterQueueDepth"),
        *(f"{consumer.prefix}{name}" for consumer in QUEUE_CONSUMERS for name in ("QueueAge", "FailureQueueAge")),
    }
    assert {alarms()[name]["treatMissingData"] for name in (EXPECTED.keys() | COMPUTED) - kept - NOT_POLLED} == {
        "notBreaching"
    }
    assert {alarms()[name]["treatMissingData"] for name in NOT_POLLED} == {"breaching"}


def test_only_this_environment_s_alarms_may_publish_to_the_topic() -> None:
    policy = record("dev").only("aws:sns/topicPolicy:TopicPolicy", "alarms").json("policy")

    assert policy["Statement"] == [
        {
            "Sid": "AlarmsPublish",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": ["sns:Publish"],
            "Resource": [TOPIC_ARN],
            "Condition": {
                "ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:*-dev"},
                "StringEquals": {"aws:SourceAccount": "123456789012"},
            },
        },
        {
            "Sid": "DenyUnencryptedTransport",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["sns:Publish"],
            "Resource": [TOPIC_ARN],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]


def test_the_topic_s_policy_names_the_partition_of_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_answers, "PARTITION", "aws-us-gov")
    stack = record("dev", config=own_config("dev") | {"aws:region": "us-gov-west-1"})

    allowed, _ = stack.only("aws:sns/topicPolicy:TopicPolicy", "alarms").json("policy")["Statement"]
    assert allowed["Condition"]["ArnLike"] == {
        "aws:SourceArn": "arn:aws-us-gov:cloudwatch:us-gov-west-1:123456789012:alarm:*-dev"
    }


def test_an_e_mail_address_is_subscribed_only_if_one_is_set() -> None:
    subscription = "aws:sns/topicSubscription:TopicSubscription"
    config = own_config("dev") | {"userstream:alarmEmail": "on-call@example.com"}

    subscribed = record("dev", config=config).only(subscription, "alarm-email")
    assert (subscribed.inputs["protocol"], subscribed.inputs["endpoint"]) == ("email", "on-call@example.com")
    assert not [each for each in record("dev").of_type(subscription) if each.inputs["protocol"] == "email"]


def test_the_dashboard_shows_every_alarm_and_every_function() -> None:
    stack = record("dev")
    (dashboard,) = stack.of_type("aws:cloudwatch/dashboard:Dashboard")
    body = dashboard.inputs["dashboardBody"]

    assert dashboard.inputs["dashboardName"] == "userstream-dev-eu-west-1"
    for name in [*EXPECTED, *RATES, *SHARES]:
        assert f"alarm:{name}-dev" in body
    for name in FUNCTIONS:
        assert f"{name}Function-dev" in body
    for table in ("Users-dev", "UserKeys-dev", "Activity-dev"):
        assert f'"{table}"' in body
    widgets = json.loads(body)["widgets"]
    assert all(widget["properties"]["title"] for widget in widgets)
    assert stack.outputs["dashboardUrl"].endswith("#dashboards/dashboard/userstream-dev-eu-west-1")
