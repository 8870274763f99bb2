"""The body of a DynamoDB request, byte for byte botocore's; items may be encoded already."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from functions.runtime.json_log import reusable_encoder

if TYPE_CHECKING:
    from functions.runtime.json_log import JsonObject


class EncodedItem(str):
    """An item as `encoded` writes it; it may stand for the item of a PutRequest."""

    __slots__ = ()


def request_body(operation: str, parameters: JsonObject) -> bytes:
    """Return the body of a call's request."""
    if operation != "BatchWriteItem":
        return encoded(parameters).encode("ascii")
    members = [
        f"{encoded(name)}: {_tables(value) if name == 'RequestItems' else encoded(value)}"
        for name, value in parameters.items()
    ]
    return f"{{{', '.join(members)}}}".encode("ascii")


def _tables(request_items: JsonObject) -> str:
    tables = [f"{encoded(table)}: [{', '.join(map(_write, writes))}]" for table, writes in request_items.items()]
    return f"{{{', '.join(tables)}}}"


def _write(write: JsonObject) -> str:
    item: Any = write["PutRequest"]["Item"] if "PutRequest" in write else None
    return f'{{"PutRequest": {{"Item": {item}}}}}' if item.__class__ is EncodedItem else encoded(write)


def _base64_text(content: bytes) -> str:
    return b64encode(content).decode("ascii")


# As botocore's serializer leaves it to json.dumps; what is encoded here can't contain itself.
encoded = reusable_encoder(json.JSONEncoder(default=_base64_text, check_circular=False))
