"""The least that a cold start takes: a boto3 DynamoDB client and one call, without validation."""

from typing import Any

import boto3

from benchmarks.peers.registration import transaction

client = boto3.client("dynamodb")


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Make one TransactWriteItems call."""
    _, arguments = transaction("Eve", "eve@example.com", "eve")
    client.transact_write_items(**arguments)
    return {"statusCode": 201, "body": "{}"}
