"""The alarms: each with its metric, its threshold and the sentence its message begins with.

`Monitoring` in monitoring.py creates them. An alarm's name is the heading of its section in
docs/runbook.md or docs/consumers.md. CloudWatch evaluates each minute: an alarm is on while
`bad_periods` of the last EVALUATION_MINUTES are bad, by default one, so that a metric that flickers
sends one message and not many.

What is lost unless somebody acts rings at the first one. What happens by itself now and then, and
more often the more there is to do, rings at the first one while there is little to do and above a
share of it otherwise: `failing_share`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import pulumi
import pulumi_aws as aws

from infra.components.change_stream import ChangeStream
from infra.components.email_confirmation import RegistrationMails
from infra.components.failed_records import VISIBILITY_TIMEOUT_FACTOR
from infra.components.lambda_function import LambdaFunction
from infra.components.queue_consumer import QueueConsumer
from infra.components.stream_consumer import TABLES, StreamConsumer
from infra.components.user_api import UserApi
from infra.consumers.declaration import Source
from infra.settings.model import StackSettings

PERIOD_SECONDS = 60
"""The shortest period of AWS's own metrics."""

EVALUATION_MINUTES = 5
"""The minutes that an alarm looks back on: so many good ones in a row clear it."""

DURATION_SHARE = 0.8
"""Part of a function's timeout from which an invocation is too close to being cut off."""

FEW_A_MINUTE = 60
"""Calls a minute, one a second, below which the first that fails rings. Ten users stay below it all
day; of ten million, the quietest hour is above it (tests/stack/test_alarms_over_a_day.py)."""

FAILING_CALLS = 5
"""So many failing calls make a share of FEW_A_MINUTE or more calls mean something. With three, a
night of ten million users with 200 calls a minute rings by chance alone."""

FAILING_PERCENT = 1.0
"""Share of failing calls above which something is broken. AWS itself promises that 0.05 % of an
API's requests fail at most, and 0.05 % of a function's invocations (API Gateway and Lambda service
level agreements): 1 % is ten times both together."""

STREAM_CHECK_SECONDS = 900
STREAM_CHECKS = 24 * 60 * 60 // STREAM_CHECK_SECONDS
"""Periods in a day: CloudWatch looks back no further (PutMetricAlarm, EvaluationPeriods), and after
a day the first changes leave the stream."""
BAD_STREAM_CHECKS = 3
"""A lone write in the last second of a period is polled in the next, and is no trouble."""

POINTER_AGE_SECONDS = 900
"""Age of a pointer, the mapping's message about discarded records, from which its rescue is late: a
rescue takes seconds, and records leave the stream after 24 hours."""

POINTER_AGE_RECEIVES = 1.5
"""The same of a message in a standard queue, in visibility timeouts: from its third receive on, SQS
leaves a message out of the queue's age. Source: SQS developer guide, "Available CloudWatch metrics
for Amazon SQS"."""

SHARE_IN_WORDS = f"more than {FAILING_PERCENT:g} % of a minute's, or one if there are fewer than {FEW_A_MINUTE}"


class Metric(NamedTuple):
    """A metric of one resource, in the order of a dashboard's JSON."""

    namespace: str
    name: str
    dimension: str
    resource: pulumi.Input[str]

    @property
    def dimensions(self) -> dict[str, pulumi.Input[str]]:
        """Its dimensions as an alarm names them."""
        return {self.dimension: self.resource}


class StackMetric(NamedTuple):
    """A metric that the stack counts itself: its namespace is its own, so it needs no dimension."""

    namespace: str
    name: str

    @property
    def dimensions(self) -> None:
        """It has none."""
        return


class OperationMetric(NamedTuple):
    """A metric of one operation on a table."""

    name: str
    table: pulumi.Input[str]
    operation: str
    namespace: str = "AWS/DynamoDB"

    @property
    def dimensions(self) -> dict[str, pulumi.Input[str]]:
        """Its dimensions as an alarm names them."""
        return {"TableName": self.table, "Operation": self.operation}


