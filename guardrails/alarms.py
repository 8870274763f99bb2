"""An alarm that looks at nothing, or tells nobody, is worse than none."""

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
    ResourceRule,
    Rule,
    StackRule,
    of_type,
)

ALARMS_SERVICE = "cloudwatch.amazonaws.com"
PUBLISH = "sns:Publish"

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

DIMENSIONS: Mapping[str, frozenset[str]] = {
    "AWS/ApiGateway": frozenset({"ApiId", "Method", "Resource", "Stage"}),
    "AWS/DynamoDB": frozenset({"GlobalSecondaryIndexName", "Operation", "StreamLabel", "TableName"}),
    "AWS/Lambda": frozenset({"EventSourceMappingUUID", "ExecutedVersion", "FunctionName", "Resource"}),
    "AWS/SQS": frozenset({"QueueName"}),
    "AWS/CloudFront": frozenset({"DistributionId", "Region"}),
}
"""By what each service tells its metrics apart. Source: the same guides."""

ARRIVALS = frozenset({"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", "NumberOfMessagesSent"})
"""Metrics of a queue that rise when something arrives and stays."""

POLLS = "PolledEventCount"
"""Metric of an event source mapping: 0 where a poll found nothing, and without a value where nothing polls."""

ABOVE = frozenset({"GreaterThanOrEqualToThreshold", "GreaterThanThreshold"})

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
        if not alarm.get("metricQueries"):
            yield "it watches nothing: set namespace and metric_name"
        return  # Of an expression over several metrics.
    known = METRICS.get(str(namespace), frozenset[str]())
    if metric not in known:
        yield f"{namespace} has no metric {metric}, so it never fires; known here: {', '.join(sorted(known)) or 'none'}"
    if not alarm.get("dimensions"):
        yield "it watches the whole account: set dimensions"
    dimensions = DIMENSIONS.get(str(namespace), frozenset[str]())
    for name in alarm.map("dimensions"):
        if name not in dimensions:
            yield f"{namespace} has no dimension {name}, so it never fires; known here: {', '.join(sorted(dimensions))}"


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
    alarms = [alarm for alarm in of_type(resources, ALARM) if alarm.get("comparisonOperator") in ABOVE]
    watched = {(alarm.get("metricName"), alarm.get("dimensions", "FunctionName")) for alarm in alarms}
    for function in of_type(resources, FUNCTION):
        for metric in ("Errors", "Throttles"):
            if (metric, function.get("name")) not in watched:
                yield function, f"nobody hears of its {metric}: add an alarm"
    # The mapping's id is not known before it is made: one such alarm in the stack is taken for its own.
    silence_rings = any(
        alarm.get("metricName") == POLLS and alarm.get("treatMissingData") == "breaching"
        for alarm in of_type(resources, ALARM)
    )
    for mapping in of_type(resources, EVENT_SOURCE_MAPPING):
        if is_of_stream(mapping) and not (silence_rings and "EventCount" in mapping.list("metricsConfig", "metrics")):
            yield mapping, f"nobody hears when it polls no more: set metrics_config, and an alarm on missing {POLLS}"
    watched_queues = {alarm.get("dimensions", "QueueName") for alarm in alarms if alarm.get("metricName") in ARRIVALS}
    for queue in of_type(resources, QUEUE):
        if queue.get("name") not in watched_queues:
            yield queue, "nobody hears of what arrives in it: add an alarm"


def _actions_are_heard(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
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
                yield alarm, f"no topic of the stack is {action}, so nobody hears it"
            if topic in closed:
                yield alarm, f"the policy of {topic} doesn't let {ALARMS_SERVICE} publish, so nobody hears it"


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
        takes_unknowns=True,
    ),
    StackRule(
        name="alarms-watch-what-exists",
        description="An alarm watches a resource of the stack.",
        check=_watched_resource_exists,
    ),
    StackRule(
        name="alarms-are-heard",
        description="An alarm tells a topic of the stack that takes it.",
        check=_actions_are_heard,
    ),
    StackRule(
        name="failures-raise-an-alarm",
        description="Each function's errors, each queue's messages and a stream's silence raise an alarm.",
        check=_failures_raise_an_alarm,
    ),
]
