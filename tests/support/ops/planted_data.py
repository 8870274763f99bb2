"""Data of several people in every place of a stack in memory, each thing with a mark of its own.

What a command finds of a person is compared by the marks in it: which they must be is known here,
whatever the command takes for a person's.
"""

import json
import re
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from functions.activity.items import activity_item
from functions.dead_letters.envelope import StreamPointer
from functions.runtime.json_log import Json, JsonObject
from functions.stream_records.user_change import parse_user_change
from infra.consumers.declaration import Consumer
from tests.support.ops.declared_consumers import FAN_OUT, WELCOME, queue_record
from tests.support.ops.ops_in_memory import ACTIVITY_STREAM_ARN, OUTPUTS, StackInMemory, activity_key, envelope
from tests.support.records.record_strategies import stream_record

if TYPE_CHECKING:
    from collections.abc import Callable

_MARK = re.compile(r"mark-\d+-end")
BUCKET = f"s3://{OUTPUTS.failed_records_bucket_name}/failed-records/"


def marks_in(value: Json) -> set[str]:
    """Return the marks of the things that a result shows."""
    return set(_MARK.findall(json.dumps(value)))


class PlantedData:
    """Plants things; `of` has the marks of those that are a person's."""

    def __init__(self, stack: StackInMemory) -> None:
        self._stack = stack
        self._numbers = count(1)
        self.of: dict[str, set[str]] = {}
        self.kinds: dict[str, Callable[[str], None]] = {
            "user": self.store_user,
            "key": self.store_key,
            "change": self.log_change,
            "pointer": self.point_to,
            "pointer in the redrive queue": lambda user_id: self.point_to(user_id, redriven=True),
            "pointer elsewhere with a record": self.point_elsewhere,
            "failed record": self.fail,
            "failed record of Activity's stream": self.fail_in_fan_out,
            "failed message": self.fail_in_queue,
            "unreadable record": self.fail_unreadable,
            "foreign message": self.send_foreign,
            "large failed record": self.fail_large,
            "large record whose message is gone": lambda user_id: self.fail_large(user_id, message=False),
            "change on its way": self.queue_change,
            "change on its way to the rescue": lambda user_id: self.queue_change(user_id, failed=True),
        }

    def _mark(self, user_id: str) -> str:
        mark = f"mark-{next(self._numbers)}-end"
        self.of.setdefault(user_id, set()).add(mark)
        return mark

    def record(self, user_id: str) -> JsonObject:
        """Return the record of a change of the user, with a mark."""
        image = {"userId": {"S": user_id}, "name": {"S": self._mark(user_id)}}
        return stream_record("INSERT", next(self._numbers), user_id, None, image)

    def store_user(self, user_id: str) -> None:
        replaced = self._stack.user_table.items.get(user_id)
        self.of.get(user_id, set()).difference_update(marks_in(replaced))
        self._stack.user_table.items[user_id] = {"userId": {"S": user_id}, "name": {"S": self._mark(user_id)}}

    def store_key(self, user_id: str) -> None:
        self._stack.keys[f"email#{self._mark(user_id)}"] = user_id

    def log_change(self, user_id: str) -> None:
        record = self.record(user_id)
        self._stack.table.items[activity_key(record)] = activity_item(parse_user_change(record), 30)

    def point_to(self, user_id: str, *, redriven: bool = False) -> None:
        """Give up a batch with a record of the user between two of others."""
        records = [self.record(other) for other in ("first", user_id, "last")]
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        pointer = StreamPointer(
            stream_arn=OUTPUTS.users_stream_arn,
            shard_id="shardId-00000001573689847184-864758bb",
            start_sequence_number=numbers[0],
            end_sequence_number=numbers[-1],
            batch_size=len(records),
        )
        self._stack.stream.shards.setdefault(pointer.shard_id, []).extend(records)
        queue = self._stack.redriven if redriven else self._stack.failures
        queue.put(failure_document(pointer))

    def point_elsewhere(self, user_id: str) -> None:
        """Put a message beside the pointers that names another stream, and carries a record."""
        pointer = StreamPointer(
            stream_arn="arn:aws:dynamodb:eu-west-1:999999999999:table/Users-test/stream/1",
            shard_id="shardId-1",
            start_sequence_number="1" * 21,
            end_sequence_number="1" * 21,
            batch_size=1,
        )
        self._stack.failures.put(failure_document(pointer, {"Records": [self.record(user_id)]}))

    def fail(self, user_id: str) -> None:
        self._stack.fail(self.record(user_id))

    def fail_in_fan_out(self, user_id: str) -> None:
        """Fail a record of Activity's stream: it holds the change's values, as the history does."""
        record = self.record(user_id)
        item = activity_item(parse_user_change(record), 30)
        body = {**record["dynamodb"], "Keys": {name: item[name] for name in ("userId", "changeId")}, "NewImage": item}
        self._stack.fail_in(FAN_OUT, {**record, "dynamodb": body, "eventSourceARN": ACTIVITY_STREAM_ARN})

    def fail_in_queue(self, user_id: str) -> None:
        self._stack.fail_in(WELCOME, self._queue_record(user_id, WELCOME))

    def fail_unreadable(self, user_id: str) -> None:
        """Fail a record that names its user in its image alone."""
        record = self.record(user_id)
        del record["dynamodb"]["Keys"]
        self._stack.fail(record, kind="permanent")

    def send_foreign(self, user_id: str) -> None:
        """Put a message into the queue that is no envelope."""
        self._stack.queue.put(json.dumps({"note": self._mark(user_id), "about": {"userId": user_id}}))

    def fail_large(self, user_id: str, *, message: bool = True) -> None:
        failed = envelope(self.record(user_id))
        failed = replace(failed, record_location=f"{BUCKET}{failed.failure_id}.json")
        self._stack.store.objects[str(failed.record_location)] = failed.to_json()
        if message:
            # The message names the object; it holds nothing of the record.
            self._stack.put(replace(failed, record=None, reason=self._mark(user_id)))

    def queue_change(self, user_id: str, *, failed: bool = False) -> None:
        (consumer,) = (each for each in self._stack.consumers() if each.declaration is WELCOME)
        url = consumer.failure_queue_url if failed else consumer.queue_url
        self._stack.queue_at(str(url)).put(self._queue_record(user_id, WELCOME)["body"])

    def _queue_record(self, user_id: str, consumer: Consumer) -> JsonObject:
        record = queue_record(next(self._numbers), user_id, consumer=consumer)
        message = {**json.loads(record["body"]), "eventId": self._mark(user_id)}
        return {**record, "body": json.dumps(message)}


def failure_document(pointer: StreamPointer, payload: Json = None) -> str:
    """Return the message of an event source mapping that gave up on a batch."""
    document: JsonObject = {
        "requestContext": {
            "functionArn": "arn:aws:lambda:eu-west-1:000000000000:function:LogUserChangesFunction-test",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 2,
        },
        "timestamp": "2026-11-24T00:13:49.717Z",
        "DDBStreamBatchInfo": {
            "shardId": pointer.shard_id,
            "startSequenceNumber": pointer.start_sequence_number,
            "endSequenceNumber": pointer.end_sequence_number,
            "batchSize": pointer.batch_size,
            "streamArn": pointer.stream_arn,
        },
        **({"payload": payload} if payload else {}),
    }
    return json.dumps(document)
