"""A record read from the Streams API, in the form in which Lambda's event source mapping would have delivered it.

They differ (Streams API reference, "Record"; Lambda developer guide, "Using AWS Lambda with Amazon DynamoDB"): an event
names the stream, writes times as whole seconds, binary as base64 text and userIdentity's members in lower case.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from functions.runtime.json_log import JsonObject
from functions.stream_records.attribute_values import Image, convert_binary

if TYPE_CHECKING:
    from types_boto3_dynamodbstreams.client import DynamoDBStreamsClient


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


# GetRecords' answers as the JSON they come as, since botocore's parser takes most of a page's time.
#
# botocore walks each typed value by its service model, some 40 µs per record, and the wire's form
# is the one that an event has but for the times. So the records are taken out of the answer's body
# before it is parsed, and come back unparsed; the rest of the answer and every error stay
# botocore's. That is one of botocore's public events. docs/decisions/0017-records-as-they-came.md has
# the figures; a test holds both forms to give the same event.

_FIRST_ERROR_STATUS = 300


def read_records_as_json(client: "DynamoDBStreamsClient") -> None:
    """Let this client give records as they came, for `lambda_record`; to say it again changes nothing."""
    client.meta.events.register(
        "before-parse.dynamodb-streams.GetRecords", _take_records, unique_id="records-as-json-take"
    )


def _take_records(response_dict: JsonObject, customized_response_dict: JsonObject, **_: object) -> None:
    if response_dict["status_code"] >= _FIRST_ERROR_STATUS:
        return
    try:
        answer = json.loads(response_dict["body"])
    except ValueError:
        return  # for the client to refuse
    customized_response_dict["Records"] = answer.pop("Records", [])
    response_dict["body"] = json.dumps(answer).encode("ascii")
