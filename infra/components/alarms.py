"""What is watched: each alarm with its metric, its limit and the words for whoever it wakes.

An alarm's name is the heading of its section in docs/runbook.md. CloudWatch looks at whole minutes: each alarm fires at
the first bad one, and is over when a few minutes in a row were good, so that a flicker doesn't say twice what it says
once.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.failed_records import VISIBILITY_TIMEOUT_FACTOR, FailedRecords
from infra.components.lambda_function import LambdaFunction

MINUTE = 60
"""Seconds in the shortest period that AWS's own metrics have."""

QUIET_MINUTES = 5
"""Good minutes in a row that end an alarm."""

DURATION_SHARE = 0.8
"""Part of a function's timeout from which an invocation is too close to being cut off."""

POINTER_AGE_SECONDS = 900
"""Age of a pointer from which the rescue is late. It takes seconds; the stream's 24 hours run on meanwhile."""

POINTER_AGE_TRIES = 1.5
"""The same in tries of a failing rescue: a message that was received three times doesn't count for its queue's age.
Source: SQS developer guide, "Available CloudWatch metrics for Amazon SQS"."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One alarm over one metric of AWS's own.

    Attributes:
        name: its name without the environment, and the heading of its section in the runbook.
        meaning: one sentence: what is wrong.
        namespace: of the metric, for example `AWS/SQS`.
        metric: name of the metric.
        dimensions: whose metric.
        statistic: of each minute: Sum, Maximum, or a percentile such as p99.
        limit: the last value that is good; a bad one is above it, or below it where `is_bad` says so.
        is_bad: CloudWatch's comparison with the limit.
        missing: what a minute without a value is: `notBreaching` where no value means that nothing happened, `ignore`
            (no change) where AWS stops measuring something that is still there, `breaching` where something that
            should always be measured has stopped.
        bad_minutes: how many of the last `QUIET_MINUTES` have to be bad.
    """

    name: str
    meaning: str
    namespace: str
    metric: str
    dimensions: Mapping[str, pulumi.Input[str]]
    statistic: str
    limit: float
    is_bad: str = "GreaterThanThreshold"
    missing: str = "notBreaching"
    bad_minutes: int = 1

    @property
    def runbook(self) -> str:
        """Where the runbook says what to do."""
        return f"docs/runbook.md#{self.name.lower()}"


def queue_alarms(failed_records: FailedRecords, rescue: LambdaFunction) -> list[Alarm]:
    """Alarms of what failed: each fires on the first message."""
    failure = failed_records.failure_queue
    seconds_between_tries = VISIBILITY_TIMEOUT_FACTOR * rescue.timeout_seconds
    return [
        # The rescue takes a pointer within seconds, often before the queue's depth is measured: count what arrives.
        Alarm(
            name="FailedBatches",
            meaning="The event source mapping gave up on records of the stream; the rescue now fetches them.",
            namespace="AWS/SQS",
            metric="NumberOfMessagesSent",
            dimensions={"QueueName": failure.name},
            statistic="Sum",
            limit=0,
        ),
        _depth("FailureQueueDepth", "A pointer to failed records waits: the rescue does not take it.", failure),
        # Between two tries of a failing rescue a pointer is hidden, and no depth shows it.
        Alarm(
            name="FailureQueueAge",
            meaning="A pointer to failed records is not rescued in time; its records leave the stream 24 hours after "
            "they were written.",
            namespace="AWS/SQS",
            metric="ApproximateAgeOfOldestMessage",
            dimensions={"QueueName": failure.name},
            statistic="Maximum",
            limit=min(POINTER_AGE_SECONDS, POINTER_AGE_TRIES * seconds_between_tries),
            missing="ignore",
        ),
        _depth(
            "FailureRedriveQueueDepth",
            "The rescue failed over and over and set a pointer aside.",
            failed_records.failure_redrive_queue,
        ),
        _depth(
            "DeadLetterQueueDepth",
            "A change failed for good and waits, whole, for an operator.",
            failed_records.dead_letter_queue,
        ),
    ]


