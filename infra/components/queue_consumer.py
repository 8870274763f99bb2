"""A consumer that reads the topic of users' changes: its queues, its subscription, its function.

A change that the function can't process at all, because it crashes, times out or is throttled, goes
to the failure queue after `maximum_receives`. SNS puts there what it can't put into the queue.
rescue_failed_batches takes it from there to the dead-letter queue.
"""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.failed_records import SECONDS_PER_DAY, VISIBILITY_TIMEOUT_FACTOR
from infra.components.lambda_function import LambdaFunction, LambdaFunctionArgs
from infra.components.policy import policy_document, tls_only
from infra.components.redrive_sources import limit_redrive
from infra.components.resources import StackResources
from infra.components.statement import allow
from infra.consumers.declaration import Consumer
from infra.packaging import FunctionPackage


@dataclass(frozen=True, kw_only=True)
class QueueConsumerArgs:
    """What a consumer's resources are made of.

    Attributes:
        declaration: the consumer as it is declared.
        resources: what its declaration may name.
        package: its function's zip.
    """

    declaration: Consumer
    resources: StackResources
    package: FunctionPackage


class QueueConsumer(pulumi.ComponentResource):
    """A queue with a failure queue, the subscription that fills it, and the function it goes to.

    Attributes:
        declaration: the consumer as it is declared.
        queue: its changes, in the order of each user's.
        failure_queue: changes that the function didn't take.
        function: its function.
    """

    def __init__(self, name: str, args: QueueConsumerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:QueueConsumer", name, None, opts)
        self.declaration = args.declaration
        self._resources = args.resources
        settings, consumer = args.resources.environment.settings, args.declaration
        self.failure_queue = self._create_queue(
            f"{name}-failure-queue",
            consumer.failure_queue_name(args.resources.environment.name),
            # Of the rescue, which has no redrive queue here: what it can't handle stays, and
            # sounds an alarm.
            visibility_timeout_seconds=VISIBILITY_TIMEOUT_FACTOR * settings.stream_timeout_seconds,
        )
        self.queue = self._create_queue(
            f"{name}-queue",
            consumer.queue_name(args.resources.environment.name),
            visibility_timeout_seconds=VISIBILITY_TIMEOUT_FACTOR * consumer.timeout_seconds,
            redrive_policy=pulumi.Output.json_dumps(
                {"deadLetterTargetArn": self.failure_queue.arn, "maxReceiveCount": consumer.maximum_receives}
            ),
        )
        limit_redrive(f"{name}-queue", self.queue, self)
        limit_redrive(f"{name}-failure-queue", self.failure_queue, self, sources=[self.queue])
        policies = [
            self._let_the_topic_send(f"{name}-queue", self.queue),
            self._let_the_topic_send(f"{name}-failure-queue", self.failure_queue),
        ]
        self._subscribe(name, policies)
        self.function = self._create_function(name, args.package)
        self._create_mapping(name)
        self.register_outputs(
            {
                "functionName": self.function.function.name,
                "queueUrl": self.queue.url,
                "failureQueueUrl": self.failure_queue.url,
            }
        )

    def _create_queue(
        self,
        child_name: str,
        physical_name: str,
        *,
        visibility_timeout_seconds: int,
        redrive_policy: pulumi.Input[str] | None = None,
    ) -> aws.sqs.Queue:
        environment = self._resources.environment
        return aws.sqs.Queue(
            child_name,
            name=physical_name,
            fifo_queue=True,
            # The topic passes the id that fan_out_user_changes gave the change.
            content_based_deduplication=False,
            # High throughput: limits per user, and none of 300 messages a second for all of them.
            # Source: SQS developer guide, "High throughput for FIFO queues".
            deduplication_scope="messageGroup",
            fifo_throughput_limit="perMessageGroupId",
            message_retention_seconds=environment.settings.failure_retention_days * SECONDS_PER_DAY,
            visibility_timeout_seconds=visibility_timeout_seconds,
            redrive_policy=redrive_policy,
            sqs_managed_sse_enabled=True,
            tags=environment.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=environment.protect),
        )

    def _let_the_topic_send(self, child_name: str, queue: aws.sqs.Queue) -> aws.sqs.QueuePolicy:
        send = allow(
            "TopicSends",
            ["sqs:SendMessage"],
            [queue.arn],
            service="sns.amazonaws.com",
            condition={"ArnEquals": {"aws:SourceArn": self._resources.user_changes.topic.arn}},
        )
        return aws.sqs.QueuePolicy(
            child_name,
            queue_url=queue.url,
            policy=policy_document([send, *tls_only(self._resources.environment, ["sqs:*"], [queue.arn])]),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _subscribe(self, name: str, policies: list[aws.sqs.QueuePolicy]) -> None:
        aws.sns.TopicSubscription(
            name,
            topic=self._resources.user_changes.topic.arn,
            protocol="sqs",
            endpoint=self.queue.arn,
            # The message alone, as fan_out_user_changes published it.
            raw_message_delivery=True,
            filter_policy=json.dumps(self.declaration.filter_policy),
            filter_policy_scope="MessageAttributes",
            # SNS drops what a queue refuses, such as one that was deleted or that denies it.
            # Source: SNS developer guide, "Amazon SNS dead-letter queues".
            redrive_policy=pulumi.Output.json_dumps({"deadLetterTargetArn": self.failure_queue.arn}),
            # The policies first, or the first messages are refused.
            opts=pulumi.ResourceOptions(parent=self, depends_on=policies),
        )

    def _create_function(self, name: str, package: FunctionPackage) -> LambdaFunction:
        consumer, resources = self.declaration, self._resources
        activity, failed_records = resources.store.activity, resources.failed_records
        return LambdaFunction(
            name,
            LambdaFunctionArgs(
                environment=resources.environment,
                base_name=consumer.base_name,
                description=consumer.description,
                package=package,
                memory_mb=consumer.memory_mb,
                timeout_seconds=consumer.timeout_seconds,
                variables={
                    **consumer.variables(resources),
                    "ACTIVITY_TABLE": activity.name,
                    "MAXIMUM_RECEIVES": str(consumer.maximum_receives),
                    "QUEUE_URL": self.queue.url,
                    **failed_records.variables,
                },
                statements=[
                    allow(
                        "ReceiveChanges",
                        [
                            "sqs:ReceiveMessage",
                            "sqs:DeleteMessage",
                            "sqs:GetQueueAttributes",
                            # A change that fails is tried again later and later.
                            "sqs:ChangeMessageVisibility",
                        ],
                        [self.queue.arn],
                    ),
                    allow("ReadActivity", ["dynamodb:BatchGetItem"], [activity.arn]),
                    *consumer.statements(resources),
                    *failed_records.statements,
                ],
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_mapping(self, name: str) -> None:
        consumer = self.declaration
        aws.lambda_.EventSourceMapping(
            f"{name}-queue",
            event_source_arn=self.queue.arn,
            function_name=self.function.alias.arn,
            batch_size=consumer.batch_size,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config={"maximum_concurrency": consumer.maximum_concurrency},
            tags=self._resources.environment.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.function.policy], delete_before_replace=True),
        )