@dataclass(frozen=True)
class MetricMath:
    """A value of each minute that is computed from the sums of several metrics.

    Attributes:
        expression: over the names in `metrics`. Source of its form: CloudWatch user guide, "Using
            math expressions with CloudWatch metrics".
        label: what the value is, for a person who looks at the alarm.
        metrics: name in the expression (it begins with a lower-case letter) to metric.
    """

    expression: str
    label: str
    metrics: Mapping[str, Metric | StackMetric | OperationMetric]


def failing_share(
    failing: Metric | StackMetric, calls: Metric | StackMetric, *, counts_failing: bool = True, label: str
) -> MetricMath:
    """Return the share of failing calls in percent, which counts as 100 for the first of few.

    Args:
        failing: the number of those that fail.
        calls: the number of calls.
        counts_failing: whether `calls` has those that fail too.
        label: what the value is.
    """
    failed, all_calls = (
        "FILL(failing, 0)",
        "FILL(calls, 0)" if counts_failing else "(FILL(calls, 0) + FILL(failing, 0))",
    )
    return MetricMath(
        f"IF({all_calls} < {FEW_A_MINUTE}, IF({failed} > 0, 100, 0), "
        f"IF({failed} >= {FAILING_CALLS}, 100 * {failed} / {all_calls}, 0))",
        label,
        {"failing": failing, "calls": calls},
    )


def lambda_metric(name: str, function: LambdaFunction) -> Metric:
    """Return a function's metric."""
    return Metric("AWS/Lambda", name, "FunctionName", function.function.name)


def queue_metric(name: str, queue: aws.sqs.Queue) -> Metric:
    """Return a queue's metric."""
    return Metric("AWS/SQS", name, "QueueName", queue.name)


@dataclass(frozen=True)
class Alarm:
    """An alarm; by default it fires when the sum of a metric's minute is above zero.

    Attributes:
        name: its name without the environment, and the heading of its section in `page`.
        meaning: one sentence: what is wrong.
        metric: what is measured, or computed from what is measured.
        statistic: of each minute: Sum, Maximum, or a percentile such as p99; a computed value has
            none.
        threshold: the last good value.
        comparison: CloudWatch's comparison of a bad value with the threshold.
        missing: how a minute without a value counts: `notBreaching` if nothing happened then,
            `ignore` (no change) if AWS stops measuring what is still there, `breaching` if
            something that is always measured has stopped.
        bad_periods: how many of the last `evaluation_periods` have to be bad.
        page: what says what to do, in docs/.
        period_seconds: what is added up to one value; a minute, where this says minute.
        evaluation_periods: how far it looks back.
    """

    name: str
    meaning: str
    metric: Metric | MetricMath
    statistic: str = "Sum"
    threshold: float = 0
    comparison: str = "GreaterThanThreshold"
    missing: str = "notBreaching"
    bad_periods: int = 1
    page: str = "runbook.md"
    period_seconds: int = PERIOD_SECONDS
    evaluation_periods: int = EVALUATION_MINUTES


def queue_alarms(changes: ChangeStream) -> list[Alarm]:
    """Return the alarms on failed records: each fires at the first message."""
    failed_records = changes.failed_records
    visibility_timeout = VISIBILITY_TIMEOUT_FACTOR * changes.rescue_failed_batches.timeout_seconds
    return [
        # A pointer is received within seconds, often before the queue's depth is measured, so
        # this alarm counts the messages that arrive.
        Alarm(
            "FailedBatches",
            "The event source mapping gave up on records of the stream; the rescue now fetches them.",
            queue_metric("NumberOfMessagesSent", failed_records.failure_queue),
        ),
        _depth_alarm(
            "FailureQueueDepth",
            "A pointer to failed records waits: the rescue doesn't receive it.",
            failed_records.failure_queue,
        ),
        # Between two receives of a failing rescue a pointer is invisible and in no queue's depth.
        Alarm(
            "FailureQueueAge",
            "A pointer to failed records is not rescued in time; its records leave the stream 24 hours after "
            "they were written.",
            queue_metric("ApproximateAgeOfOldestMessage", failed_records.failure_queue),
            "Maximum",
            threshold=min(POINTER_AGE_SECONDS, POINTER_AGE_RECEIVES * visibility_timeout),
            missing="ignore",
        ),
        _depth_alarm(
            "FailureRedriveQueueDepth",
            "The rescue failed several times on a pointer, so SQS moved it to the redrive queue.",
            failed_records.failure_redrive_queue,
        ),
        _depth_alarm(
            "DeadLetterQueueDepth",
            "A change failed for good and waits, whole, for an operator.",
            failed_records.dead_letter_queue,
        ),
    ]


