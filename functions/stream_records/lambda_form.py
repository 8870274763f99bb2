"""A record read from the Streams API, in the form in which Lambda's event source mapping would have delivered it.

They differ (Streams API reference, "Record"; Lambda developer guide, "Using AWS Lambda with Amazon DynamoDB"): an event
names the stream, writes times as whole seconds, binary as base64 text and userIdentity's members in lower case.
"""

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from functions.json_types import JsonObject
from functions.stream_records.attribute_values import Image, convert_binary

_IMAGES = ("Keys", "NewImage", "OldImage")


def lambda_record(record: Mapping[str, Any], stream_arn: str) -> JsonObject:
    """Return the record as an event carries it.

    Args:
        record: One of GetRecords, as botocore parses it (times as datetime, binary as bytes), or as it came.
        stream_arn: The stream it was read from.
    """
    converted: JsonObject = {**record, "dynamodb": _body(record["dynamodb"]), "eventSourceARN": stream_arn}
    identity = record.get("userIdentity")
    if identity:
        converted["userIdentity"] = {name[0].lower() + name[1:]: value for name, value in identity.items()}
    return converted


def _body(body: Mapping[str, Any]) -> JsonObject:
    converted = dict(body)
    written_at = body.get("ApproximateCreationDateTime")
    if written_at is not None:
        seconds = written_at.timestamp() if isinstance(written_at, datetime) else written_at
        converted["ApproximateCreationDateTime"] = int(seconds)
    for name in _IMAGES:
        if name in body:
            converted[name] = _image(body[name])
    return converted


def _image(image: Image) -> Image:
    return {name: convert_binary(value, _base64_text) for name, value in image.items()}


def _base64_text(content: bytes | str) -> str:
    return content if isinstance(content, str) else b64encode(content).decode("ascii")
