"""An alarm that looks at nothing, or tells nobody, is worse than none."""

from collections.abc import Iterator, Mapping, Sequence

from guardrails.resource import ALARM, FUNCTION, QUEUE, TABLE, Resource, ResourceRule, Rule, StackRule, of_type

METRICS: Mapping[str, frozenset[str]] = {
    "AWS/ApiGateway": frozenset({"4xx", "5xx", "Count", "DataProcessed", "IntegrationLatency", "Latency"}),
    "AWS/DynamoDB": frozenset(
        {
            "ConditionalCheckFailedRequests",
            "ReadThrottleEvents",
            "SuccessfulRequestLatency",
            "SystemErrors",
            "ThrottledRequests",
            "TransactionConflict",
            "UserErrors",
            "WriteThrottleEvents",
        }
    ),
    "AWS/Lambda": frozenset(
        {
            "ConcurrentExecutions",
            "Duration",
            "Errors",
            "Invocations",
            "IteratorAge",
            "OffsetLag",
            "Throttles",
            "DeadLetterErrors",
            "DestinationDeliveryFailures",
            "PolledEventCount",
            "InvokedEventCount",
            "FilteredOutEventCount",
            "FailedInvokeEventCount",
            "DeletedEventCount",
            "DroppedEventCount",
            "OnFailureDestinationDeliveredEventCount",
        }
    ),
    "AWS/SQS": frozenset(
        {
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
            "NumberOfMessagesDeleted",
            "NumberOfMessagesReceived",
            "NumberOfMessagesSent",
            "SentMessageSize",
        }
    ),
    "AWS/CloudFront": frozenset({"4xxErrorRate", "5xxErrorRate", "Requests", "TotalErrorRate"}),
}
"""The metrics each service publishes: a misspelt one never has a value, and its alarm never fires.

Source: the services' developer guides, "Types of metrics for Lambda functions", "DynamoDB metrics and dimensions",
"Available CloudWatch metrics for Amazon SQS", "Monitoring HTTP APIs" and "Types of CloudFront metrics".
"""

WATCHED_BY_NAME = {"FunctionName": FUNCTION, "QueueName": QUEUE, "TableName": TABLE}
"""Dimensions that name a resource of the stack."""


def _alarm_is_wired(alarm: Resource) -> Iterator[str]:
    if not alarm.get("alarmActions"):
        yield "it tells nobody: set alarm_actions to the alarms' topic"
    if not alarm.get("okActions"):
        yield "nobody hears that it is over: set ok_actions to the alarms' topic"
    if not alarm.get("alarmDescription"):
        yield "whoever it wakes doesn't know why: set alarm_description"
    if not alarm.get("treatMissingData"):
        yield "a minute without a value is undecided: set treat_missing_data"
    if alarm.get("actionsEnabled") is False:
        yield "its actions are switched off: unset actions_enabled"


def _metric_exists(alarm: Resource) -> Iterator[str]:
    namespace, metric = alarm.get("namespace"), alarm.get("metricName")
    if namespace is None and metric is None:
        return  # Of an expression over several metrics.
    known = METRICS.get(str(namespace), frozenset[str]())
    if metric not in known:
        yield f"{namespace} has no metric {metric}, so it never fires; known here: {', '.join(sorted(known)) or 'none'}"
    if not alarm.get("dimensions"):
        yield "it watches the whole account: set dimensions"


def _watched_resource_exists(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    names = {
        dimension: {resource.get("name") for resource in of_type(resources, watched)}
        for dimension, watched in WATCHED_BY_NAME.items()
    }
    for alarm in of_type(resources, ALARM):
        for dimension, name in alarm.map("dimensions").items():
            if dimension in names and name not in names[dimension]:
                yield alarm, f"no resource of the stack has the {dimension} {name}, so it never fires"


def _failures_raise_an_alarm(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    watched = {
        (alarm.get("metricName"), name)
        for alarm in of_type(resources, ALARM)
        for name in alarm.map("dimensions").values()
    }
    for function in of_type(resources, FUNCTION):
        for metric in ("Errors", "Throttles"):
            if (metric, function.get("name")) not in watched:
                yield function, f"nobody hears of its {metric}: add an alarm"
    for queue in of_type(resources, QUEUE):
        if not any(name == queue.get("name") for _, name in watched):
            yield queue, "nobody hears of what arrives in it: add an alarm"


RULES: list[Rule] = [
    ResourceRule(
        name="alarms-are-wired",
        description="An alarm says what is wrong, to somebody, and when it is over.",
        types=frozenset({ALARM}),
        check=_alarm_is_wired,
    ),
    ResourceRule(
        name="metrics-exist",
        description="An alarm watches a metric that its service publishes.",
        types=frozenset({ALARM}),
        check=_metric_exists,
    ),
    StackRule(
        name="alarms-watch-what-exists",
        description="An alarm watches a resource of the stack.",
        check=_watched_resource_exists,
    ),
    StackRule(
        name="failures-raise-an-alarm",
        description="Each function's errors and each queue's messages raise an alarm.",
        check=_failures_raise_an_alarm,
    ),
]
