"""BatchWriteItem with a body that `json` writes, since botocore's serializer takes most of a batch's time.

botocore checks and copies each typed value by its service model, some 100 µs per change; the wire form is the very same
JSON, but for binary in base64. So the call goes to botocore with a placeholder of the same tables (which decide the
endpoint), and the body is put in its place before it is signed. Both are botocore's public events. docs/performance.md
has the figures; a test holds the bodies to be equal.
"""

import json
from base64 import b64encode
from typing import TYPE_CHECKING

from functions.json_types import Json, JsonObject

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

_CONTEXT_KEY = "userstream_ready_json"
_OPERATION = "dynamodb.BatchWriteItem"


def write_batches_as_ready_json(client: "DynamoDBClient") -> None:
    """Let this client write the bodies of BatchWriteItem by itself; to say it again changes nothing."""
    events = client.meta.events
    events.register_last(f"before-parameter-build.{_OPERATION}", _encode, unique_id="ready-json-encode")
    events.register(f"before-call.{_OPERATION}", _put_in_place, unique_id="ready-json-put-in-place")


def _encode(params: JsonObject, context: JsonObject, **_: object) -> None:
    context[_CONTEXT_KEY] = _ENCODER.encode(params).encode("ascii")
    params["RequestItems"] = {table: [{"DeleteRequest": {"Key": {}}}] for table in params["RequestItems"]}


def _put_in_place(params: JsonObject, context: JsonObject, **_: object) -> None:
    params["body"] = context[_CONTEXT_KEY]


def _base64_text(content: Json) -> str:
    if isinstance(content, bytes):
        return b64encode(content).decode("ascii")
    raise TypeError(f"a typed value can't hold {type(content).__name__}")


_ENCODER = json.JSONEncoder(default=_base64_text, separators=(",", ":"))
