"""Rules for alarms: each watches a metric that exists and notifies a topic that accepts it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from guardrails.access import statements
from guardrails.delivery import is_of_stream
from guardrails.resource import (
    ALARM,
    EVENT_SOURCE_MAPPING,
    FUNCTION,
    LOG_GROUP,
    METRIC_FILTER,
    QUEUE,
    TABLE,
    TOPIC,
    TOPIC_POLICY,
    UNKNOWN,
    Resource,
    Rules,
    of_type,
)

RULES = Rules()

ALARMS_SERVICE = "cloudwatch.amazonaws.com"
PUBLISH = "sns:Publish"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


METRICS: Mapping[str, frozenset[str]] = {
    "AWS/ApiGateway": _names("4xx 5xx Count DataProcessed IntegrationLatency Latency"),
    "AWS/CloudFront": _names("4xxErrorRate 5xxErrorRate Requests TotalErrorRate"),
    "AWS/DynamoDB": _names(
        "ConditionalCheckFailedRequests ReadThrottleEvents SuccessfulRequestLatency SystemErrors "
        "ThrottledRequests TransactionConflict UserErrors WriteThrottleEvents"
    ),
    "AWS/Lambda": _names(
        "ConcurrentExecutions Duration Errors Invocations IteratorAge OffsetLag Throttles "
        "DeadLetterErrors DestinationDeliveryFailures PolledEventCount InvokedEventCount "
        "FilteredOutEventCount FailedInvokeEventCount DeletedEventCount DroppedEventCount "
        "OnFailureDestinationDeliveredEventCount"
    ),
    "AWS/SQS": _names(
        "ApproximateAgeOfOldestMessage ApproximateNumberOfMessagesDelayed "
        "ApproximateNumberOfMessagesNotVisible ApproximateNumberOfMessagesVisible "
        "NumberOfMessagesDeleted NumberOfMessagesReceived NumberOfMessagesSent SentMessageSize"
    ),
}
"""The metrics that each service publishes: a misspelt one has no values, so its alarm never fires.

Source: the services' developer guides, "Types of metrics for Lambda functions", "DynamoDB metrics
and dimensions", "Available CloudWatch metrics for Amazon SQS", "Monitoring HTTP APIs" and "Types of
CloudFront metrics".
"""

DIMENSIONS: Mapping[str, frozenset[str]] = {
    "AWS/ApiGateway": _names("ApiId Method Resource Stage"),
    "AWS/CloudFront": _names("DistributionId Region"),
    "AWS/DynamoDB": _names("GlobalSecondaryIndexName Operation StreamLabel TableName"),
    "AWS/Lambda": _names("EventSourceMappingUUID ExecutedVersion FunctionName Resource"),
    "AWS/SQS": _names("QueueName"),
}
"""The dimensions of each service's metrics. Source: the same guides."""

COUNTED_BY_FUNCTIONS = frozenset({"ChangesLogged", "ChangesLoggedLate"})
"""Metrics that the functions write into their logs: functions/runtime/metrics.py, which a test
compares."""

ARRIVALS = frozenset({"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", "NumberOfMessagesSent"})
"""Metrics of a queue that rise when a message arrives and stays."""

POLLS = "PolledEventCount"
"""Metric of an event source mapping: 0 for a poll that found nothing, no value without polls."""

ABOVE = frozenset({"GreaterThanOrEqualToThreshold", "GreaterThanThreshold"})

WATCHED_BY_NAME = {"FunctionName": FUNCTION, "QueueName": QUEUE, "TableName": TABLE}
"""Dimensions that name a resource of the stack."""


@RULES.for_resource(ALARM)
def alarms_have_actions(alarm: Resource) -> Iterator[str]:
    """An alarm must say what is wrong, notify somebody, and notify again when it clears."""
    if not alarm.get("alarmActions"):
        yield "it notifies nobody: set alarm_actions to the alarms' topic"
    if not alarm.get("okActions"):
        yield "it notifies nobody when it clears: set ok_actions to the alarms' topic"
    if not alarm.get("alarmDescription"):
        yield "its notification doesn't say what is wrong: set alarm_description"
    if not alarm.get("treatMissingData"):
        yield "it leaves open how a minute without a value counts: set treat_missing_data"
    if alarm.get("actionsEnabled") is False:
        yield "its actions are disabled: unset actions_enabled"


class _Watched(NamedTuple):
    """A metric that an alarm watches, by itself or in an expression."""

    namespace: Any
    name: Any
    dimensions: Any

    @property
    def is_aws_s(self) -> bool:
        """Whether a service of AWS publishes it, and not a metric filter."""
        return str(self.namespace).startswith("AWS/")

    @property
    def known_dimensions(self) -> Mapping[str, Any]:
        """Its dimensions, or none if they aren't known yet."""
        return {} if self.dimensions in (None, UNKNOWN) else self.dimensions


def _watched_by(alarm: Resource) -> list[_Watched]:
    metrics = [query["metric"] for query in alarm.list("metricQueries") if query.get("metric")]
    if alarm.get("namespace") is not None or alarm.get("metricName") is not None:
        metrics.append(alarm.properties)
    return [
        _Watched(metric.get("namespace"), metric.get("metricName"), metric.get("dimensions"))
        for metric in metrics
        if metric != UNKNOWN
    ]


