"""A registration by hand, with the standard library and boto3 alone."""

import json
from typing import Any

import boto3

from benchmarks.peers.registration import is_valid, transaction

client = boto3.client("dynamodb")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Validate, store, and answer 201; otherwise 422."""
    body = json.loads(event["body"])
    name, email, username = body.get("name"), body.get("email"), body.get("username")
    if not is_valid(name, email, username):
        return {"statusCode": 422, "body": json.dumps({"message": "Invalid user"})}
    user_id, arguments = transaction(name, email, username)
    client.transact_write_items(**arguments)
    return {
        "statusCode": 201,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"message": "User registered successfully", "userId": user_id}),
    }