def _depth(name: str, meaning: str, queue: aws.sqs.Queue) -> Alarm:
    return Alarm(
        name=name,
        meaning=meaning,
        namespace="AWS/SQS",
        metric="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": queue.name},
        statistic="Maximum",
        limit=0,
        # SQS stops measuring a queue that nobody touches; its messages are still there.
        missing="ignore",
    )


def function_alarms(function: LambdaFunction) -> list[Alarm]:
    """Alarms that every function has."""
    prefix = function.base_name.removesuffix("Function")
    dimensions = {"FunctionName": function.function.name}
    return [
        Alarm(
            name=f"{prefix}Errors",
            meaning=f"An invocation of {function.base_name} ended in an error or a timeout.",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions=dimensions,
            statistic="Sum",
            limit=0,
        ),
        Alarm(
            name=f"{prefix}Throttles",
            meaning=f"{function.base_name} was refused: its concurrency, or the account's, is used up.",
            namespace="AWS/Lambda",
            metric="Throttles",
            dimensions=dimensions,
            statistic="Sum",
            limit=0,
        ),
        Alarm(
            name=f"{prefix}Duration",
            meaning=f"An invocation of {function.base_name} took more than {DURATION_SHARE:.0%} of its "
            f"{function.timeout_seconds} s.",
            namespace="AWS/Lambda",
            metric="Duration",
            dimensions=dimensions,
            statistic="Maximum",
            limit=DURATION_SHARE * function.timeout_seconds * 1000,
        ),
    ]


def stream_alarms(
    mapping: aws.lambda_.EventSourceMapping, log_user_changes: LambdaFunction, iterator_age_seconds: int
) -> list[Alarm]:
    """Alarms of the stream's delivery, which the mapping and the function at its end report."""
    dimensions = {"FunctionName": log_user_changes.function.name}
    return [
        # The function's own metrics have no value while nothing is delivered: a mapping that is off looks like a quiet
        # day to them. A poll that finds nothing counts as 0 here (Lambda developer guide, "Types of metrics for Lambda
        # functions", event source mapping metrics), so only one that doesn't poll has no value.
        Alarm(
            name="StreamNotPolled",
            meaning="Nobody reads the stream: its event source mapping is off, gone, or not allowed to. Changes leave "
            "the stream 24 hours after they were written.",
            namespace="AWS/Lambda",
            metric="PolledEventCount",
            dimensions={"EventSourceMappingUUID": mapping.uuid},
            statistic="Sum",
            limit=0,
            is_bad="LessThanThreshold",
            missing="breaching",
            # A mapping that is made or changed takes a few minutes to poll.
            bad_minutes=QUIET_MINUTES,
        ),
        Alarm(
            name="IteratorAge",
            meaning=f"Changes reach {log_user_changes.base_name} more than {iterator_age_seconds} s late.",
            namespace="AWS/Lambda",
            metric="IteratorAge",
            dimensions=dimensions,
            statistic="Maximum",
            limit=1000 * iterator_age_seconds,
        ),
        Alarm(
            name="DestinationDeliveryFailures",
            meaning="The event source mapping gave up on records and could not even send the pointer: they are lost "
            "unless they are read from the stream within 24 hours of the write.",
            namespace="AWS/Lambda",
            metric="DestinationDeliveryFailures",
            dimensions=dimensions,
            statistic="Sum",
            limit=0,
        ),
    ]


def api_alarms(api: aws.apigatewayv2.Api, latency_milliseconds: int) -> list[Alarm]:
    """Alarms of what callers see."""
    return [
        Alarm(
            name="ApiServerErrors",
            meaning="The API answered with a 5xx.",
            namespace="AWS/ApiGateway",
            metric="5xx",
            dimensions={"ApiId": api.id},
            statistic="Sum",
            limit=0,
        ),
        # One slow answer is a cold start; three such minutes are not.
        Alarm(
            name="ApiLatency",
            meaning=f"One answer in a hundred took more than {latency_milliseconds} ms.",
            namespace="AWS/ApiGateway",
            metric="Latency",
            dimensions={"ApiId": api.id},
            statistic="p99",
            limit=latency_milliseconds,
            bad_minutes=3,
        ),
    ]
