"""What became of each change of one user, as the stack's own services show it.

A change is stored in Users, streamed as a record, logged as a line, and ends in Activity or in the
dead-letter queue. The `eventID` of its stream record identifies it in all of them.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from functions.activity.closing_item import is_deletion_note, is_erasure
from functions.runtime.json_log import JsonObject, is_object
from functions.stream_records.attribute_values import diff_images
from functions.stream_records.user_change import KIND_OF_EVENT
from functions.users.attributes import ATTRIBUTES
from local.state import LocalStack, clients_of, root_keys_of

_HTTP_SECONDS = 5

SHOWN_FIELDS = (*(attribute.name for attribute in ATTRIBUTES), "version", "schemaVersion")
"""The attributes that the page shows; dates and digests change with every write."""

Item = Mapping[str, Mapping[str, Any]]
"""An item in the DynamoDB API's form: attribute name to a typed value, `{"name": {"S": "Eve"}}`."""


class _Json(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class TrailField(_Json):
    """One attribute before and after a change, as text; None if it wasn't there."""

    field: str
    old: str | None
    new: str | None


class TrailChange(_Json):
    """One change and how far it has come; a step that hasn't happened is None or False."""

    event_id: str
    kind: str  # ADDED, UPDATED or DELETED
    streamed_at: str
    fields: list[TrailField]
    logged: str | None  # the message of its log line
    in_activity: bool
    dead_letter_reason: str | None
    replayed: bool  # whether it failed first, and got into the history by a replay


class TrailErasure(_Json):
    """When a user was erased, and by whom: all that is left to show."""

    occurred_at: str
    actor: str


class UserTrail(_Json):
    """One user: the item as it is stored now, and every change, oldest first; none if erased."""

    user_id: str
    stored: dict[str, str] | None
    changes: list[TrailChange]
    erased: TrailErasure | None
    stored_ahead: bool  # whether Users holds a version whose stream record hasn't been read yet


class Findings(NamedTuple):
    """What the stack's services hold about one user at one moment."""

    item: Item | None  # in Users
    records: Sequence[Mapping[str, Any]]  # of the stream, in order, as GetRecords returns them
    log_messages: Mapping[str, str]  # event id to the message of LogUserChangesFunction
    activity_items: Sequence[Item]
    dead_letter_reasons: Mapping[str, str]  # event id to the reason in the dead-letter envelope
    dead_lettered: Collection[str] = ()  # event ids that were sent there, also if replayed since


def assemble_trail(user_id: str, findings: Findings, shown: Sequence[str] = SHOWN_FIELDS) -> UserTrail:
    """Join each stream record to its log line, Activity item and dead letter by event id."""
    erased = next((item for item in findings.activity_items if is_erasure(dict(item))), None)
    if erased is not None:
        erasure = TrailErasure(occurred_at=erased["occurredAt"]["S"], actor=erased["actor"]["S"])
        return UserTrail(user_id=user_id, stored=None, changes=[], erased=erasure, stored_ahead=False)
    in_activity = {item["eventId"]["S"] for item in findings.activity_items if not is_deletion_note(dict(item))}
    changes = [
        TrailChange(
            event_id=record["eventID"],
            kind=KIND_OF_EVENT[record["eventName"]],
            streamed_at=record["dynamodb"]["ApproximateCreationDateTime"].isoformat(),
            fields=_changed_fields(record["dynamodb"], shown),
            logged=findings.log_messages.get(record["eventID"]),
            in_activity=record["eventID"] in in_activity,
            dead_letter_reason=findings.dead_letter_reasons.get(record["eventID"]),
            replayed=record["eventID"] in in_activity and record["eventID"] in findings.dead_lettered,
        )
        for record in findings.records
    ]
    # Compared with every record, because the stream, read after the item, may hold a later change
    # by now.
    streamed_images = [record["dynamodb"].get("NewImage") for record in findings.records]
    item = findings.item
    return UserTrail(
        user_id=user_id,
        stored=None if item is None else _shown_texts(item, shown),
        changes=changes,
        erased=None,
        stored_ahead=item is not None and item not in streamed_images,
    )


def _changed_fields(record: Mapping[str, Any], shown: Sequence[str]) -> list[TrailField]:
    changes = diff_images(record.get("OldImage"), record.get("NewImage"))
    return [
        TrailField(field=field, old=_text(changes[field].old), new=_text(changes[field].new))
        for field in shown
        if field in changes
    ]


def _shown_texts(item: Item, shown: Sequence[str]) -> dict[str, str]:
    return {field: text for field in shown if (text := _text(item.get(field))) is not None}


def _text(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else str(next(iter(value.values())))


class TrailReader:
    """Reads one user's trail; each `read` continues the stream where the last one stopped."""

    def __init__(self, stack: LocalStack, user_id: str) -> None:
        self._stack = stack
        self._user_id = user_id
        self._clients = clients_of(stack)
        self._http = URLLib3Session(timeout=_HTTP_SECONDS)
        self._iterators: dict[str, str | None] = {}
        """Shard id to its next iterator; None for a closed shard that was read to its end."""
        self._records: list[Mapping[str, Any]] = []

    def read(self) -> UserTrail:
        """Return the user's trail as it is now."""
        item = self._clients.dynamodb.get_item(
            TableName=self._stack.outputs.users_table_name, Key={"userId": {"S": self._user_id}}, ConsistentRead=True
        ).get("Item")
        self._read_stream()
        lines = list(self._log_lines())
        findings = Findings(
            item,
            self._records,
            {event_id: message for event_id, message, _ in lines},
            self._activity_items(),
            dict(self._dead_letter_reasons()),
            {event_id for event_id, _, dead_lettered in lines if dead_lettered},
        )
        return assemble_trail(self._user_id, findings)

    def _read_stream(self) -> None:
        arn, streams = self._stack.outputs.users_stream_arn, self._clients.dynamodbstreams
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"].get("Shards", []):
            shard_id = shard.get("ShardId", "")
            if shard_id not in self._iterators:
                self._iterators[shard_id] = streams.get_shard_iterator(
                    StreamArn=arn, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
                )["ShardIterator"]
            while iterator := self._iterators[shard_id]:
                page = streams.get_records(ShardIterator=iterator)
                self._iterators[shard_id] = page.get("NextShardIterator")
                self._records += [record for record in page["Records"] if self._is_about_user(record)]
                if not page["Records"]:
                    break

    def _is_about_user(self, record: Mapping[str, Any]) -> bool:
        return record["dynamodb"]["Keys"]["userId"].get("S") == self._user_id

    def _log_lines(self) -> Iterator[tuple[str, str, bool]]:
        """Yield of each line about the user: event id, message, whether it was dead-lettered."""
        pages = self._clients.logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{self._stack.outputs.log_user_changes_function_name}",
            filterPattern=f'"{self._user_id}"',
        )
        for page in pages:
            for event in page["events"]:
                line = _object(event.get("message", ""))
                # A dead-lettered change is logged with its failureId, which is its event's id.
                event_id = line.get("eventId") or line.get("failureId")
                if line.get("userId") == self._user_id and event_id:
                    yield event_id, line["message"], "failureId" in line

    def _activity_items(self) -> list[Item]:
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._stack.outputs.activity_table_name,
            KeyConditionExpression="userId = :userId",
            ExpressionAttributeValues={":userId": {"S": self._user_id}},
            ConsistentRead=True,
        )
        return [cast("Item", item) for page in pages for item in page["Items"]]

    def _dead_letter_reasons(self) -> Iterator[tuple[str, str]]:
        """Read the dead-letter queue through the emulator's own endpoint.

        SQS has no peek: ReceiveMessage would hide the messages from `ops` and raise their receive
        counts.
        """
        query = urlencode({"QueueUrl": self._stack.outputs.dead_letter_queue_url})
        request = AWSRequest(method="GET", url=f"{self._stack.endpoint_url}/_ministack/sqs/messages?{query}")
        SigV4Auth(Credentials(*root_keys_of(self._stack)), "sqs", self._stack.region).add_auth(request)
        response = self._http.send(request.prepare())
        accounts: dict[str, dict[str, dict[str, list[dict[str, str]]]]] = json.loads(response.content)["messages"]
        for regions in accounts.values():
            for queues in regions.values():
                for messages in queues.values():
                    for message in messages:
                        envelope = _object(message["Body"])
                        if envelope.get("userId") == self._user_id:
                            yield envelope["failureId"], envelope["reason"]


def _object(text: str) -> JsonObject:
    """Parse a JSON object; return an empty one for anything else, such as a runtime line."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if is_object(value) else {}