def _depth_alarm(name: str, meaning: str, queue: aws.sqs.Queue) -> Alarm:
    metric = queue_metric("ApproximateNumberOfMessagesVisible", queue)
    # SQS stops measuring a queue that nobody uses, while its messages are still there.
    return Alarm(name, meaning, metric, "Maximum", missing="ignore")


def consumer_alarms(changes: ChangeStream, settings: StackSettings) -> list[Alarm]:
    """Return the alarms that every declared consumer has."""
    delivery = [
        *((consumer, stream_alarms(consumer, settings)) for consumer in changes.stream_consumers),
        *((consumer, _own_queue_alarms(consumer, settings)) for consumer in changes.queue_consumers),
    ]
    return [
        # Of the first consumer docs/runbook.md has the sections, of the others a generated page.
        alarm if consumer.declaration.source is Source.USERS_STREAM else replace(alarm, page="consumers.md")
        for consumer, alarms in delivery
        for alarm in [*alarms, *function_alarms(consumer.function)]
    ]


def _own_queue_alarms(consumer: QueueConsumer, settings: StackSettings) -> list[Alarm]:
    """Return the alarms on a queue consumer's delivery: it is behind, or its failures aren't kept.

    Of a FIFO queue the age counts a message however often it was received, unlike a standard
    queue's. Source: SQS developer guide, "Available CloudWatch metrics for Amazon SQS".
    """
    prefix, name, seconds = (
        consumer.declaration.prefix,
        consumer.function.base_name,
        settings.iterator_age_alarm_seconds,
    )
    return [
        Alarm(
            f"{prefix}QueueAge",
            f"Changes reach {name} more than {seconds} s late.",
            queue_metric("ApproximateAgeOfOldestMessage", consumer.queue),
            "Maximum",
            threshold=seconds,
            # SQS stops measuring a queue that nobody uses, while its messages are still there.
            missing="ignore",
        ),
        Alarm(
            f"{prefix}FailureQueueAge",
            f"A change that {name} didn't take is not rescued to the dead-letter queue.",
            queue_metric("ApproximateAgeOfOldestMessage", consumer.failure_queue),
            "Maximum",
            threshold=POINTER_AGE_SECONDS,
            missing="ignore",
        ),
    ]


WRITES = {Source.USERS_STREAM: "TransactWriteItems", Source.ACTIVITY_STREAM: "BatchWriteItem"}
"""The operation by which the stack writes to a stream's table. Its successes alone have a latency,
whose sum is 0 only without any."""


