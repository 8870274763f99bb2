"""Powertools for AWS Lambda: BatchProcessor with DynamoDBStreamEvent records, doing what log_user_changes does."""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord, DynamoDBRecordEventName
from aws_lambda_powertools.utilities.typing import LambdaContext

SEQUENCE_NUMBER_DIGITS = 40

logger = Logger(service="users")
processor = BatchProcessor(event_type=EventType.DynamoDBStreams)
client = boto3.client("dynamodb")
write_activity = os.environ.get("WRITE_ACTIVITY") == "true"


def record_handler(record: DynamoDBRecord) -> None:
    """Log the change in the mission's words and, if asked, write its Activity item."""
    change = record.dynamodb
    if change is None:
        raise ValueError("a stream record without its dynamodb part")
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
        client.put_item(
            TableName=os.environ["ACTIVITY_TABLE"],
            Item={
                "userId": {"S": change.keys["userId"]},
                "changeId": {"S": str(change.sequence_number).zfill(SEQUENCE_NUMBER_DIGITS)},
                "eventName": {"S": str(record.raw_event["eventName"])},
            },
        )


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process the batch, reporting partial failures."""
    return dict(
        process_partial_response(event=event, record_handler=record_handler, processor=processor, context=context)
    )
