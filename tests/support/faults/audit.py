"""Where each change of a stack ended: its stream against Activity and the dead-letter queue."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from functions.activity.closing_item import is_deletion_note
from functions.activity.items import SECONDS_PER_DAY, activity_item
from functions.runtime.json_log import JsonObject
from functions.stream_records.streams_api import lambda_record
from functions.stream_records.user_change import UnprocessableRecordError, parse_user_change
from local.aws_clients import ONE_ATTEMPT
from local.state import clients_of
from tests.support.local.local_stack import LocalStack

if TYPE_CHECKING:
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient

    from local.aws_clients import Clients


@dataclass(frozen=True)
class WrittenChange:
    """One record of the stream.

    Attributes:
        record: As Lambda delivers it.
        item: The item that Activity must have; None if the record can't be processed.
    """

    record: JsonObject
    item: JsonObject | None


@dataclass
class AuditResult:
    """The eventIDs of changes, which are their failure ids, by how they ended.

    Attributes:
        kept: In Activity alone, with every attribute.
        dead_lettered: In the dead-letter queue alone, whole.
        in_both: Processed, but the mapping got no answer and gave the change up. A replay writes
            the same item.
        lost: In neither.
        altered: In one of them, with other content than was written.
        never_written: In one of them, but not in the stream.
        doubled: Twice in Activity, or in Activity although log_user_changes refused it as
            unprocessable.
    """

    kept: set[str] = field(default_factory=set[str])
    dead_lettered: set[str] = field(default_factory=set[str])
    in_both: set[str] = field(default_factory=set[str])
    lost: set[str] = field(default_factory=set[str])
    altered: set[str] = field(default_factory=set[str])
    never_written: set[str] = field(default_factory=set[str])
    doubled: set[str] = field(default_factory=set[str])

    @property
    def is_sound(self) -> bool:
        """Whether no change was lost, altered, invented or doubled."""
        return not (self.lost or self.altered or self.never_written or self.doubled)

    def __str__(self) -> str:
        return ", ".join(f"{len(ids):,} {name.replace('_', ' ')}" for name, ids in vars(self).items())


class Audit:
    """Read the changes of one stack directly from the emulator, without the faults."""

    def __init__(self, stack: LocalStack) -> None:
        self._clients: Clients = clients_of(stack)
        self._stack = stack
        self.envelopes: dict[str, list[JsonObject]] = {}
        function = self._clients.lambda_.get_function_configuration(
            FunctionName=stack.outputs.log_user_changes_function_name
        )
        variables = function.get("Environment", {}).get("Variables", {})
        self.retention_days = int(variables["ACTIVITY_RETENTION_DAYS"])
        self._deleted_user_days = int(variables["DELETED_USER_HISTORY_DAYS"])

    def written(self) -> dict[str, WrittenChange]:
        """Return the records of the whole stream by eventID."""
        streams: DynamoDBStreamsClient = self._clients.create("dynamodbstreams", ONE_ATTEMPT)
        arn = self._stack.outputs.users_stream_arn
        records: dict[str, WrittenChange] = {}
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"].get("Shards", []):
            iterator = streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard.get("ShardId", ""), ShardIteratorType="TRIM_HORIZON"
            ).get("ShardIterator")
            while iterator:
                page = streams.get_records(ShardIterator=iterator)
                for each in page["Records"]:
                    record = lambda_record(each, arn)
                    records[record["eventID"]] = WrittenChange(record, self._activity_item(record))
                iterator = page.get("NextShardIterator") if page["Records"] else None
        return records

    def activity(self) -> dict[str, list[JsonObject]]:
        """Return the changes in Activity by eventID; the note of a deletion is none."""
        items: dict[str, list[JsonObject]] = {}
        pages = self._clients.dynamodb.get_paginator("scan").paginate(
            TableName=self._stack.outputs.activity_table_name, ConsistentRead=True
        )
        for page in pages:
            for item in page["Items"]:
                plain: JsonObject = dict(item)
                if is_deletion_note(plain):
                    continue
                items.setdefault(plain["eventId"]["S"], []).append(plain)
        return items

    def take_dead_letters(self) -> None:
        """Move the messages of the dead-letter queue into `envelopes`."""
        url, sqs = self._stack.outputs.dead_letter_queue_url, self._clients.sqs
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                envelope = json.loads(message.get("Body", ""))
                self.envelopes.setdefault(envelope["failureId"], []).append(envelope)
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message.get("ReceiptHandle", ""))

    def result(self) -> AuditResult:
        """Sort every change by how it ended."""
        self.take_dead_letters()
        written, activity = self.written(), self.activity()
        result = AuditResult(never_written=(activity.keys() | self.envelopes.keys()) - written.keys())
        for event_id, change in written.items():
            items, envelopes = activity.get(event_id, []), self.envelopes.get(event_id, [])
            if any(not self._is_item_of(item, change) for item in items) or any(
                envelope["record"] != change.record for envelope in envelopes
            ):
                result.altered.add(event_id)
            elif len(items) > 1 or (items and any(envelope["kind"] == "permanent" for envelope in envelopes)):
                result.doubled.add(event_id)
            elif items and envelopes:
                result.in_both.add(event_id)
            elif items:
                result.kept.add(event_id)
            elif envelopes:
                result.dead_lettered.add(event_id)
            else:
                result.lost.add(event_id)
        return result

    def _is_item_of(self, item: JsonObject, change: WrittenChange) -> bool:
        """Say whether an item is the change's; after a deletion it may expire sooner."""
        own = change.item
        if own is None or item == own:
            return item == own
        limited, latest = int(item["expiresAt"]["N"]), int(own["expiresAt"]["N"])
        changed_at = latest - self.retention_days * SECONDS_PER_DAY
        soonest = changed_at + self._deleted_user_days * SECONDS_PER_DAY
        return {**item, "expiresAt": own["expiresAt"]} == own and soonest <= limited < latest

    def _activity_item(self, record: JsonObject) -> Any:
        try:
            return activity_item(parse_user_change(record), self.retention_days)
        except UnprocessableRecordError:
            return None
