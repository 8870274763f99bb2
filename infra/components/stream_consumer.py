"""A consumer that reads a table's stream: its function and its event source mapping.

The mapping invokes the function with batches of the stream. What it gives up on goes to the failure
queue, from which rescue_failed_batches reads the records back before the stream drops them.
"""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.components.lambda_function import LambdaFunction, LambdaFunctionArgs
from infra.components.resources import StackResources
from infra.components.statement import allow
from infra.consumers.declaration import Consumer, Source
from infra.packaging import FunctionPackage

TABLES = {Source.USERS_STREAM: "Users", Source.ACTIVITY_STREAM: "Activity"}
"""The table of each stream, as it stands in statements' ids."""

# Items of Activity are written once; DynamoDB removes them when they expire, which changes no user.
# Nor is the closing item of a history a change (functions/activity/closing_item.py). Records that
# don't match are neither delivered nor paid for.
_NEW_CHANGES = '{"eventName":["INSERT"],"dynamodb":{"NewImage":{"kind":{"S":["ADDED","UPDATED","DELETED"]}}}}'
ADDED_CHANGES: Any = {"filters": [{"pattern": _NEW_CHANGES}]}


def table_of(resources: StackResources, source: Source) -> aws.dynamodb.Table:
    """Return the table of a source's stream."""
    return resources.store.users if source is Source.USERS_STREAM else resources.store.activity


def stream_arn(resources: StackResources, source: Source) -> pulumi.Output[str]:
    """Return the ARN of a source's stream."""
    return table_of(resources, source).stream_arn


@dataclass(frozen=True, kw_only=True)
class StreamConsumer:
    """What was made of a declaration.

    Attributes:
        declaration: the consumer as it is declared.
        function: its function.
        table: whose stream it reads.
        mapping: from the stream to the function.
    """

    declaration: Consumer
    table: aws.dynamodb.Table
    function: LambdaFunction
    mapping: aws.lambda_.EventSourceMapping


def create_stream_consumer(
    consumer: Consumer, resources: StackResources, package: FunctionPackage, parent: pulumi.Resource
) -> StreamConsumer:
    """Create a consumer's function and mapping.

    Args:
        consumer: its declaration; the settings `stream...` say how batches are made and retried.
        resources: what its declaration may name.
        package: its function's zip.
        parent: the component that the resources belong to.
    """
    function = _create_function(consumer, resources, package, parent)
    return StreamConsumer(
        declaration=consumer,
        table=table_of(resources, consumer.source),
        function=function,
        mapping=_create_mapping(consumer, resources, function, parent),
    )


def _create_function(
    consumer: Consumer, resources: StackResources, package: FunctionPackage, parent: pulumi.Resource
) -> LambdaFunction:
    settings, failed_records = resources.environment.settings, resources.failed_records
    table = TABLES[consumer.source]
    return LambdaFunction(
        consumer.logical_name,
        LambdaFunctionArgs(
            environment=resources.environment,
            base_name=consumer.base_name,
            description=consumer.description,
            package=package,
            memory_mb=settings.stream_memory_mb,
            timeout_seconds=settings.stream_timeout_seconds,
            reserved_concurrency=settings.stream_reserved_concurrency,
            variables={**consumer.variables(resources), **failed_records.variables},
            statements=[
                allow(
                    f"Read{table}Stream",
                    ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
                    [stream_arn(resources, consumer.source)],
                ),
                # It lists the account's streams by name: IAM knows no resource for it.
                allow(f"Find{table}Stream", ["dynamodb:ListStreams"], ["*"]),
                *consumer.statements(resources),
                # The event source mapping sends its pointers with the function's role.
                allow("SendPointers", ["sqs:SendMessage"], [failed_records.failure_queue.arn]),
                *failed_records.statements,
            ],
        ),
        pulumi.ResourceOptions(parent=parent),
    )


def _create_mapping(
    consumer: Consumer, resources: StackResources, function: LambdaFunction, parent: pulumi.Resource
) -> aws.lambda_.EventSourceMapping:
    environment = resources.environment
    settings = environment.settings
    of_activity = consumer.source is Source.ACTIVITY_STREAM
    return aws.lambda_.EventSourceMapping(
        consumer.source.value,
        event_source_arn=stream_arn(resources, consumer.source),
        function_name=function.alias.arn,
        # LATEST would miss changes that arrive while the mapping is created or changed.
        starting_position="TRIM_HORIZON",
        batch_size=settings.stream_batch_size,
        maximum_batching_window_in_seconds=settings.stream_batching_window_seconds,
        # Concurrent batches of a shard keep the order of each item. A user is one item of Users,
        # and as many items of Activity as they have changes. Source: Lambda developer guide, "Using
        # AWS Lambda with Amazon DynamoDB", ParallelizationFactor.
        parallelization_factor=1 if of_activity else settings.stream_parallelization_factor,
        maximum_retry_attempts=settings.stream_maximum_retry_attempts,
        maximum_record_age_in_seconds=settings.stream_maximum_record_age_seconds,
        # Both: with one alone the good records after a bad one are discarded with it.
        bisect_batch_on_function_error=True,
        function_response_types=["ReportBatchItemFailures"],
        filter_criteria=ADDED_CHANGES if of_activity else None,
        destination_config={"on_failure": {"destination_arn": resources.failed_records.failure_queue.arn}},
        # Counts polled, invoked, failed and dropped records, which no function metric does.
        metrics_config={"metrics": ["EventCount"]},
        tags=environment.tags,
        opts=pulumi.ResourceOptions(
            parent=parent,
            # AWS checks what the role allows when the mapping is created.
            depends_on=[function.policy],
            # One stream and one function have at most one mapping: delete the old one first.
            delete_before_replace=True,
        ),
    )
