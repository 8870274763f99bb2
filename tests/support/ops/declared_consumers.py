"""A consumer that tests declare besides those of infra/consumers/, and its failed records."""

import dataclasses
import json
from collections.abc import Generator
from contextlib import contextmanager
from unittest.mock import patch

from functions.activity.items import change_id
from functions.dead_letters.envelope import FailedRecord, Kind, identify_record
from functions.runtime.json_log import Json, JsonObject
from infra import consumers
from infra.consumers import fan_out_user_changes
from infra.consumers.declaration import Consumer
from tests.support.records.record_strategies import stream_record

WELCOME = Consumer(
    folder="welcome_new_users", description="Welcomes every new user", kinds=("ADDED",), maximum_receives=5
)
FAN_OUT = fan_out_user_changes.CONSUMER
REGION_AND_ACCOUNT = "eu-west-1:000000000000"
FAILED_AT = "2026-11-24T11:00:00.000Z"


@contextmanager
def declared(*more: Consumer) -> Generator[None]:
    """Declare consumers, at the end of the list and instead of those of the same folders.

    The project may have got a consumer of such a folder: docs/extending.md's example is one.
    """
    folders = {consumer.folder for consumer in more}
    others = (consumer for consumer in consumers.CONSUMERS if consumer.folder not in folders)
    with patch.object(consumers, "CONSUMERS", (*others, *more)):
        yield


def function_arn(consumer: Consumer) -> str:
    return f"arn:aws:lambda:{REGION_AND_ACCOUNT}:function:{consumer.function_name('test')}"


def queue_record(position: int, user_id: str = "eve", *, consumer: Consumer = WELCOME) -> JsonObject:
    """Return the record of a change in a consumer's queue, as Lambda delivers it."""
    place = stream_record("INSERT", position, user_id, None, {})["dynamodb"]["SequenceNumber"]
    message: Json = {
        "messageVersion": 1,
        "userId": user_id,
        "changeId": change_id(place),
        "eventId": f"{position:032x}",
        "kind": "ADDED",
        "origin": "change",
        "occurredAt": "2026-11-24T10:59:00.000Z",
    }
    return {
        "messageId": f"message-{position}",
        "receiptHandle": "receipt",
        "body": json.dumps(message),
        "attributes": {"ApproximateReceiveCount": "5", "MessageGroupId": user_id},
        "messageAttributes": {},
        "md5OfBody": "0" * 32,
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION_AND_ACCOUNT}:{consumer.queue_name('test')}",
        "awsRegion": "eu-west-1",
    }


def received_again(record: JsonObject) -> JsonObject:
    """Return the record as another delivery has it."""
    return {**record, "receiptHandle": "another", "attributes": {"ApproximateReceiveCount": "6"}}


def activity_record(position: int, user_id: str = "eve") -> JsonObject:
    """Return the record of Activity's stream about a change of a user's name."""
    key = {"userId": {"S": user_id}, "changeId": {"S": str(position).zfill(40)}}
    item = key | {
        "eventId": {"S": f"{position:032x}"},
        "eventName": {"S": "MODIFY"},
        "kind": {"S": "UPDATED"},
        "occurredAt": {"S": "2026-11-24T10:59:00.000Z"},
        "changes": {"M": {"name": {"M": {"old": {"S": "Eve"}, "new": {"S": "Eve Adams"}}}}},
    }
    record = stream_record("INSERT", position, user_id, None, item)
    body = {**record["dynamodb"], "Keys": key, "NewImage": item, "StreamViewType": "NEW_IMAGE"}
    return {**record, "dynamodb": body, "eventSourceARN": record["eventSourceARN"].replace("Users", "Activity")}


def failed_record(
    record: Json,
    consumer: Consumer,
    kind: Kind = "exhausted",
    reason: str = "RuntimeError",
) -> FailedRecord:
    """Return the envelope that a consumer's runtime sends."""
    named: JsonObject = json.loads(record["body"]) if consumer.has_queue else {}
    event_id = named.get("eventId") or record["eventID"]
    return FailedRecord(
        failure_id=f"{consumer.logical_name}.{event_id}",
        kind=kind,
        reason=reason,
        record=record,
        attempts=5,
        source_function=function_arn(consumer),
        event_source_arn=record["eventSourceARN"],
        sequence_number=named.get("changeId") or record["dynamodb"]["SequenceNumber"],
        user_id=named.get("userId") or record["dynamodb"]["Keys"]["userId"]["S"],
        first_failed_at=FAILED_AT,
        last_failed_at=FAILED_AT,
    )


def by_another_function(failed: FailedRecord, name: str) -> FailedRecord:
    """Return the envelope as if a function had sent it that no consumer declares."""
    arn = f"arn:aws:lambda:{REGION_AND_ACCOUNT}:function:{name}"
    return dataclasses.replace(failed, source_function=arn, **identify_record(failed.record, arn)._asdict())
