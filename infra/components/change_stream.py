"""The stream of the Users table: event source mapping, two functions and the failed records.

The mapping invokes log_user_changes with batches of the stream. What it gives up on goes to the
failure queue, from which rescue_failed_batches reads the records back before the stream drops them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.failed_records import FailedRecords
from infra.components.lambda_function import LambdaFunction, LambdaFunctionArgs
from infra.components.policy import Statement, allow
from infra.components.users_store import UsersStore
from infra.environment import Environment
from infra.packaging import FunctionPackage

RESCUE_BATCH_SIZE = 10
"""Pointers per invocation: few, because each may stand for thousands of records."""

RESCUE_MAXIMUM_CONCURRENCY = 2
"""Concurrent rescues: SQS's minimum. A shard of a stream allows two readers, and the event source
mapping is one of them. Source: DynamoDB developer guide, "Reading and processing a stream"."""


@dataclass(frozen=True, kw_only=True)
class ChangeStreamArgs:
    """What the change stream needs.

    Attributes:
        environment: the stack's settings say how batches are made and retried.
        store: the tables: Users has the stream, Activity takes the history.
        packages: each function's zip, by the function's folder.
    """

    environment: Environment
    store: UsersStore
    packages: Mapping[str, FunctionPackage]


class ChangeStream(pulumi.ComponentResource):
    """The event source mappings, log_user_changes, rescue_failed_batches and the failed records.

    Attributes:
        failed_records: the queues and the bucket.
        log_user_changes: the function that the stream's batches go to.
        rescue_failed_batches: the function that reads failed records back.
        stream_mapping: from the stream to log_user_changes.
    """

    def __init__(self, name: str, args: ChangeStreamArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:ChangeStream", name, None, opts)
        self._args = args
        self.failed_records = FailedRecords("failed-records", args.environment, pulumi.ResourceOptions(parent=self))
        self.log_user_changes = self._create_log_user_changes()
        self.stream_mapping = self._create_stream_mapping()
        self.rescue_failed_batches = self._create_rescue_failed_batches()
        self._create_rescue_mapping()
        self.register_outputs(
            {
                "logUserChangesFunctionName": self.log_user_changes.function.name,
                "rescueFailedBatchesFunctionName": self.rescue_failed_batches.function.name,
                "streamMappingId": self.stream_mapping.id,
                "failureQueueUrl": self.failed_records.failure_queue.url,
                "deadLetterQueueUrl": self.failed_records.dead_letter_queue.url,
                "failedRecordsBucketName": self.failed_records.bucket.bucket,
            }
        )

    def _create_log_user_changes(self) -> LambdaFunction:
        settings, store = self._args.environment.settings, self._args.store
        return LambdaFunction(
            "log-user-changes",
            LambdaFunctionArgs(
                environment=self._args.environment,
                base_name="LogUserChangesFunction",
                description="Logs every change of a user and keeps it in the user's history",
                package=self._args.packages["log_user_changes"],
                memory_mb=settings.stream_memory_mb,
                timeout_seconds=settings.stream_timeout_seconds,
                reserved_concurrency=settings.stream_reserved_concurrency,
                variables={
                    "ACTIVITY_TABLE": store.activity.name,
                    "ACTIVITY_RETENTION_DAYS": str(settings.activity_retention_days),
                    "MASK_PERSONAL_DATA": "true" if settings.mask_personal_data else "false",
                    **self._failed_record_variables(),
                },
                statements=[
                    allow(
                        "ReadUsersStream",
                        ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
                        [store.users.stream_arn],
                    ),
                    # It lists the account's streams by name: IAM knows no resource for it.
                    allow("FindUsersStream", ["dynamodb:ListStreams"], ["*"]),
                    allow("WriteActivity", ["dynamodb:BatchWriteItem"], [store.activity.arn]),
                    # The event source mapping sends its pointers with the function's role.
                    allow("SendPointers", ["sqs:SendMessage"], [self.failed_records.failure_queue.arn]),
                    *self._keep_failed_records(),
                ],
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_stream_mapping(self) -> aws.lambda_.EventSourceMapping:
        environment = self._args.environment
        settings = environment.settings
        return aws.lambda_.EventSourceMapping(
            "users-stream",
            event_source_arn=self._args.store.users.stream_arn,
            function_name=self.log_user_changes.function.arn,
            # LATEST would miss changes that arrive while the mapping is created or changed.
            starting_position="TRIM_HORIZON",
            batch_size=settings.stream_batch_size,
            maximum_batching_window_in_seconds=settings.stream_batching_window_seconds,
            parallelization_factor=settings.stream_parallelization_factor,
            maximum_retry_attempts=settings.stream_maximum_retry_attempts,
            maximum_record_age_in_seconds=settings.stream_maximum_record_age_seconds,
            # Both: with one alone the good records after a bad one are discarded with it.
            bisect_batch_on_function_error=True,
            function_response_types=["ReportBatchItemFailures"],
            destination_config={"on_failure": {"destination_arn": self.failed_records.failure_queue.arn}},
            # Counts polled, invoked, failed and dropped records, which no function metric does.
            metrics_config={"metrics": ["EventCount"]},
            tags=environment.tags,
            opts=pulumi.ResourceOptions(
                parent=self,
                # AWS checks what the role allows when the mapping is created.
                depends_on=[self.log_user_changes.policy],
                # One stream and one function have at most one mapping: delete the old one first.
                delete_before_replace=True,
            ),
        )

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
                variables=self._failed_record_variables(),
                statements=[
                    allow(
                        "ReceivePointers",
                        ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
                        [self.failed_records.failure_queue.arn],
                    ),
                    allow(
                        "ReadUsersStream",
                        ["dynamodb:GetRecords", "dynamodb:GetShardIterator"],
                        [self._args.store.users.stream_arn],
                    ),
                    *self._keep_failed_records(),
                ],
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_rescue_mapping(self) -> None:
        aws.lambda_.EventSourceMapping(
            "failure-queue",
            event_source_arn=self.failed_records.failure_queue.arn,
            function_name=self.rescue_failed_batches.function.arn,
            batch_size=RESCUE_BATCH_SIZE,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config={"maximum_concurrency": RESCUE_MAXIMUM_CONCURRENCY},
            tags=self._args.environment.tags,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[self.rescue_failed_batches.policy], delete_before_replace=True
            ),
        )

    def _failed_record_variables(self) -> dict[str, pulumi.Input[str]]:
        return {
            "DEAD_LETTER_QUEUE_URL": self.failed_records.dead_letter_queue.url,
            "FAILED_RECORDS_BUCKET": self.failed_records.bucket.bucket,
        }

    def _keep_failed_records(self) -> list[Statement]:
        objects = pulumi.Output.concat(self.failed_records.bucket.arn, "/*")
        return [
            allow("KeepFailedRecords", ["sqs:SendMessage"], [self.failed_records.dead_letter_queue.arn]),
            allow("KeepLargeFailedRecords", ["s3:PutObject"], [objects]),
        ]
