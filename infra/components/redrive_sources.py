"""Which queues may redrive their messages to a queue.

Without such a policy every queue of the account and region may. Source: SQS API reference,
SetQueueAttributes, RedriveAllowPolicy.
"""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws


def limit_redrive(
    child_name: str, queue: aws.sqs.Queue, parent: pulumi.Resource, *, sources: Sequence[aws.sqs.Queue] = ()
) -> None:
    """Let only some queues redrive to a queue; without `sources` none.

    Args:
        child_name: the queue's in the program.
        queue: the queue.
        parent: the component that the policy belongs to.
        sources: the queues whose redrive policy names it.
    """
    arns = [source.arn for source in sources]
    allowed = {"redrivePermission": "byQueue", "sourceQueueArns": arns} if arns else {"redrivePermission": "denyAll"}
    aws.sqs.RedriveAllowPolicy(
        f"{child_name}-sources",
        queue_url=queue.url,
        redrive_allow_policy=pulumi.Output.json_dumps(allowed),
        opts=pulumi.ResourceOptions(parent=parent),
    )
