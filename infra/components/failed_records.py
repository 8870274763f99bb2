"""Where failed records go: the failure queue, the dead-letter queue and a bucket.

The event source mapping sends the metadata of a batch that it gave up on (a pointer) to the failure
queue. What reads the records back sends each, whole, to the dead-letter queue, or to the bucket if
it is too large for a message. A pointer that can't be handled goes to the failure redrive queue.
"""

import pulumi
import pulumi_aws as aws

from infra.components.policy import policy_document, tls_only
from infra.components.private_bucket import PrivateBucket, PrivateBucketArgs
from infra.components.redrive_sources import limit_redrive
from infra.components.statement import Statement, allow
from infra.environment import Environment

MAXIMUM_MESSAGE_BYTES = 1024 * 1024
"""SQS's largest message. Source: SQS developer guide, "Amazon SQS message quotas"."""

VISIBILITY_TIMEOUT_FACTOR = 6
"""Visibility timeout in timeouts of the consumer, so that a throttled consumer can retry before the
message becomes visible again. Source: Lambda developer guide, "Creating and configuring an Amazon
SQS event source mapping"."""

MAXIMUM_RECEIVES = 5
"""Receives of a pointer before it goes to the redrive queue; with fewer, throttling alone would
send it there. Source: as above."""

SECONDS_PER_DAY = 24 * 60 * 60


class FailedRecords(pulumi.ComponentResource):
    """Three queues and a bucket, all encrypted.

    Attributes:
        failure_queue: pointers to batches that the event source mapping gave up on.
        failure_redrive_queue: pointers that rescue_failed_batches could not handle either.
        dead_letter_queue: failed records, whole. Only an operator's command takes them out.
        bucket: failed records that are too large for a message.
    """

    def __init__(self, name: str, args: Environment, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:FailedRecords", name, None, opts)
        self._environment = args

        self.dead_letter_queue = self._queue("dead-letter-queue", "UserChangesDeadLetterQueue")
        self.failure_redrive_queue = self._queue("failure-redrive-queue", "UserChangesFailureRedriveQueue")
        self.failure_queue = self._queue(
            "failure-queue",
            "UserChangesFailureQueue",
            visibility_timeout_seconds=VISIBILITY_TIMEOUT_FACTOR * args.settings.stream_timeout_seconds,
            redrive_policy=pulumi.Output.json_dumps(
                {"deadLetterTargetArn": self.failure_redrive_queue.arn, "maxReceiveCount": MAXIMUM_RECEIVES}
            ),
        )
        limit_redrive("dead-letter-queue", self.dead_letter_queue, self)
        limit_redrive("failure-queue", self.failure_queue, self)
        limit_redrive("failure-redrive-queue", self.failure_redrive_queue, self, sources=[self.failure_queue])
        self.bucket = self._bucket()
        self.register_outputs(
            {
                "failureQueueUrl": self.failure_queue.url,
                "failureRedriveQueueUrl": self.failure_redrive_queue.url,
                "deadLetterQueueUrl": self.dead_letter_queue.url,
                "bucketName": self.bucket.bucket,
            }
        )

    @property
    def variables(self) -> dict[str, pulumi.Input[str]]:
        """The environment variables of a function that keeps failed records."""
        return {"DEAD_LETTER_QUEUE_URL": self.dead_letter_queue.url, "FAILED_RECORDS_BUCKET": self.bucket.bucket}

    @property
    def statements(self) -> list[Statement]:
        """What the role of a function that keeps failed records has to allow."""
        objects = pulumi.Output.concat(self.bucket.arn, "/*")
        return [
            allow("KeepFailedRecords", ["sqs:SendMessage"], [self.dead_letter_queue.arn]),
            allow("KeepLargeFailedRecords", ["s3:PutObject"], [objects]),
        ]

    def _queue(
        self,
        child_name: str,
        base_name: str,
        *,
        visibility_timeout_seconds: int | None = None,
        redrive_policy: pulumi.Input[str] | None = None,
    ) -> aws.sqs.Queue:
        environment = self._environment
        queue = aws.sqs.Queue(
            child_name,
            name=environment.physical_name(base_name),
            message_retention_seconds=environment.settings.failure_retention_days * SECONDS_PER_DAY,
            max_message_size=MAXIMUM_MESSAGE_BYTES,
            visibility_timeout_seconds=visibility_timeout_seconds,
            redrive_policy=redrive_policy,
            sqs_managed_sse_enabled=True,
            tags=environment.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=environment.protect),
        )
        if statements := tls_only(environment, ["sqs:*"], [queue.arn]):
            aws.sqs.QueuePolicy(
                child_name,
                queue_url=queue.url,
                policy=policy_document(statements),
                opts=pulumi.ResourceOptions(parent=self),
            )
        return queue

    def _bucket(self) -> aws.s3.Bucket:
        environment = self._environment
        private_bucket = PrivateBucket(
            "failed-records",
            PrivateBucketArgs(environment=environment, base_name="failures"),
            pulumi.ResourceOptions(parent=self),
        )
        bucket = private_bucket.bucket
        if statements := tls_only(environment, ["s3:*"], [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")]):
            aws.s3.BucketPolicy(
                "failed-records",
                bucket=bucket.bucket,
                policy=policy_document(statements),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[private_bucket.public_access_block]),
            )
        versioning = aws.s3.BucketVersioning(
            "failed-records",
            bucket=bucket.bucket,
            # An object is the only copy of its record: what replaces or deletes it must not end it.
            versioning_configuration={"status": "Enabled"},
            opts=pulumi.ResourceOptions(parent=self),
        )
        # An object is written just before the message that names it: with one day more than the
        # queue's retention it outlives that message.
        days = environment.settings.failure_retention_days + 1
        aws.s3.BucketLifecycleConfiguration(
            "failed-records",
            bucket=bucket.bucket,
            rules=[
                {
                    "id": "expire-with-the-queue",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    # Of delete markers as well (S3 API reference, LifecycleExpiration).
                    "expiration": {"days": days},
                    # However soon it was replaced, it outlives its message too.
                    "noncurrent_version_expiration": {"noncurrent_days": days},
                }
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        return bucket
