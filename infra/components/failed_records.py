"""Where a record goes that failed: the failure queue, the dead-letter queue, and a bucket for what is too large."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.policy import deny_unencrypted_transport, policy_document
from infra.components.private_bucket import PrivateBucket, PrivateBucketArgs
from infra.environment import Environment

MAXIMUM_MESSAGE_BYTES = 1024 * 1024
"""SQS's largest message. Source: SQS developer guide, "Amazon SQS message quotas"."""

VISIBILITY_TIMEOUT_FACTOR = 6
"""A message stays hidden for six timeouts of its consumer, so that a throttled one can try again before the message
comes back. Source: Lambda developer guide, "Creating and configuring an Amazon SQS event source mapping"."""

MAXIMUM_RECEIVES = 5
"""Tries of a pointer before it is set aside; fewer would set it aside for throttling alone. Source: as above."""

SECONDS_PER_DAY = 24 * 60 * 60


@dataclass(frozen=True, kw_only=True)
class FailedRecordsArgs:
    """What the queues and the bucket need.

    Attributes:
        environment: where they are.
        retention_days: how long each of them keeps what it holds.
        consumer_timeout_seconds: timeout of the function that takes pointers from the failure queue.
    """

    environment: Environment
    retention_days: int
    consumer_timeout_seconds: int


class FailedRecords(pulumi.ComponentResource):
    """Three queues and a bucket, encrypted, for TLS only.

    Attributes:
        failure_queue: pointers to batches that the event source mapping gave up on.
        failure_redrive_queue: pointers that the rescue could not take either.
        dead_letter_queue: failed records, whole.
        bucket: failed records that are too large for a message.
    """

    failure_queue: aws.sqs.Queue
    failure_redrive_queue: aws.sqs.Queue
    dead_letter_queue: aws.sqs.Queue
    bucket: aws.s3.Bucket

    def __init__(self, name: str, args: FailedRecordsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:FailedRecords", name, None, opts)
        self._args = args

        self._create_dead_letter_queue()
        self._create_failure_queues()
        self._create_bucket()
        self._expire_objects()
        self.register_outputs(
            {
                "failureQueueUrl": self.failure_queue.url,
                "failureRedriveQueueUrl": self.failure_redrive_queue.url,
                "deadLetterQueueUrl": self.dead_letter_queue.url,
                "bucketName": self.bucket.bucket,
            }
        )

    def _create_dead_letter_queue(self) -> None:
        # Nothing redrives from here: what is in it leaves by an operator's command only.
        self.dead_letter_queue = self._queue("dead-letter-queue", "UserChangesDeadLetterQueue")

    def _create_failure_queues(self) -> None:
        # A pointer that the rescue can't take, because it is broken itself, waits here until it is mended.
        self.failure_redrive_queue = self._queue("failure-redrive-queue", "UserChangesFailureRedriveQueue")
        self.failure_queue = self._queue(
            "failure-queue",
            "UserChangesFailureQueue",
            visibility_timeout_seconds=VISIBILITY_TIMEOUT_FACTOR * self._args.consumer_timeout_seconds,
            redrive_policy=pulumi.Output.json_dumps(
                {
                    "deadLetterTargetArn": self.failure_redrive_queue.arn,
                    "maxReceiveCount": MAXIMUM_RECEIVES,
                }
            ),
        )
        aws.sqs.RedriveAllowPolicy(
            "failure-redrive-queue-sources",
            queue_url=self.failure_redrive_queue.url,
            redrive_allow_policy=pulumi.Output.json_dumps(
                {
                    "redrivePermission": "byQueue",
                    "sourceQueueArns": [self.failure_queue.arn],
                }
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _queue(
        self,
        child_name: str,
        base_name: str,
        *,
        visibility_timeout_seconds: int | None = None,
        redrive_policy: pulumi.Input[str] | None = None,
    ) -> aws.sqs.Queue:
        environment = self._args.environment
        queue = aws.sqs.Queue(
            child_name,
            name=environment.physical_name(base_name),
            message_retention_seconds=self._args.retention_days * SECONDS_PER_DAY,
            max_message_size=MAXIMUM_MESSAGE_BYTES,
            visibility_timeout_seconds=visibility_timeout_seconds,
            redrive_policy=redrive_policy,
            sqs_managed_sse_enabled=True,
            tags=environment.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=environment.protect),
        )
        if environment.require_tls:
            aws.sqs.QueuePolicy(
                child_name,
                queue_url=queue.url,
                policy=policy_document([deny_unencrypted_transport(["sqs:*"], [queue.arn])]),
                opts=pulumi.ResourceOptions(parent=self),
            )
        return queue

    def _create_bucket(self) -> None:
        environment = self._args.environment
        private_bucket = PrivateBucket(
            "failed-records",
            PrivateBucketArgs(environment=environment, purpose="failed-records"),
            pulumi.ResourceOptions(parent=self),
        )
        self.bucket = private_bucket.bucket
        if environment.require_tls:
            objects = pulumi.Output.concat(self.bucket.arn, "/*")
            aws.s3.BucketPolicy(
                "failed-records",
                bucket=self.bucket.bucket,
                policy=policy_document([deny_unencrypted_transport(["s3:*"], [self.bucket.arn, objects])]),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[private_bucket.public_access_block]),
            )

    def _expire_objects(self) -> None:
        aws.s3.BucketLifecycleConfiguration(
            "failed-records",
            bucket=self.bucket.bucket,
            rules=[
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="expire-with-the-queue",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    # An object is written just before the message that points to it: a day more, and it outlives it.
                    expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(
                        days=self._args.retention_days + 1
                    ),
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
