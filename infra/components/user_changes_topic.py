"""The topic from which every consumer with a queue gets users' changes.

A message names a change and holds no value of a person: a consumer reads the change itself from
Activity. So the topic has no key of its own; SNS encrypts its disks. Source: SNS developer guide,
"Amazon SNS data encryption".
"""

import pulumi
import pulumi_aws as aws

from infra.components.policy import policy_document, tls_only
from infra.environment import Environment


class UserChangesTopic(pulumi.ComponentResource):
    """A FIFO topic: the changes of a user, its message group, keep their order.

    Attributes:
        topic: the topic. Only fan_out_user_changes may publish, by its role.
    """

    def __init__(self, name: str, args: Environment, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("userstream:infra:UserChangesTopic", name, None, opts)
        self.topic = aws.sns.Topic(
            "user-changes",
            # SNS wants the names of FIFO topics to end so.
            name=f"{args.physical_name('UserChanges')}.fifo",
            fifo_topic=True,
            # A limit per user and none for the topic (300 messages a second without it), as the
            # queues have it. Source: SNS developer guide, "High throughput for FIFO topics".
            fifo_throughput_scope="MessageGroup",
            # The publisher sends the change's own id, which stays the same however often it sends.
            content_based_deduplication=False,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        if statements := tls_only(args, ["sns:Publish"], [self.topic.arn]):
            aws.sns.TopicPolicy(
                "user-changes",
                arn=self.topic.arn,
                policy=policy_document(statements),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({"topicArn": self.topic.arn})
