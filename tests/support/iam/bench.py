"""A running stack, and its effects: responses, history, dead-letter queue and logs."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from local.aws_clients import RoleSession
from local.events import archived_events
from local.output import FunctionLog
from local.state import clients_of, functions_of
from tests.support.aws.signature_v4 import Signer
from tests.support.iam.permissions import Roles
from tests.support.local.local_stack import LocalStack
from tests.support.local.mapped_function import eventually
from tests.support.local.users_over_http import UsersOverHttp

SECONDS = 45.0
"""Limit for any effect to appear, success or refusal, on a busy machine."""

LogReader = Callable[[], list[str]]
"""Returns all lines that were logged since the reader was created."""


class StreamPlace(NamedTuple):
    """Where a record is."""

    stream_arn: str
    shard_id: str
    sequence_number: str


class Bench:
    """The stack that the cases act on.

    Args:
        stack: The stack.
        directory: Its state directory.
    """

    def __init__(self, stack: LocalStack, directory: Path) -> None:
        outputs = stack.outputs
        self.stack = stack
        self.clients = clients_of(stack)
        self.users = UsersOverHttp(
            stack,
            Signer(access_key_id=stack.access_key_id, secret_access_key=stack.secret_access_key, region=outputs.region),
        )
        self.function_names = functions_of(outputs)
        self.roles = Roles(self.clients, self.function_names)
        self._poller_log = directory / "poller.log"
        self._envelopes: dict[str, dict[str, Any]] = {}

    def role_client(self, function: str, service: str) -> Any:
        """Return a client that acts with a function's role."""
        return RoleSession(
            self.clients.sts, self.roles.arn(function), self.stack.region, self.stack.endpoint_url
        ).client(service)

    def log_of(self, function: str) -> LogReader:
        """Return a reader of what a function logs from now on."""
        log = FunctionLog(self.clients.logs, self.function_names[function], datetime.now(UTC) - timedelta(seconds=1))
        log.read()  # skips the lines of the previous case
        lines: list[str] = []

        def read() -> list[str]:
            lines.extend(event.message for event in log.read())
            return lines

        return read

    def poller_log(self) -> LogReader:
        """Return a reader of what the poller logs from now on."""
        begin = self._poller_log.stat().st_size

        def read() -> list[str]:
            with self._poller_log.open("rb") as log:
                log.seek(begin)
                return log.read().decode().splitlines()

        return read

    def activity(self, user_id: str) -> list[dict[str, Any]]:
        """Read a user's history from the table itself."""
        return self.clients.dynamodb.query(
            TableName=self.stack.outputs.activity_table_name,
            KeyConditionExpression="userId = :user",
            ExpressionAttributeValues={":user": {"S": user_id}},
            ConsistentRead=True,
        )["Items"]

    def is_published(self, user_id: str) -> bool:
        """Return whether an event about a user is on the bus."""
        return any(event["detail"]["userId"] == user_id for event in archived_events(self.stack, self.clients))

    def mapping(self, function: str, source: str) -> Any:
        """Return the event source mapping that invokes a function.

        Args:
            function: Its name in the program.
            source: The end of the source's ARN, or for a stream a part of it.
        """
        found = self.clients.lambda_.list_event_source_mappings(FunctionName=self.function_names[function])
        (mapping,) = [each for each in found["EventSourceMappings"] if source in each.get("EventSourceArn", "")]
        return mapping

    def restart_delivery(self, mapping: Any) -> None:
        """Change a mapping, so that it starts again from its checkpoint, on AWS and here."""
        uuid, size = mapping["UUID"], mapping["BatchSize"]
        log = self.poller_log()
        self.clients.lambda_.update_event_source_mapping(UUID=uuid, BatchSize=size + 1 if size % 2 else size - 1)
        eventually(log, lambda lines: any("DELIVERY BEGUN" in line and uuid in line for line in lines))

    def queue_url(self, name: str) -> str:
        return self.clients.sqs.get_queue_url(QueueName=name)["QueueUrl"]

    def messages_in(self, queue_url: str) -> int:
        """Return how many messages a queue has, those in flight included."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.clients.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
        return sum(int(count) for count in answer.get("Attributes", {}).values())

    def first_record(self, function: str, user_id: str) -> StreamPlace:
        """Return a user's first record in the stream that a function's mapping reads."""
        stream_arn = self.mapping(function, "/stream/")["EventSourceArn"]
        streams = self.role_client(function, "dynamodbstreams")
        for shard in streams.describe_stream(StreamArn=stream_arn)["StreamDescription"]["Shards"]:
            place = {"StreamArn": stream_arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            iterator = streams.get_shard_iterator(**place)["ShardIterator"]
            while iterator:
                page = streams.get_records(ShardIterator=iterator)
                for record in page["Records"]:
                    if record["dynamodb"]["Keys"]["userId"]["S"] == user_id:
                        return StreamPlace(stream_arn, shard["ShardId"], record["dynamodb"]["SequenceNumber"])
                iterator = page.get("NextShardIterator") if page["Records"] else None
        raise AssertionError(f"{stream_arn} has no record of user {user_id}")

    def dead_letter(self, user_id: str) -> dict[str, Any] | None:
        """Receive and delete all dead letters, and return the user's envelope."""
        url = self.stack.outputs.dead_letter_queue_url
        for message in self.clients.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            envelope = json.loads(message.get("Body", ""))
            self._envelopes[envelope["userId"]] = envelope
            self.clients.sqs.delete_message(QueueUrl=url, ReceiptHandle=message.get("ReceiptHandle", ""))
        return self._envelopes.get(user_id)

    def is_in_bucket(self, user_id: str) -> bool:
        """Return whether the bucket has a dead letter of the user."""
        envelope = self.dead_letter(user_id)
        return envelope is not None and str(envelope["recordLocation"]).startswith("s3://")
