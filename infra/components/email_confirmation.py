"""Neutral answers: the queue of registrations that a mail is due about, and the function behind it.

A registration that can't be mailed comes again, and after `MAXIMUM_RECEIVES` waits in the
dead-letter queue, which sounds an alarm.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.failed_records import MAXIMUM_RECEIVES, SECONDS_PER_DAY, VISIBILITY_TIMEOUT_FACTOR
from infra.components.lambda_function import LambdaFunction, LambdaFunctionArgs
from infra.components.policy import policy_document, tls_only
from infra.components.redrive_sources import limit_redrive
from infra.components.statement import allow
from infra.components.users_store import UsersStore
from infra.environment import Environment
from infra.packaging import FunctionPackage

BATCH_SIZE = 10
MAXIMUM_CONCURRENCY = 2
"""SQS's minimum. A new account of SES sends 14 mails a second at most. Source: SES developer guide,
"Service quotas in Amazon SES"."""

TIMEOUT_SECONDS = 60
MEMORY_MB = 256


class RegistrationMailQueue(pulumi.ComponentResource):
    """The queue that register_user fills, and its dead-letter queue.

    Attributes:
        queue: ids of registrations; the rest of them is in UserKeys.
        dead_letter_queue: those that no mail could be sent about.
    """

    def __init__(self, name: str, args: Environment, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:RegistrationMailQueue", name, None, opts)
        self._environment = args
        self.dead_letter_queue = self._queue("registration-mails-dead-letter-queue", "RegistrationMailsDeadLetterQueue")
        self.queue = self._queue(
            "registration-mails-queue",
            "RegistrationMailsQueue",
            visibility_timeout_seconds=VISIBILITY_TIMEOUT_FACTOR * TIMEOUT_SECONDS,
            redrive_policy=pulumi.Output.json_dumps(
                {"deadLetterTargetArn": self.dead_letter_queue.arn, "maxReceiveCount": MAXIMUM_RECEIVES}
            ),
        )
        limit_redrive("registration-mails-queue", self.queue, self)
        limit_redrive("registration-mails-dead-letter-queue", self.dead_letter_queue, self, sources=[self.queue])
        self.register_outputs({"queueUrl": self.queue.url, "deadLetterQueueUrl": self.dead_letter_queue.url})

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


@dataclass(frozen=True, kw_only=True)
class RegistrationMailsArgs:
    """What the mails need.

    Attributes:
        environment: its settings have the sender.
        store: the tables: registrations to be confirmed are in UserKeys.
        queue: the queue of registrations.
        page: address of the page that takes a link's token behind `#confirm=`.
        package: the function's zip.
    """

    environment: Environment
    store: UsersStore
    queue: RegistrationMailQueue
    page: pulumi.Input[str]
    package: FunctionPackage


class RegistrationMails(pulumi.ComponentResource):
    """The function that sends the mails, by SES.

    Attributes:
        queue: its queue.
        function: the function.
    """

    def __init__(self, name: str, args: RegistrationMailsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:RegistrationMails", name, None, opts)
        environment, queue, user_keys = args.environment, args.queue.queue, args.store.user_keys
        sender = environment.settings.mail_sender or ""
        self.queue = args.queue
        self.function = LambdaFunction(
            "send-registration-mail",
            LambdaFunctionArgs(
                environment=environment,
                base_name="SendRegistrationMailFunction",
                description="Sends the link that confirms a registration, or tells who is registered already",
                package=args.package,
                memory_mb=MEMORY_MB,
                timeout_seconds=TIMEOUT_SECONDS,
                variables={
                    "USER_KEYS_TABLE": user_keys.name,
                    "MAIL_SENDER": sender,
                    "CONFIRMATION_PAGE": args.page,
                },
                statements=[
                    allow(
                        "ReceiveRegistrations",
                        ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
                        [queue.arn],
                    ),
                    allow(
                        "ReadRegistrationsAndCountMails", ["dynamodb:GetItem", "dynamodb:UpdateItem"], [user_keys.arn]
                    ),
                    allow(
                        "SendMails",
                        ["ses:SendEmail"],
                        [self._identity(queue.arn, environment, identity) for identity in _identities(sender)],
                    ),
                ],
            ),
            pulumi.ResourceOptions(parent=self),
        )
        aws.lambda_.EventSourceMapping(
            "registration-mails-queue",
            event_source_arn=queue.arn,
            function_name=self.function.alias.arn,
            batch_size=BATCH_SIZE,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config={"maximum_concurrency": MAXIMUM_CONCURRENCY},
            tags=environment.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.function.policy], delete_before_replace=True),
        )
        self.register_outputs({"functionName": self.function.function.name})

    @staticmethod
    def _identity(queue_arn: pulumi.Output[str], environment: Environment, identity: str) -> pulumi.Output[str]:
        # The queue's own partition: `aws`, or GovCloud's or China's.
        return pulumi.Output.format(
            "arn:{0}:ses:{1}:{2}:identity/{3}",
            queue_arn.apply(lambda arn: arn.split(":")[1]),
            environment.settings.region,
            environment.account_id,
            identity,
        )


def _identities(sender: str) -> list[str]:
    """Return what may be verified for a sender: the address, its domain, and domains above that.

    Source: SES developer guide, "Verified identities", subdomains.
    """
    labels = sender.rpartition("@")[2].split(".")
    return [sender, *(".".join(labels[start:]) for start in range(len(labels) - 1))]
