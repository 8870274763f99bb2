"""Welcomes each new user once, whatever the order of the events and however often they come.

One item of the table per user remembers the last event that counted. It changes together with the
welcome, in one conditional write, so neither happens without the other. A welcome that leaves the
table (an e-mail) would be sent from the table's stream, one per item.
"""

import json
import os
from datetime import UTC, datetime
from typing import Any

import boto3

dynamodb: Any = boto3.client("dynamodb")  # pyright: ignore[reportUnknownMemberType]

WELCOME = "SET changeId = :change, eventId = :event, welcomedAt = :now ADD welcomes :one"
FORGET = "SET changeId = :change, eventId = :event REMOVE welcomedAt"
NEWER = "attribute_not_exists(changeId) OR changeId < :change"
"""False for an event that came before (the same changeId), and for one that a later overtook."""


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Handle the messages of a batch; return those that failed, for SQS to deliver again."""
    failed: list[str] = []
    for record in event["Records"]:
        try:
            take(json.loads(record["body"]))
        except Exception as error:  # noqa: BLE001  the others of the batch go on
            log("FAILED", messageId=record["messageId"], reason=type(error).__name__)
            failed.append(record["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


def take(event: dict[str, Any]) -> None:
    """Welcome the user of a UserRegistered; remember of a UserDeleted that they are gone."""
    detail = event["detail"]
    registered = event["detail-type"] == "UserRegistered"
    values = {":change": {"S": detail["changeId"]}, ":event": {"S": detail["eventId"]}}
    if registered:
        values |= {":now": {"S": datetime.now(UTC).isoformat()}, ":one": {"N": "1"}}
    try:
        dynamodb.update_item(
            TableName=os.environ["WELCOMES_TABLE"],
            Key={"userId": {"S": detail["userId"]}},
            UpdateExpression=WELCOME if registered else FORGET,
            ConditionExpression=NEWER,
            ExpressionAttributeValues=values,
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        log("STALE", eventId=detail["eventId"])
    else:
        log("WELCOME" if registered else "GONE", userId=detail["userId"], eventId=detail["eventId"])


def log(message: str, **fields: str) -> None:
    """Write one line of JSON to the function's log."""
    print(json.dumps({"message": message, **fields}))
