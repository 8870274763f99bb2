"""Messages of a consumer's queue, as Lambda delivers them, and the Activity items they name."""

import json

from functions.activity.items import activity_item, change_id
from functions.consumers.message import ChangeMessage, origin_of
from functions.runtime.json_log import JsonObject
from functions.stream_records.attribute_values import Image, base64_text, convert_binary
from functions.stream_records.user_change import UserChange, parse_user_change

ACCOUNT = "eu-west-1:000000000000"
CONSUMER_ARN = f"arn:aws:lambda:{ACCOUNT}:function:WelcomeNewUsersFunction-test"
QUEUE_ARN = f"arn:aws:sqs:{ACCOUNT}:WelcomeNewUsersQueue-test.fifo"
FAILURE_QUEUE_ARN = f"arn:aws:sqs:{ACCOUNT}:WelcomeNewUsersFailureQueue-test.fifo"
ACTIVITY_STREAM_ARN = "arn:aws:dynamodb:eu-west-1:000000000000:table/Activity-test/stream/2026-11-24T00:00:00.000"
FIRST_RECEIVED_MS = 1_795_478_400_000


def item_of(record: JsonObject) -> Image:
    """Return the Activity item of a Users stream's record."""
    return activity_item(parse_user_change(record), retention_days=30)


def message_of(record: JsonObject) -> ChangeMessage:
    """Return the topic's message of a Users stream's record."""
    change: UserChange = parse_user_change(record)
    number = change_id(change.sequence_number)
    return ChangeMessage(change.user_id, number, change.event_id, change.kind, origin_of(number), change.occurred_at)


def queue_record(record: JsonObject, receives: int = 1, *, body: str | None = None) -> JsonObject:
    """Return the SQS record of a change, whose message id tells its change."""
    message = message_of(record)
    return {
        "messageId": f"message-{int(message.change_id)}",
        "receiptHandle": f"receipt-{int(message.change_id)}-{receives}",
        "body": message.to_json() if body is None else body,
        "attributes": {
            "ApproximateReceiveCount": str(receives),
            "ApproximateFirstReceiveTimestamp": str(FIRST_RECEIVED_MS),
            "SentTimestamp": str(FIRST_RECEIVED_MS),
            "SenderId": "AIDAEXAMPLE",
            "SequenceNumber": "18850000000000000000",
            "MessageGroupId": message.user_id,
            "MessageDeduplicationId": "d" * 64,
        },
        "messageAttributes": {},
        "md5OfBody": "0" * 32,
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE_ARN,
        "awsRegion": "eu-west-1",
    }


def redriven(record: JsonObject) -> JsonObject:
    """Return a queue's record as the failure queue delivers it, one receive later."""
    attributes = record["attributes"]
    receives = int(attributes["ApproximateReceiveCount"]) + 1
    moved = {"ApproximateReceiveCount": str(receives), "DeadLetterQueueSourceArn": QUEUE_ARN}
    return {**record, "attributes": {**attributes, **moved}, "eventSourceARN": FAILURE_QUEUE_ARN}


def body_of(record: JsonObject) -> JsonObject:
    """Return a queue's record's message."""
    return json.loads(record["body"])


def activity_record(record: JsonObject, event_name: str = "INSERT") -> JsonObject:
    """Return the record of Activity's stream for the item of a Users stream's record."""
    item = {name: convert_binary(value, base64_text) for name, value in item_of(record).items()}
    keys = {name: item[name] for name in ("userId", "changeId")}
    return {
        "eventID": f"activity-{record['eventID']}",
        "eventName": event_name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": {
            "ApproximateCreationDateTime": record["dynamodb"]["ApproximateCreationDateTime"],
            "Keys": keys,
            "NewImage": item,
            "SequenceNumber": str(int(record["dynamodb"]["SequenceNumber"]) + 10**6),
            "SizeBytes": 200,
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": ACTIVITY_STREAM_ARN,
    }