def stream_alarms(consumer: StreamConsumer, settings: StackSettings) -> list[Alarm]:
    """Return the alarms on a stream's delivery."""
    function = consumer.function
    # Those of the Users table's stream had their names when there was no other stream.
    prefix = "" if consumer.declaration.source is Source.USERS_STREAM else consumer.declaration.prefix
    table = TABLES[consumer.declaration.source]
    age_seconds = settings.iterator_age_alarm_seconds
    return [
        # The function's metrics have no value while nothing is delivered, so they can't tell a
        # disabled mapping from a quiet day. A poll that finds nothing counts as 0 here, so only a
        # mapping that doesn't poll has no value. Source: Lambda developer guide, "Types of metrics
        # for Lambda functions", event source mapping metrics.
        Alarm(
            f"{prefix}StreamNotPolled",
            f"Nothing polls the {table} table's stream: its event source mapping is disabled, deleted, or denied. "
            "Changes leave the stream 24 hours after they were written.",
            Metric("AWS/Lambda", "PolledEventCount", "EventSourceMappingUUID", consumer.mapping.uuid),
            # No value is below 0, so only a missing value is bad.
            comparison="LessThanThreshold",
            missing="breaching",
            # A mapping that was created or changed takes a few minutes to poll.
            bad_periods=EVALUATION_MINUTES,
        ),
        # A stream that was switched off and on, or a table restored, has a new stream. The mapping
        # goes on polling the old one, and finds nothing.
        Alarm(
            f"{prefix}WritesNotPolled",
            f"The {table} table is written, and its event source mapping finds no record: it polls a stream that the "
            "table doesn't write to any more. Changes leave the new stream 24 hours after they were written.",
            MetricMath(
                "IF(FILL(writes, 0) > 0, IF(FILL(polled, 0) > 0, 0, 1), 0)",
                "1 if written and not polled",
                {
                    "writes": OperationMetric(
                        "SuccessfulRequestLatency", consumer.table.name, WRITES[consumer.declaration.source]
                    ),
                    "polled": Metric("AWS/Lambda", "PolledEventCount", "EventSourceMappingUUID", consumer.mapping.uuid),
                },
            ),
            bad_periods=BAD_STREAM_CHECKS,
            period_seconds=STREAM_CHECK_SECONDS,
            evaluation_periods=STREAM_CHECKS,
        ),
        Alarm(
            f"{prefix}IteratorAge",
            f"Changes reach {function.base_name} more than {age_seconds} s late.",
            lambda_metric("IteratorAge", function),
            "Maximum",
            threshold=1000 * age_seconds,
        ),
        Alarm(
            f"{prefix}DestinationDeliveryFailures",
            "The event source mapping gave up on records and could not even send the pointer: they are lost "
            "unless they are read from the stream within 24 hours of the write.",
            lambda_metric("DestinationDeliveryFailures", function),
        ),
    ]


def confirmation_alarms(api: UserApi, mails: RegistrationMails) -> list[Alarm]:
    """Return the alarms that only a stack with neutral answers has."""
    confirm = api.confirm_registration
    return [
        *(function_alarms(confirm) if confirm else []),
        *function_alarms(mails.function),
        Alarm(
            "RegistrationMailsQueueAge",
            "A registration has waited long for its mail, and people wait with it.",
            queue_metric("ApproximateAgeOfOldestMessage", mails.queue.queue),
            "Maximum",
            threshold=POINTER_AGE_RECEIVES * VISIBILITY_TIMEOUT_FACTOR * mails.function.timeout_seconds,
            missing="ignore",
        ),
        _depth_alarm(
            "RegistrationMailsDeadLetterQueueDepth",
            "No mail could be sent about a registration, so nobody can confirm it.",
            mails.queue.dead_letter_queue,
        ),
    ]


def function_alarms(function: LambdaFunction) -> list[Alarm]:
    """Return the alarms that every function has."""
    name = function.base_name
    prefix = name.removesuffix("Function")
    return [
        Alarm(
            f"{prefix}Errors",
            f"Invocations of {name} end in an error or a timeout: {SHARE_IN_WORDS}.",
            failing_share(
                lambda_metric("Errors", function),
                lambda_metric("Invocations", function),
                label="errors, % of the invocations",
            ),
            threshold=FAILING_PERCENT,
        ),
        Alarm(
            f"{prefix}Throttles",
            f"{name} is refused, because its concurrency or the account's is used up: {SHARE_IN_WORDS}.",
            failing_share(
                lambda_metric("Throttles", function),
                lambda_metric("Invocations", function),
                # A refused call is no invocation. Source: Lambda developer guide, "Types of metrics
                # for Lambda functions".
                counts_failing=False,
                label="throttles, % of the calls",
            ),
            threshold=FAILING_PERCENT,
        ),
        # Of fewer than a hundred invocations the 99th percentile is the longest one.
        Alarm(
            f"{prefix}Duration",
            f"An invocation of {name} in a hundred, or the only one, took more than {DURATION_SHARE:.0%} of its "
            f"{function.timeout_seconds} s.",
            lambda_metric("Duration", function),
            "p99",
            threshold=DURATION_SHARE * function.timeout_seconds * 1000,
        ),
    ]
