"""From the Users table's stream to log_user_changes, and what catches a record that fails on the way."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.failed_records import FailedRecords, FailedRecordsArgs
from infra.components.lambda_function import LambdaFunction, LambdaFunctionArgs
from infra.components.policy import Statement
from infra.components.users_store import UsersStore
from infra.environment import Environment
from infra.packaging.zip import FunctionPackage

RESCUE_BATCH_SIZE = 10
"""Pointers per invocation. Each may stand for thousands of records, so few at a time."""

RESCUE_MAXIMUM_CONCURRENCY = 2
"""Rescues at a time, SQS's least. A stream's shard takes two readers, and the event source mapping is one of them.
Source: DynamoDB developer guide, "Reading and processing a stream"."""


@dataclass(frozen=True, kw_only=True)
class DeliverySettings:
    """How the event source mapping delivers; each is explained where it is set, in Pulumi.<stack>.yaml."""

    batch_size: pulumi.Input[int]
    batching_window_seconds: pulumi.Input[int]
    parallelization_factor: pulumi.Input[int]
    maximum_retry_attempts: pulumi.Input[int]
    maximum_record_age_seconds: pulumi.Input[int]


@dataclass(frozen=True, kw_only=True)
class ChangeStreamArgs:
    """What the change stream needs.

    Attributes:
        environment: where it is.
        store: the tables: whose stream is read, and where the history goes.
        log_user_changes_package: zip of log_user_changes.
        rescue_failed_batches_package: zip of rescue_failed_batches.
        delivery: how batches are made and retried.
        memory_mb: memory of each function.
        timeout_seconds: of each function.
        reserved_concurrency: of log_user_changes, or None.
        activity_retention_days: how long the history keeps a change.
        mask_personal_data: whether the log shows personal data masked.
        failure_retention_days: how long what failed is kept.
    """

    environment: Environment
    store: UsersStore
    log_user_changes_package: FunctionPackage
    rescue_failed_batches_package: FunctionPackage
    delivery: DeliverySettings
    memory_mb: pulumi.Input[int]
    timeout_seconds: int
    reserved_concurrency: pulumi.Input[int] | None
    activity_retention_days: int
    mask_personal_data: bool
    failure_retention_days: int


class ChangeStream(pulumi.ComponentResource):
    """Event source mapping, log_user_changes, and rescue_failed_batches between failure and dead-letter queue."""

    failed_records: FailedRecords
    log_user_changes: LambdaFunction
    rescue_failed_batches: LambdaFunction
    stream_mapping: aws.lambda_.EventSourceMapping
    rescue_mapping: aws.lambda_.EventSourceMapping

    def __init__(self, name: str, args: ChangeStreamArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:ChangeStream", name, None, opts)
        self._args = args

        self._create_failed_records()
        self._create_log_user_changes()
        self._create_stream_mapping()
        self._create_rescue_failed_batches()
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

    def _create_failed_records(self) -> None:
        self.failed_records = FailedRecords(
            "failed-records",
            FailedRecordsArgs(
                environment=self._args.environment,
                retention_days=self._args.failure_retention_days,
                consumer_timeout_seconds=self._args.timeout_seconds,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_log_user_changes(self) -> None:
        args = self._args
        users, activity = args.store.users, args.store.activity
        self.log_user_changes = LambdaFunction(
            "log-user-changes",
            LambdaFunctionArgs(
                environment=args.environment,
                base_name="LogUserChangesFunction",
                description="Logs every change of a user and keeps it in the user's history",
                package=args.log_user_changes_package,
                memory_mb=args.memory_mb,
                timeout_seconds=args.timeout_seconds,
                reserved_concurrency=args.reserved_concurrency,
                variables={
                    "ACTIVITY_TABLE": activity.name,
                    "ACTIVITY_RETENTION_DAYS": str(args.activity_retention_days),
                    "MASK_PERSONAL_DATA": "true" if args.mask_personal_data else "false",
                    **self._failed_record_variables(),
                },
                statements=[
                    Statement(
                        sid="ReadUsersStream",
                        actions=["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
                        resources=[users.stream_arn],
                    ),
                    # The one action here that takes no resource: it lists the account's streams by name.
                    Statement(sid="FindUsersStream", actions=["dynamodb:ListStreams"], resources=["*"]),
                    Statement(sid="WriteActivity", actions=["dynamodb:BatchWriteItem"], resources=[activity.arn]),
                    # The event source mapping sends its pointers with the function's role.
                    Statement(
                        sid="SendPointers",
                        actions=["sqs:SendMessage"],
                        resources=[self.failed_records.failure_queue.arn],
                    ),
                    *self._keep_failed_records(),
                ],
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_stream_mapping(self) -> None:
        args = self._args
        self.stream_mapping = aws.lambda_.EventSourceMapping(
            "users-stream",
            event_source_arn=args.store.users.stream_arn,
            function_name=self.log_user_changes.function.arn,
            # LATEST would miss changes that arrive while the mapping is being made or changed.
            starting_position="TRIM_HORIZON",
            batch_size=args.delivery.batch_size,
            maximum_batching_window_in_seconds=args.delivery.batching_window_seconds,
            parallelization_factor=args.delivery.parallelization_factor,
            maximum_retry_attempts=args.delivery.maximum_retry_attempts,
            maximum_record_age_in_seconds=args.delivery.maximum_record_age_seconds,
            # Both, or the good records after a bad one are discarded with it.
            bisect_batch_on_function_error=True,
            function_response_types=["ReportBatchItemFailures"],
            destination_config=aws.lambda_.EventSourceMappingDestinationConfigArgs(
                on_failure=aws.lambda_.EventSourceMappingDestinationConfigOnFailureArgs(
                    destination_arn=self.failed_records.failure_queue.arn
                )
            ),
            # How many records were polled, invoked, failed and dropped, which the function's own metrics don't tell.
            metrics_config=aws.lambda_.EventSourceMappingMetricsConfigArgs(metrics=["EventCount"]),
            tags=args.environment.tags,
            opts=pulumi.ResourceOptions(
                parent=self,
                # AWS looks at what the role may do at the moment the mapping is made.
                depends_on=[self.log_user_changes.policy],
                # One stream and one function take one mapping: a new one only fits when the old one is gone.
                delete_before_replace=True,
            ),
        )

    def _create_rescue_failed_batches(self) -> None:
        args = self._args
        users = args.store.users
        self.rescue_failed_batches = LambdaFunction(
            "rescue-failed-batches",
            LambdaFunctionArgs(
                environment=args.environment,
                base_name="RescueFailedBatchesFunction",
                description="Reads back the records a pointer stands for, before the stream forgets them",
                package=args.rescue_failed_batches_package,
                memory_mb=args.memory_mb,
                timeout_seconds=args.timeout_seconds,
                variables=self._failed_record_variables(),
                statements=[
                    Statement(
                        sid="ReceivePointers",
                        actions=["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
                        resources=[self.failed_records.failure_queue.arn],
                    ),
                    Statement(
                        sid="ReadUsersStream",
                        actions=["dynamodb:GetRecords", "dynamodb:GetShardIterator"],
                        resources=[users.stream_arn],
                    ),
                    *self._keep_failed_records(),
                ],
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_rescue_mapping(self) -> None:
        self.rescue_mapping = aws.lambda_.EventSourceMapping(
            "failure-queue",
            event_source_arn=self.failed_records.failure_queue.arn,
            function_name=self.rescue_failed_batches.function.arn,
            batch_size=RESCUE_BATCH_SIZE,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=aws.lambda_.EventSourceMappingScalingConfigArgs(
                maximum_concurrency=RESCUE_MAXIMUM_CONCURRENCY
            ),
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
        return [
            Statement(
                sid="KeepFailedRecords",
                actions=["sqs:SendMessage"],
                resources=[self.failed_records.dead_letter_queue.arn],
            ),
            Statement(
                sid="KeepLargeFailedRecords",
                actions=["s3:PutObject"],
                resources=[pulumi.Output.concat(self.failed_records.bucket.arn, "/*")],
            ),
        ]
