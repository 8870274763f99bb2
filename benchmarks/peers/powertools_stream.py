"""Powertools' BatchProcessor with DynamoDB records, which does what log_user_changes does."""

import os
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord, DynamoDBRecordEventName
from aws_lambda_powertools.utilities.typing import LambdaContext

SEQUENCE_NUMBER_DIGITS = 40
SECONDS_PER_DAY = 86_400
KINDS = {"INSERT": "ADDED", "MODIFY": "UPDATED", "REMOVE": "DELETED"}

logger = Logger(service="users")
processor = BatchProcessor(event_type=EventType.DynamoDBStreams)
client = boto3.client("dynamodb")
write_activity = os.environ.get("WRITE_ACTIVITY") == "true"


def record_handler(record: DynamoDBRecord) -> None:
    """Log the change with the mission's messages, and write its Activity item if that is on."""
    change = record.dynamodb
    if change is None:
        raise ValueError("the stream record has no member dynamodb")
    old, new = change.old_image, change.new_image
    if record.event_name == DynamoDBRecordEventName.INSERT:
        logger.info("USER ADDED:", new=new)
    elif record.event_name == DynamoDBRecordEventName.MODIFY:
        changed = {field for field in old.keys() | new.keys() if old.get(field) != new.get(field)}
        logger.info("USER UPDATED - OLD:", old=old)
        logger.info("USER UPDATED - NEW:", new=new, changed=sorted(changed))
    elif record.event_name == DynamoDBRecordEventName.REMOVE:
        logger.info("USER DELETED:", old=old)
    else:
        logger.info("UNKNOWN EVENT:")
    if write_activity:
        client.put_item(TableName=os.environ["ACTIVITY_TABLE"], Item=activity_item(record.raw_event))


def activity_item(record: dict[str, Any]) -> dict[str, Any]:
    """Return the item that log_user_changes writes."""
    change = record["dynamodb"]
    old, new = change.get("OldImage", {}), change.get("NewImage", {})
    fields = [name for name in {**new, **old} if old.get(name) != new.get(name)]
    changes = {
        name: {"M": {side: image[name] for side, image in (("old", old), ("new", new)) if name in image}}
        for name in fields
    }
    occurred = change["ApproximateCreationDateTime"]
    return {
        "userId": change["Keys"]["userId"],
        "changeId": {"S": change["SequenceNumber"].zfill(SEQUENCE_NUMBER_DIGITS)},
        "eventId": {"S": record["eventID"]},
        "eventName": {"S": record["eventName"]},
        "kind": {"S": KINDS[record["eventName"]]},
        "actor": {"S": "ttl" if record.get("userIdentity") else "caller"},
        "occurredAt": {"S": datetime.fromtimestamp(occurred, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")},
        "changes": {"M": changes},
        "version": (new or old)["version"],
        "expiresAt": {"N": str(occurred + int(os.environ["ACTIVITY_RETENTION_DAYS"]) * SECONDS_PER_DAY)},
    }


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process the batch and report partial failures."""
    return dict(
        process_partial_response(event=event, record_handler=record_handler, processor=processor, context=context)
    )