@RULES.for_resource(ALARM, takes_unknowns=True)
def metrics_exist(alarm: Resource) -> Iterator[str]:
    """An alarm must watch a metric that its service publishes."""
    watched = _watched_by(alarm)
    if not watched:
        yield "it watches nothing: set namespace and metric_name"
    for metric in watched:
        if metric.namespace == UNKNOWN or not (metric.is_aws_s or metric.namespace is None):
            continue  # The stack's own: see alarms_watch_what_exists.
        namespace, known = metric.namespace, METRICS.get(str(metric.namespace), frozenset[str]())
        if metric.name not in known:
            names = ", ".join(sorted(known)) or "none"
            yield f"{namespace} has no metric {metric.name}, so it never fires; known here: {names}"
        if not metric.dimensions:
            yield "it watches the whole account: set dimensions"
        dimensions = DIMENSIONS.get(str(namespace), frozenset[str]())
        for name in metric.known_dimensions:
            if name not in dimensions:
                names = ", ".join(sorted(dimensions))
                yield f"{namespace} has no dimension {name}, so it never fires; known here: {names}"


@RULES.for_resource(ALARM, takes_unknowns=True)
def expressions_name_their_metrics(alarm: Resource) -> Iterator[str]:
    """An alarm's expression must use the metrics that are beside it, and be its one result."""
    queries = alarm.list("metricQueries")
    ids = {query.get("id") for query in queries}
    results = [query for query in queries if query.get("returnData")]
    if queries and len(results) != 1:
        yield f"{len(results)} of its metric_queries are the result: set return_data of exactly one"
    for query in queries:
        for name in re.findall(r"\b[a-z]\w*", query.get("expression") or ""):
            if name not in ids:
                yield f"its expression names {name}, so it never fires: add a query with that id"


@RULES.for_stack
def alarms_watch_what_exists(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """An alarm must watch a resource of the stack, or a metric that the stack counts itself."""
    names = {
        dimension: {resource.get("name") for resource in of_type(resources, watched)}
        for dimension, watched in WATCHED_BY_NAME.items()
    }
    groups = {group.get("name") for group in of_type(resources, LOG_GROUP)}
    counted = {
        (each.get("metricTransformation", "namespace"), each.get("metricTransformation", "name"))
        for each in of_type(resources, METRIC_FILTER)
        if each.get("logGroupName") in groups
    }
    counted |= {
        (f"userstream-{function.get('environment', 'variables', 'ENVIRONMENT')}", name)
        for function in of_type(resources, FUNCTION)
        for name in COUNTED_BY_FUNCTIONS
    }
    for alarm in of_type(resources, ALARM):
        for metric in _watched_by(alarm):
            if not metric.is_aws_s and metric.namespace and (metric.namespace, metric.name) not in counted:
                counter = f"no metric filter and no function counts {metric.namespace} {metric.name}"
                yield alarm, f"{counter}, so it never fires: add one"
            for dimension, name in metric.known_dimensions.items():
                if dimension in names and name not in names[dimension]:
                    yield alarm, f"no resource of the stack has the {dimension} {name}, so it never fires"


@RULES.for_stack
def alarm_topics_accept_alarms(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """An alarm must notify a topic of the stack whose policy allows CloudWatch to publish."""
    topics = {topic.get("name") for topic in of_type(resources, TOPIC)}
    closed = {
        str(policy.get("arn")).rpartition(":")[2]
        for policy in of_type(resources, TOPIC_POLICY)
        if not any(
            statement.effect == "Allow" and ALARMS_SERVICE in statement.principals and PUBLISH in statement.actions
            for statement in statements(policy.properties["policy"])
        )
    }
    for alarm in of_type(resources, ALARM):
        for action in {*alarm.list("alarmActions"), *alarm.list("okActions"), *alarm.list("insufficientDataActions")}:
            topic = str(action).rpartition(":")[2]
            if ":sns:" in str(action) and topic not in topics:
                yield alarm, f"{action} is no topic of the stack: set the action to one that is"
            if topic in closed:
                yield alarm, f"the policy of {topic} refuses its messages: allow {ALARMS_SERVICE} {PUBLISH}"


@RULES.for_stack
def failures_raise_an_alarm(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """A function's errors, a queue's messages and an unpolled stream must each raise an alarm."""
    alarms = [alarm for alarm in of_type(resources, ALARM) if alarm.get("comparisonOperator") in ABOVE]
    watched = {
        (metric.name, metric.known_dimensions.get("FunctionName")) for alarm in alarms for metric in _watched_by(alarm)
    }
    for function in of_type(resources, FUNCTION):
        for metric in ("Errors", "Throttles"):
            if (metric, function.get("name")) not in watched:
                yield function, f"its {metric} notify nobody: add an alarm"
    alarms_on_silence = [
        alarm
        for alarm in of_type(resources, ALARM)
        if alarm.get("metricName") == POLLS and alarm.get("treatMissingData") == "breaching"
    ]
    streams = [mapping for mapping in of_type(resources, EVENT_SOURCE_MAPPING) if is_of_stream(mapping)]
    for position, mapping in enumerate(streams):
        # A mapping's id isn't among its properties, so alarms and mappings are only counted.
        is_watched = position < len(alarms_on_silence) and "EventCount" in mapping.list("metricsConfig", "metrics")
        if not is_watched:
            yield mapping, f"nobody notices when it stops polling: set metrics_config, and alarm on missing {POLLS}"
    watched_queues = {alarm.get("dimensions", "QueueName") for alarm in alarms if alarm.get("metricName") in ARRIVALS}
    for queue in of_type(resources, QUEUE):
        if queue.get("name") not in watched_queues:
            yield queue, "its messages notify nobody: add an alarm"
