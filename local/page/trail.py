"""What became of each change of one user, put together from what the stack's own services hold. Pure.

A change is stored in Users, streamed as a record, logged as a line, and ends in Activity or in the dead-letter queue.
Its stream record's `eventID` is the thread through all of them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from botocore.session import Session
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from functions.runtime.json_log import JsonObject, is_object
from functions.stream_records.attribute_values import diff_images
from functions.stream_records.user_change import KIND_OF_EVENT

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient
    from types_boto3_logs import CloudWatchLogsClient

    from local.state import LocalStack


SHOWN_FIELDS = ("name", "email", "username", "version", "schemaVersion")
"""The attributes whose change is worth a line on the page; dates and digests change with every write."""

Item = Mapping[str, Mapping[str, Any]]
"""An item as the DynamoDB API gives it: attribute name to a typed value, `{"name": {"S": "Eve"}}`."""


class _Shown(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class LogLine(_Shown):
    """One line of LogUserChangesFunction about this user."""

    event_id: str
    message: str


class FailedChange(_Shown):
    """One envelope of the dead-letter queue about this user."""

    event_id: str
    reason: str


class FieldChange(_Shown):
    """One attribute before and after, as text; None where it wasn't there."""

    field: str
    old: str | None
    new: str | None


class TrailedChange(_Shown):
    """One change and how far it has come; a step that hasn't happened is None or False."""

    event_id: str
    kind: str
    """ADDED, UPDATED or DELETED."""
    streamed_at: str
    fields: list[FieldChange]
    logged: str | None
    in_activity: bool
    set_aside: str | None
    """Why it is in the dead-letter queue."""


class UserTrail(_Shown):
    """What the page shows of one user: the item as it is stored now, and every change, oldest first."""

    user_id: str
    stored: dict[str, str] | None
    changes: list[TrailedChange]
    stored_ahead: bool
    """True while Users holds a version whose stream record hasn't been read yet."""


class Findings(NamedTuple):
    """What the stack's services hold about one user at one moment."""

    item: Item | None
    """The user in Users."""
    records: Sequence[Mapping[str, Any]]
    """The user's stream records in stream order, as GetRecords gives them."""
    log_lines: Sequence[LogLine]
    activity_event_ids: frozenset[str]
    """`eventId` of the user's Activity items."""
    failed: Sequence[FailedChange]
    """The user's envelopes in the dead-letter queue."""


def assemble_trail(user_id: str, findings: Findings) -> UserTrail:
    """Put one user's trail together: each change joined to its log line, Activity item and envelope by event id.

    Args:
        user_id: whose trail.
        findings: what there is to know of that user.
    """
    item, records, log_lines, activity_event_ids, failed = findings
    logged = {line.event_id: line.message for line in log_lines}
    set_aside = {change.event_id: change.reason for change in failed}
    changes = [
        TrailedChange(
            event_id=record["eventID"],
            kind=KIND_OF_EVENT[record["eventName"]],
            streamed_at=record["dynamodb"]["ApproximateCreationDateTime"].isoformat(),
            fields=_field_changes(record["dynamodb"]),
            logged=logged.get(record["eventID"]),
            in_activity=record["eventID"] in activity_event_ids,
            set_aside=set_aside.get(record["eventID"]),
        )
        for record in records
    ]
    # Any of them: the item was read before the stream, which may know a later change by now.
    streamed_images = [record["dynamodb"].get("NewImage") for record in records]
    return UserTrail(
        user_id=user_id,
        stored=None if item is None else _texts(item),
        changes=changes,
        stored_ahead=item is not None and item not in streamed_images,
    )


def _field_changes(record: Mapping[str, Any]) -> list[FieldChange]:
    changes = diff_images(record.get("OldImage"), record.get("NewImage"))
    return [
        FieldChange(field=field, old=_text(changes[field].old), new=_text(changes[field].new))
        for field in SHOWN_FIELDS
        if field in changes
    ]


def _texts(item: Item) -> dict[str, str]:
    return {field: text for field in SHOWN_FIELDS if (text := _text(item.get(field))) is not None}


def _text(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else str(next(iter(value.values())))


# Read one user's trail from the running local stack: its tables, its stream, its log and its dead-
# letter queue.


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
