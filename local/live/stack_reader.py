"""Read one user's trail from the running local stack: its tables, its stream, its log and its dead-letter queue."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from botocore.session import Session

from functions.json_types import JsonObject, is_object
from local.live.user_trail import FailedChange, Findings, Item, LogLine, UserTrail, assemble_trail

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient
    from types_boto3_logs import CloudWatchLogsClient

    from local.state import LocalStack


class StackReader:
    """Follows one user; each `read` looks again, from where the stream was left."""

    def __init__(self, stack: "LocalStack", user_id: str) -> None:
        self._outputs = stack.outputs
        self._endpoint_url = stack.endpoint_url
        self._user_id = user_id
        self._dynamodb: DynamoDBClient = _client(stack, "dynamodb")
        self._streams: DynamoDBStreamsClient = _client(stack, "dynamodbstreams")
        self._logs: CloudWatchLogsClient = _client(stack, "logs")
        self._http = URLLib3Session(timeout=5)
        self._iterators: dict[str, str | None] = {}
        self._records: list[Mapping[str, Any]] = []

    def read(self) -> UserTrail:
        """Return the user's trail as it is now.

        Raises:
            botocore.exceptions.ClientError: A service refused; on this stack that is a defect.
            botocore.exceptions.BotoCoreError: The emulator is gone.
        """
        item = self._item()
        self._follow_stream()
        findings = Findings(
            item, self._records, list(self._log_lines()), self._activity_event_ids(), list(self._failed_changes())
        )
        return assemble_trail(self._user_id, findings)

    def _item(self) -> Item | None:
        answer = self._dynamodb.get_item(
            TableName=self._outputs.users_table_name, Key={"userId": {"S": self._user_id}}, ConsistentRead=True
        )
        return answer.get("Item")

    def _follow_stream(self) -> None:
        arn = self._outputs.users_stream_arn
        for shard in self._streams.describe_stream(StreamArn=arn)["StreamDescription"].get("Shards", []):
            shard_id = shard.get("ShardId", "")
            if shard_id not in self._iterators:
                self._iterators[shard_id] = self._streams.get_shard_iterator(
                    StreamArn=arn, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
                )["ShardIterator"]
            self._read_shard(shard_id)

    def _read_shard(self, shard_id: str) -> None:
        """Read a shard up to its end; an iterator of None is a closed shard, read to the end."""
        while iterator := self._iterators[shard_id]:
            answer = self._streams.get_records(ShardIterator=iterator)
            self._iterators[shard_id] = answer.get("NextShardIterator")
            self._records += [record for record in answer["Records"] if self._is_about_user(record)]
            if not answer["Records"]:
                return

    def _is_about_user(self, record: Mapping[str, Any]) -> bool:
        return record["dynamodb"]["Keys"]["userId"].get("S") == self._user_id

    def _log_lines(self) -> Iterator[LogLine]:
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{self._outputs.log_user_changes_function_name}",
            filterPattern=f'"{self._user_id}"',
        )
        for page in pages:
            for event in page["events"]:
                line = _object(event.get("message", ""))
                # A change that was set aside is logged under its failureId, which is its event's id.
                event_id = line.get("eventId") or line.get("failureId")
                if line.get("userId") == self._user_id and event_id:
                    yield LogLine(event_id=event_id, message=line["message"])

    def _activity_event_ids(self) -> frozenset[str]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._outputs.activity_table_name,
            KeyConditionExpression="userId = :userId",
            ExpressionAttributeValues={":userId": {"S": self._user_id}},
            ConsistentRead=True,
        )
        return frozenset(item["eventId"].get("S", "") for page in pages for item in page["Items"])

    def _failed_changes(self) -> Iterator[FailedChange]:
        """Look into the dead-letter queue without receiving from it, which only the emulator's own endpoint can do.

        SQS has no peek: a ReceiveMessage would hide the messages from `ops` and raise their receive counts.
        """
        query = urlencode({"QueueUrl": self._outputs.dead_letter_queue_url})
        request = AWSRequest(method="GET", url=f"{self._endpoint_url}/_ministack/sqs/messages?{query}")
        answer = self._http.send(request.prepare())
        accounts: dict[str, dict[str, dict[str, list[dict[str, str]]]]] = json.loads(answer.content)["messages"]
        for regions in accounts.values():
            for queues in regions.values():
                for messages in queues.values():
                    for message in messages:
                        envelope = _object(message["Body"])
                        if envelope.get("userId") == self._user_id:
                            yield FailedChange(event_id=envelope["failureId"], reason=envelope["reason"])


def _client(stack: "LocalStack", service: str) -> Any:
    return Session().create_client(
        service,
        region_name=stack.region,
        endpoint_url=stack.endpoint_url,
        aws_access_key_id=stack.access_key_id,
        aws_secret_access_key=stack.secret_access_key,
    )


def _object(text: str) -> JsonObject:
    """The JSON object in a text, or an empty one: a log has lines of the runtime in it as well."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if is_object(value) else {}
