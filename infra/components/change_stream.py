"""The consumers of users' changes, and the rescue of what their delivery gave up on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.failed_records import FailedRecords
from infra.components.lambda_function import LambdaFunction, LambdaFunctionArgs
from infra.components.queue_consumer import QueueConsumer, QueueConsumerArgs
from infra.components.resources import StackResources
from infra.components.statement import allow
from infra.components.stream_consumer import TABLES, StreamConsumer, create_stream_consumer, stream_arn
from infra.components.user_changes_topic import UserChangesTopic
from infra.components.user_events import UserEvents
from infra.components.users_store import UsersStore
from infra.consumers.declaration import Consumer
from infra.environment import Environment
from infra.packaging import FunctionPackage

RESCUE_BATCH_SIZE = 10
"""Messages per invocation: few, because a pointer may stand for thousands of records."""

RESCUE_MAXIMUM_CONCURRENCY = 2
"""Concurrent rescues of a queue: SQS's minimum. A shard of a stream allows two readers, and the
event source mapping is one of them. Source: DynamoDB developer guide, "Reading and processing a
stream"."""


@dataclass(frozen=True, kw_only=True)
class ChangeStreamArgs:
    """What the change stream needs.

    Attributes:
        environment: the stack's settings say how batches are made and retried.
        store: the tables: Users and Activity have a stream each.
        user_changes: the topic of the changes.
        user_events: the bus of the events for other teams; None if the stack publishes none.
        consumers: the declared consumers that this stack has.
        packages: each function's zip, by the function's folder.
    """

    environment: Environment
    store: UsersStore
    user_changes: UserChangesTopic
    user_events: UserEvents | None
    consumers: Sequence[Consumer]
    packages: Mapping[str, FunctionPackage]


class ChangeStream(pulumi.ComponentResource):
    """Every consumer with its delivery, the failed records, and rescue_failed_batches.

    Attributes:
        failed_records: the queues and the bucket.
        stream_consumers: the consumers that read a stream, in the order of their list.
        queue_consumers: those that read the topic.
        rescue_failed_batches: the function that reads failed records back.
    """

    def __init__(self, name: str, args: ChangeStreamArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:ChangeStream", name, None, opts)
        self._args = args
        self.failed_records = FailedRecords("failed-records", args.environment, pulumi.ResourceOptions(parent=self))
        self._resources = StackResources(
            environment=args.environment,
            store=args.store,
            failed_records=self.failed_records,
            user_changes=args.user_changes,
            user_events=args.user_events,
        )
        self.stream_consumers: Sequence[StreamConsumer] = [
            create_stream_consumer(consumer, self._resources, args.packages[consumer.folder], self)
            for consumer in args.consumers
            if not consumer.has_queue
        ]
        self.queue_consumers: Sequence[QueueConsumer] = [
            QueueConsumer(
                consumer.logical_name,
                QueueConsumerArgs(
                    declaration=consumer, resources=self._resources, package=args.packages[consumer.folder]
                ),
                pulumi.ResourceOptions(parent=self),
            )
            for consumer in args.consumers
            if consumer.has_queue
        ]
        self.rescue_failed_batches = self._create_rescue_failed_batches()
        self._create_rescue_mapping("failure-queue", self.failed_records.failure_queue)
        for consumer in self.queue_consumers:
            self._create_rescue_mapping(f"{consumer.declaration.logical_name}-failure-queue", consumer.failure_queue)
        self.register_outputs(
            {
                **{
                    consumer.declaration.function_output: consumer.function.function.name for consumer in self.consumers
                },
                "rescueFailedBatchesFunctionName": self.rescue_failed_batches.function.name,
                "failureQueueUrl": self.failed_records.failure_queue.url,
                "deadLetterQueueUrl": self.failed_records.dead_letter_queue.url,
                "failedRecordsBucketName": self.failed_records.bucket.bucket,
            }
        )

    @property
    def consumers(self) -> list[StreamConsumer | QueueConsumer]:
        """Every consumer; those that read a stream first."""
        return [*self.stream_consumers, *self.queue_consumers]

    def _create_rescue_failed_batches(self) -> LambdaFunction:
        settings = self._args.environment.settings
        return LambdaFunction(
            "rescue-failed-batches",
            LambdaFunctionArgs(
                environment=self._args.environment,
                base_name="RescueFailedBatchesFunction",
                description="Reads back the records that a pointer names, before they leave the stream",
                package=self._args.packages["rescue_failed_batches"],
                memory_mb=settings.stream_memory_mb,
                timeout_seconds=settings.stream_timeout_seconds,
                variables={
                    # It takes records from streams of these tables alone.
                    "USERS_TABLE": self._args.store.users.name,
                    "ACTIVITY_TABLE": self._args.store.activity.name,
                    **self.failed_records.variables,
                },
                statements=[
                    allow(
                        "ReceivePointers",
                        ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
                        [
                            self.failed_records.failure_queue.arn,
                            *(consumer.failure_queue.arn for consumer in self.queue_consumers),
                        ],
                    ),
                    *(
                        allow(
                            f"Read{table}Stream",
                            ["dynamodb:GetRecords", "dynamodb:GetShardIterator"],
                            [stream_arn(self._resources, source)],
                        )
                        for source, table in TABLES.items()
                    ),
                    # Whether the user of a record is erased.
                    allow("ReadActivity", ["dynamodb:BatchGetItem"], [self._args.store.activity.arn]),
                    *self.failed_records.statements,
                ],
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_rescue_mapping(self, name: str, queue: aws.sqs.Queue) -> None:
        aws.lambda_.EventSourceMapping(
            name,
            event_source_arn=queue.arn,
            function_name=self.rescue_failed_batches.alias.arn,
            batch_size=RESCUE_BATCH_SIZE,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config={"maximum_concurrency": RESCUE_MAXIMUM_CONCURRENCY},
            tags=self._args.environment.tags,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[self.rescue_failed_batches.policy], delete_before_replace=True
            ),
        )
