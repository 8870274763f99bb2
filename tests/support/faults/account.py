"""Where every change of a stack ended: what the stream says was written, against Activity and the dead-letter queue."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from functions.activity.items import activity_item
from functions.runtime.json_log import JsonObject
from functions.stream_records.streams_api import lambda_record
from functions.stream_records.user_change import UnprocessableRecordError, parse_user_change
from local.state import clients_of
from local.stream_poller.service import Account as Services
from local.stream_poller.stream_reader import CALLS
from tests.support.local_stack import LocalStack

if TYPE_CHECKING:
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient

    from local.deploy.resources.clients import Clients

EffectKey = tuple[str, str]
"""User and change: the key of Activity."""


@dataclass(frozen=True)
class Written:
    """One record of the stream."""

    record: JsonObject
    """As Lambda delivers it."""
    item: JsonObject | None
    """What Activity must have of it; None for one that can't be processed."""


@dataclass
class Ending:
    """Changes by how they ended, as failure ids, which are the records' eventIDs."""

    kept: set[str] = field(default_factory=set[str])
    """In Activity alone, to the last attribute."""
    set_aside: set[str] = field(default_factory=set[str])
    """In the dead-letter queue alone, whole."""
    in_both: set[str] = field(default_factory=set[str])
    """Processed, but the mapping could not know it, and gave it up. A replay writes the same once more."""
    lost: set[str] = field(default_factory=set[str])
    """In neither."""
    altered: set[str] = field(default_factory=set[str])
    """In one of them, but not as it was written."""
    unheard_of: set[str] = field(default_factory=set[str])
    """In one of them, and never written."""
    doubled: set[str] = field(default_factory=set[str])
    """Twice in Activity, or there though it was recognised as unprocessable."""

    @property
    def is_sound(self) -> bool:
        """Whether every change ended as it may."""
        return not (self.lost or self.altered or self.unheard_of or self.doubled)

    def __str__(self) -> str:
        return ", ".join(f"{len(ids):,} {name.replace('_', ' ')}" for name, ids in vars(self).items())


class Books:
    """Reads all that there is to know about one stack's changes, past every fault."""

    def __init__(self, stack: LocalStack) -> None:
        self._clients: Clients = clients_of(stack)
        self._stack = stack
        self.envelopes: dict[str, list[JsonObject]] = {}
        function = self._clients.lambda_.get_function_configuration(
            FunctionName=stack.outputs.log_user_changes_function_name
        )
        variables = function.get("Environment", {}).get("Variables", {})
        self.retention_days = int(variables["ACTIVITY_RETENTION_DAYS"])

    def written(self) -> dict[str, Written]:
        """Read the whole stream, by eventID."""
        services = Services(
            endpoint_url=self._stack.endpoint_url,
            region=self._stack.region,
            access_key_id=self._stack.access_key_id,
            secret_access_key=self._stack.secret_access_key,
        )
        streams: DynamoDBStreamsClient = services.client("dynamodbstreams", CALLS)
        arn = self._stack.outputs.users_stream_arn
        records: dict[str, Written] = {}
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"].get("Shards", []):
            iterator = streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard.get("ShardId", ""), ShardIteratorType="TRIM_HORIZON"
            ).get("ShardIterator")
            while iterator:
                page = streams.get_records(ShardIterator=iterator)
                for each in page["Records"]:
                    record = lambda_record(each, arn)
                    records[record["eventID"]] = Written(record, self._item(record))
                iterator = page.get("NextShardIterator") if page["Records"] else None
        return records

    def activity(self) -> dict[str, list[JsonObject]]:
        """Read the whole history, by eventID."""
        items: dict[str, list[JsonObject]] = {}
        pages = self._clients.dynamodb.get_paginator("scan").paginate(
            TableName=self._stack.outputs.activity_table_name, ConsistentRead=True
        )
        for page in pages:
            for item in page["Items"]:
                plain: JsonObject = dict(item)
                items.setdefault(plain["eventId"]["S"], []).append(plain)
        return items

    def take_dead_letters(self) -> None:
        """Take what is in the dead-letter queue now."""
        url, sqs = self._stack.outputs.dead_letter_queue_url, self._clients.sqs
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                envelope = json.loads(message.get("Body", ""))
                self.envelopes.setdefault(envelope["failureId"], []).append(envelope)
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message.get("ReceiptHandle", ""))

    def ending(self) -> Ending:
        """Account for every change."""
        self.take_dead_letters()
        written, activity = self.written(), self.activity()
        ending = Ending(unheard_of=(activity.keys() | self.envelopes.keys()) - written.keys())
        for event_id, change in written.items():
            items, envelopes = activity.get(event_id, []), self.envelopes.get(event_id, [])
            if any(item != change.item for item in items) or any(
                envelope["record"] != change.record for envelope in envelopes
            ):
                ending.altered.add(event_id)
            elif len(items) > 1 or (items and any(envelope["kind"] == "permanent" for envelope in envelopes)):
                ending.doubled.add(event_id)
            elif items and envelopes:
                ending.in_both.add(event_id)
            elif items:
                ending.kept.add(event_id)
            elif envelopes:
                ending.set_aside.add(event_id)
            else:
                ending.lost.add(event_id)
        return ending

    def _item(self, record: JsonObject) -> Any:
        try:
            return activity_item(parse_user_change(record), self.retention_days)
        except UnprocessableRecordError:
            return None
