"""A queue whose mapping the poller serves: as `mapped_function` has it for a stream."""

import json
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from functions.runtime.json_log import JsonObject
from local.aws_clients import Clients
from local.deploy.iam import enforceable
from tests.support.local.mapped_function import REGION, TRUST, create_function, whole_lines

VISIBILITY_SECONDS = 180
"""Of the queue: what a test must never wait for."""

RECEIVE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


class MappedQueue(NamedTuple):
    """What was created."""

    clients: Clients
    function: str
    queue_url: str
    queue_arn: str
    mapping_uuid: str
    calls_file: Path

    def send(self, name: str, then: str = "succeed", group: str = "g") -> None:
        """Send a message that tells the function what to do."""
        fifo: Any = {"MessageGroupId": group, "MessageDeduplicationId": uuid4().hex} if self.is_fifo else {}
        self.clients.sqs.send_message(
            QueueUrl=self.queue_url,
            MessageBody=json.dumps({"name": name, "then": then}),
            MessageAttributes={"kind": {"StringValue": "ADDED", "DataType": "String"}},
            **fifo,
        )

    @property
    def is_fifo(self) -> bool:
        return self.queue_url.endswith(".fifo")

    def calls(self) -> list[JsonObject]:
        """Return all invocations so far."""
        return whole_lines(self.calls_file)

    def delivered(self) -> list[str]:
        """Return the names of the messages in all invocations."""
        return [name for call in self.calls() for name in call["names"]]

    def left(self) -> int:
        """Return how many messages the queue has, visible or not."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.clients.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)
        return sum(map(int, answer["Attributes"].values()))


def create_mapped_queue(clients: Clients, directory: Path, *, fifo: bool = False, **settings: Any) -> MappedQueue:
    """Create it all.

    Args:
        clients: of the emulator.
        directory: where the function writes down its invocations.
        fifo: whether it is a FIFO queue.
        settings: of the mapping, as CreateEventSourceMapping takes them.
    """
    name = f"queue-{uuid4().hex[:8]}"
    queue = f"{name}.fifo" if fifo else name
    attributes: Any = {"VisibilityTimeout": str(VISIBILITY_SECONDS), **({"FifoQueue": "true"} if fifo else {})}
    queue_url = clients.sqs.create_queue(QueueName=queue, Attributes=attributes)["QueueUrl"]
    queue_arn = f"arn:aws:sqs:{REGION}:000000000000:{queue}"
    role_arn = clients.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    statement = {"Effect": "Allow", "Action": list(RECEIVE), "Resource": [queue_arn]}
    clients.iam.put_role_policy(
        RoleName=name,
        PolicyName="policy",
        PolicyDocument=enforceable(json.dumps({"Version": "2012-10-17", "Statement": [statement]})),
    )
    calls_file = directory / f"{name}.jsonl"
    create_function(clients, name, role_arn, calls_file)
    usual: dict[str, Any] = {"BatchSize": 10, "FunctionResponseTypes": ["ReportBatchItemFailures"]}
    mapping = clients.lambda_.create_event_source_mapping(
        EventSourceArn=queue_arn, FunctionName=name, **(usual | settings)
    )
    return MappedQueue(clients, name, queue_url, queue_arn, mapping["UUID"], calls_file)
