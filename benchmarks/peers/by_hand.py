"""Contestants without a framework: boto3, the standard library and nothing else."""

import json
from typing import Any

import boto3

from benchmarks.peers.registration import is_valid, transaction

client = boto3.client("dynamodb")


def bare_call(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Make one call without validation: with its client, the least that a cold start takes."""
    _, arguments = transaction("Eve", "eve@example.com", "eve")
    client.transact_write_items(**arguments)
    return {"statusCode": 201, "body": "{}"}


def register(event: dict[str, Any], _context: object) -> dict[str, Any]:
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


def dump_images(event: dict[str, Any], _context: object) -> None:
    """Dump the images that each stream record has, and discard the result."""
    for record in event["Records"]:
        change = record["dynamodb"]
        # A dump of None would take a sixth of the time of an image.
        if "OldImage" in change:
            json.dumps(change["OldImage"])
        if "NewImage" in change:
            json.dumps(change["NewImage"])
