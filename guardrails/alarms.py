"""Rules for alarms: each watches a metric that exists and notifies a topic that accepts it."""

from collections.abc import Iterator, Mapping, Sequence

from guardrails.access import statements
from guardrails.delivery import is_of_stream
from guardrails.resource import (
    ALARM,
    EVENT_SOURCE_MAPPING,
    FUNCTION,
    QUEUE,
    TABLE,
    TOPIC,
    TOPIC_POLICY,
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


@RULES.for_resource(ALARM, takes_unknowns=True)
def metrics_exist(alarm: Resource) -> Iterator[str]:
    """An alarm must watch a metric that its service publishes."""
    namespace, metric = alarm.get("namespace"), alarm.get("metricName")
    if namespace is None and metric is None:
        if not alarm.get("metricQueries"):
            yield "it watches nothing: set namespace and metric_name"
        return  # An expression over several metrics.
    known = METRICS.get(str(namespace), frozenset[str]())
    if metric not in known:
        yield f"{namespace} has no metric {metric}, so it never fires; known here: {', '.join(sorted(known)) or 'none'}"
    if not alarm.get("dimensions"):
        yield "it watches the whole account: set dimensions"
    dimensions = DIMENSIONS.get(str(namespace), frozenset[str]())
    for name in alarm.map("dimensions"):
        if name not in dimensions:
            yield f"{namespace} has no dimension {name}, so it never fires; known here: {', '.join(sorted(dimensions))}"


@RULES.for_stack
def alarms_watch_what_exists(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """An alarm must watch a resource of the stack."""
    names = {
        dimension: {resource.get("name") for resource in of_type(resources, watched)}
        for dimension, watched in WATCHED_BY_NAME.items()
    }
    for alarm in of_type(resources, ALARM):
        for dimension, name in alarm.map("dimensions").items():
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
    watched = {(alarm.get("metricName"), alarm.get("dimensions", "FunctionName")) for alarm in alarms}
    for function in of_type(resources, FUNCTION):
        for metric in ("Errors", "Throttles"):
            if (metric, function.get("name")) not in watched:
                yield function, f"its {metric} notify nobody: add an alarm"
    # A mapping's id isn't known before it is created, so one such alarm in the stack is enough.
    has_alarm_on_silence = any(
        alarm.get("metricName") == POLLS and alarm.get("treatMissingData") == "breaching"
        for alarm in of_type(resources, ALARM)
    )
    for mapping in of_type(resources, EVENT_SOURCE_MAPPING):
        is_watched = has_alarm_on_silence and "EventCount" in mapping.list("metricsConfig", "metrics")
        if is_of_stream(mapping) and not is_watched:
            yield mapping, f"nobody notices when it stops polling: set metrics_config, and alarm on missing {POLLS}"
    watched_queues = {alarm.get("dimensions", "QueueName") for alarm in alarms if alarm.get("metricName") in ARRIVALS}
    for queue in of_type(resources, QUEUE):
        if queue.get("name") not in watched_queues:
            yield queue, "its messages notify nobody: add an alarm"
