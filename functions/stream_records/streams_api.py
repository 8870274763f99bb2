"""A record read from the Streams API, converted to the form in which Lambda would deliver it.

They differ (Streams API reference, "Record"; Lambda developer guide, "Using AWS Lambda with Amazon
DynamoDB"): an event names the stream, writes times as whole seconds, binary as base64 text, and
userIdentity's members in lower case.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from functions.runtime.json_log import JsonObject
from functions.stream_records.attribute_values import base64_text, convert_binary


def lambda_record(record: Mapping[str, Any], stream_arn: str) -> JsonObject:
    """Return a record of GetRecords as an event carries it.

    botocore has parsed it (times as datetime, binary as bytes), or left it unparsed (see
    `functions.runtime.aws.read_records_as_json`).
    """
    body: JsonObject = dict(record["dynamodb"])
    written_at = body.get("ApproximateCreationDateTime")
    if written_at is not None:
        seconds = written_at.timestamp() if isinstance(written_at, datetime) else written_at
        body["ApproximateCreationDateTime"] = float(int(seconds))
    for name in ("Keys", "NewImage", "OldImage"):
        if name in body:
            body[name] = {attribute: convert_binary(value, base64_text) for attribute, value in body[name].items()}
    converted: JsonObject = {**record, "dynamodb": body, "eventSourceARN": stream_arn}
    identity = record.get("userIdentity")
    if identity:
        converted["userIdentity"] = {name[0].lower() + name[1:]: value for name, value in identity.items()}
    return converted
