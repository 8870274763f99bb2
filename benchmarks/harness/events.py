"""The input of every contestant: the same request, the same stream records."""

import json
from typing import Any

REGISTER_EVENT: dict[str, Any] = {
    "version": "2.0",
    "routeKey": "POST /register",
    "rawPath": "/register",
    "rawQueryString": "",
    "headers": {"content-type": "application/json", "host": "api.example.com", "user-agent": "benchmark"},
    "requestContext": {
        "accountId": "000000000000",
        "apiId": "benchmark",
        "domainName": "api.example.com",
        "domainPrefix": "api",
        "http": {
            "method": "POST",
            "path": "/register",
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": "benchmark",
        },
        "requestId": "benchmark",
        "routeKey": "POST /register",
        "stage": "$default",
        "time": "24/Nov/2026:00:00:00 +0000",
        "timeEpoch": 1795478400000,
    },
    "body": json.dumps({"name": "Eve", "email": "eve@example.com", "username": "eve.toto"}),
    "isBase64Encoded": False,
}

CHANGES = ("INSERT", "MODIFY", "REMOVE")


def stream_event(records: int) -> dict[str, Any]:
    """A batch of that many valid records, inserts, updates and deletes in turn, as Lambda delivers them."""
    return {"Records": [_record(number) for number in range(records)]}


def batches(records: int) -> list[dict[str, Any]]:
    """Batches of that many records in which inserts, updates and deletes are about as many: of one, one of each."""
    if records > 1:
        return [stream_event(records)]
    return [{"Records": [record]} for record in stream_event(len(CHANGES))["Records"]]


def _record(number: int) -> dict[str, Any]:
    name = CHANGES[number % len(CHANGES)]
    user_id = f"00000000-0000-4000-8000-{number:012d}"
    change: dict[str, Any] = {
        "ApproximateCreationDateTime": 1795478400,
        "Keys": {"userId": {"S": user_id}},
        "SequenceNumber": str(100_000_000_000_000_000_000 + number),
        "SizeBytes": 420,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    if name != "INSERT":
        change["OldImage"] = _image(user_id, "toto", version=1)
    if name != "REMOVE":
        change["NewImage"] = _image(user_id, "kichwa", version=1 if name == "INSERT" else 2)
    return {
        "eventID": f"{number:032x}",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": change,
        "eventSourceARN": "arn:aws:dynamodb:eu-west-1:000000000000:table/Users-dev/stream/2026-11-24T00:00:00.000",
    }


def _image(user_id: str, username: str, *, version: int) -> dict[str, Any]:
    return {
        "userId": {"S": user_id},
        "name": {"S": "Eve Toto"},
        "email": {"S": f"{username}@example.com"},
        "username": {"S": username},
        "version": {"N": str(version)},
        "schemaVersion": {"N": "1"},
        "createdAt": {"S": "2026-11-24T00:00:00.000Z"},
        "updatedAt": {"S": "2026-11-24T00:00:00.000Z"},
    }
