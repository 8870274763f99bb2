"""The input of the scenarios: a request, stream records, and what failed records leave."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from delivery.decisions import DiscardedBatch
from delivery.failure_documents import document_text, failure_document
from delivery.records import Invocation, StreamRecord
from delivery.settings import MappingSettings
from functions.activity.closing_item import deletion_note
from functions.activity.items import activity_item, change_id
from functions.consumers.message import ChangeMessage
from functions.dead_letters.envelope import FailedRecord, identify_record
from functions.runtime.arns import neighbour_arn
from functions.stream_records.user_change import parse_user_change
from functions.users.attributes import ATTRIBUTES

REGISTER_EVENT: dict[str, Any] = json.loads(Path(__file__).with_name("register_event.json").read_text())
"""A request in the form of an HTTP API's events (payload 2.0), with every required attribute."""
REGISTER_EVENT["body"] = json.dumps({each.name: each.example for each in ATTRIBUTES if each.required})

USERS_TABLE, ACTIVITY_TABLE = "Users-benchmark", "Activity-benchmark"
STREAM_ARN = f"arn:aws:dynamodb:eu-west-1:000000000000:table/{USERS_TABLE}/stream/2026-11-24T00:00:00.000"
FUNCTION_ARN = "arn:aws:lambda:eu-west-1:000000000000:function:LogUserChangesFunction-generated"
OPERATOR = "arn:aws:sts::000000000000:assumed-role/Operator/benchmark"
"""Who deletes users through the API."""
SHARD_ID = "shardId-00000001795478400000-0badcafe"
FIRST_SEQUENCE_NUMBER = 10**20
USERS = 1_000
CHANGES = ("INSERT", "MODIFY", "REMOVE")


def stream_event(records: int) -> dict[str, Any]:
    """Return a batch as Lambda delivers it: inserts, updates and deletes in turn."""
    return {"Records": [stream_record(number, CHANGES[number % len(CHANGES)]) for number in range(records)]}


def batches(records: int) -> list[dict[str, Any]]:
    """Return batches with every kind of change: one batch, or three of one record each."""
    if records > 1:
        return [stream_event(records)]
    return [{"Records": [record]} for record in stream_event(len(CHANGES))["Records"]]


def stream_record(number: int, event_name: str) -> dict[str, Any]:
    """Return a valid record about one of USERS users; its number orders it in the stream."""
    user_id = f"00000000-0000-4000-8000-{number % USERS:012d}"
    change: dict[str, Any] = {
        "ApproximateCreationDateTime": 1795478400,
        "Keys": {"userId": {"S": user_id}},
        "SequenceNumber": str(FIRST_SEQUENCE_NUMBER + number),
        "SizeBytes": 420,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    if event_name != "INSERT":
        change["OldImage"] = user_image(user_id, "toto", version=1)
    if event_name != "REMOVE":
        change["NewImage"] = user_image(user_id, "kichwa", version=1 if event_name == "INSERT" else 2)
    return {
        "eventID": f"{number:032x}",
        "eventName": event_name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": change,
        "eventSourceARN": STREAM_ARN,
    }


def activity_event(records: int) -> dict[str, Any]:
    """Return a batch of Activity's stream about the changes of `stream_event`."""
    return {"Records": [_activity_record(number) for number in range(records)]}


def _activity_record(number: int) -> dict[str, Any]:
    record, item = stream_record(number, "INSERT"), activity_item_of(change_id(str(FIRST_SEQUENCE_NUMBER + number)))
    body = {name: record["dynamodb"][name] for name in ("ApproximateCreationDateTime", "SequenceNumber", "SizeBytes")}
    key = {"userId": item["userId"], "changeId": item["changeId"]}
    body |= {"Keys": key, "NewImage": item, "StreamViewType": "NEW_IMAGE"}
    return record | {"dynamodb": body, "eventSourceARN": STREAM_ARN.replace(USERS_TABLE, ACTIVITY_TABLE)}


def activity_item_of(place: str) -> dict[str, Any]:
    """Return the Activity item of the change with this id."""
    number = int(place) - FIRST_SEQUENCE_NUMBER
    return activity_item(parse_user_change(stream_record(number, CHANGES[number % len(CHANGES)])), 30)


def closing_item_of(user_id: str) -> dict[str, Any] | None:
    """Return the note of a user's deletion, if `stream_event` deletes the user; else None."""
    if CHANGES[int(user_id[-12:]) % len(CHANGES)] != "REMOVE":
        return None
    return deletion_note(user_id, actor=OPERATOR, version=1, occurred_at="2026-11-24T00:00:00.000Z", expires_at=2**31)


def queue_event(messages: int) -> dict[str, Any]:
    """Return a batch of a consumer's queue about the changes of `stream_event`."""
    items = [activity_item_of(change_id(str(FIRST_SEQUENCE_NUMBER + number))) for number in range(messages)]
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": "receipt",
                "body": ChangeMessage(
                    *(item[name]["S"] for name in ("userId", "changeId", "eventId", "kind")),
                    origin="change",
                    occurred_at=item["occurredAt"]["S"],
                ).to_json(),
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "ApproximateFirstReceiveTimestamp": "1795478400000",
                    "MessageGroupId": item["userId"]["S"],
                },
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:PublishUserEventsQueue-dev.fifo",
            }
            for number, item in enumerate(items)
        ]
    }


def user_image(user_id: str, text: str, *, version: int = 1) -> dict[str, Any]:
    """Return an item of the Users table; `text` begins each of its values."""
    return {
        "userId": {"S": user_id},
        **{each.name: {"S": f"{text}-{each.example}"} for each in ATTRIBUTES if each.required},
        "version": {"N": str(version)},
        "schemaVersion": {"N": "1"},
        "createdAt": {"S": "2026-11-24T00:00:00.000Z"},
        "updatedAt": {"S": "2026-11-24T00:00:00.000Z"},
    }


def failed_record(record: dict[str, Any], environment: str = "generated") -> FailedRecord:
    """Return the envelope of a record on which an environment's mapping used up its retries."""
    return FailedRecord(
        **identify_record(record)._asdict(),
        kind="exhausted",
        reason="the function failed 4 times",
        condition="RetryAttemptsExhausted",
        record=record,
        attempts=4,
        source_function=neighbour_arn(
            record["eventSourceARN"], "lambda", f"function:LogUserChangesFunction-{environment}"
        ),
        shard_id=SHARD_ID,
        first_failed_at="2026-11-24T11:00:00.000Z",
        last_failed_at="2026-11-24T11:00:03.000Z",
    )


def pointer_document(records: Iterable[StreamRecord], mapping: MappingSettings, shard_id: str = SHARD_ID) -> str:
    """Return the failure queue's message about a batch on which the mapping used up its retries."""
    discarded = DiscardedBatch(
        records=tuple(records),
        condition="RetryAttemptsExhausted",
        invocations=4,
        last_invocation=Invocation(request_id="benchmark", function_error="Unhandled"),
        at=1795478400.0,
    )
    return document_text(failure_document(discarded, shard_id, mapping, "benchmark"))
