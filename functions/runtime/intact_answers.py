"""Refuses answers of AWS that came damaged or only in part, which botocore takes for successes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from zlib import crc32

from botocore.parsers import ResponseParserError

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from botocore.client import BaseClient
    from botocore.model import OperationModel

CHECKSUM_HEADER = "x-amz-crc32"
"""The CRC of the body, in every answer of DynamoDB. Source: botocore, `RetryDDBChecksumError`."""

_FIRST_ERROR_STATUS = 300
_JSON_PROTOCOLS = frozenset({"json", "rest-json"})


def refuse_damaged_answers(client: BaseClient) -> None:
    """Let the client's calls raise ResponseParserError for a success whose body isn't whole.

    botocore reads a body that isn't JSON as an empty answer, which a caller takes for success: all
    written, all sent, no such user. urllib3 1.26, which botocore accepts beside 2, lets an answer
    end before its Content-Length. After the last try botocore also returns what has another CRC
    than the service sent (botocore 1.43, retry mode standard).

    The body is looked at after the retries: botocore itself repeats a call to DynamoDB whose
    answer's CRC is wrong, with the same client token, so that a write that was carried out stays a
    success.
    """
    client.meta.events.register("after-call", _refuse_damaged_answer, unique_id="refuse-damaged-answers")


def _refuse_damaged_answer(http_response: AWSResponse, model: OperationModel, **_: Any) -> None:
    if http_response.status_code >= _FIRST_ERROR_STATUS or model.has_streaming_output:
        return  # an error is one by its status; a stream is read by the caller
    body = http_response.content
    checksum = http_response.headers.get(CHECKSUM_HEADER)
    if checksum is not None:
        if str(crc32(body)) != checksum:
            raise ResponseParserError("damaged response body: its CRC is not the one sent with it")
    elif model.service_model.resolved_protocol in _JSON_PROTOCOLS and _answers_with_json(model):
        # botocore rejects truncated XML itself.
        try:
            json.loads(body)
        except ValueError as error:
            raise ResponseParserError("truncated or non-JSON response body") from error


def _answers_with_json(model: OperationModel) -> bool:
    """Say whether the body holds some of the output: headers and the status may hold all of it."""
    if model.output_shape is None:
        return False
    members, payload = model.output_shape.members, model.output_shape.serialization.get("payload")
    if payload is not None:
        return members[payload].type_name == "structure"
    return any("location" not in member.serialization for member in members.values())
