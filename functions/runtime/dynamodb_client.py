"""DynamoDB's client for calls that go well; botocore's for all others.

Most of a cold start, and of a warm call, was botocore's client. Here the first try of a call is
made without it: the same bytes, by the same rules (docs/decisions/0064-own-first-try.md).
What isn't a whole success goes into botocore's client as the first try's outcome. So retries, their
quota and pauses, checksums and errors stay botocore's, which is loaded only then.
"""

from __future__ import annotations

import json
import os
import time
from base64 import b64decode
from functools import partial
from typing import TYPE_CHECKING, Any
from zlib import crc32

from botocore import xform_name
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004  botocore's name for it

from functions.runtime.connection import Answer, Connection
from functions.runtime.json_log import is_array, is_object
from functions.runtime.random_id import random_id
from functions.runtime.request_body import request_body
from functions.runtime.signature import signature_headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_dynamodb import DynamoDBClient

    from functions.runtime.json_log import JsonObject
    from functions.runtime.plain_environment import Target

USER_AGENT = "userstream"

OPERATIONS = ("BatchGetItem", "BatchWriteItem", "GetItem", "PutItem", "Query", "Scan", "TransactWriteItems")
"""Those without timestamps, whose JSON on the wire is botocore's but for binary values."""

# Expected answers, which no retry changes (botocore.retries.standard).
_FINAL_ERRORS = frozenset({"ConditionalCheckFailedException", "TransactionCanceledException"})
_OK, _REFUSED = 200, 400
# botocore's quota of retries gains by each success (botocore.retries.standard.RetryQuotaChecker).
# So many successes give back what the retries of one call can cost; a full quota gains nothing.
_PER_FAILURE, _QUOTA = 50, 500
_SAFE_IN_TRACE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~=;:+&[]{}\"',")


class DynamoDB:
    """Calls of DynamoDB, one at a time, with the methods and exceptions of botocore's client.

    Args:
        target: where, and as whom.
        connection: to there.
        full: returns botocore's client for the same; called when it is needed.
    """

    def __init__(self, target: Target, connection: Connection, full: Callable[[], DynamoDBClient]) -> None:
        self._target = target
        self.connection = connection
        self._full = full
        self._owed = 0  # successes that botocore's quota is still to hear of
        for operation in OPERATIONS:
            setattr(self, xform_name(operation), partial(self._call, operation))

    def __getattr__(self, name: str) -> Any:
        """Return what only botocore's client has."""
        return getattr(self._full(), name)

    def _call(self, operation: str, **parameters: Any) -> JsonObject:
        if operation == "TransactWriteItems" and "ClientRequestToken" not in parameters:
            parameters["ClientRequestToken"] = random_id()
        body = request_body(operation, parameters)
        invocation = random_id()
        outcome: Answer | Exception
        succeeded = False
        try:
            outcome = self.connection.exchange(self._head(operation, body, invocation) + body)
        except (ConnectionError, HTTPClientError) as error:
            outcome = error
        else:
            content = _whole_json(outcome)
            if content is not None and outcome.status == _REFUSED:
                _raise_if_final(content, outcome, operation)
            succeeded = content is not None and outcome.status == _OK
            if content is not None and succeeded and not self._owed:
                return {**content, "ResponseMetadata": _metadata(outcome)}
        self._owed = self._owed - 1 if succeeded else min(self._owed + _PER_FAILURE, _QUOTA)
        return self._go_on(operation, parameters, invocation, outcome)

    def _head(self, operation: str, body: bytes, invocation: str) -> bytes:
        """Return the head of a request: botocore's, in its order."""
        target = f"DynamoDB_20120810.{operation}"
        authority = self._target.origin.authority
        content_type = "application/x-amz-json-1.0"
        signature = signature_headers(
            self._target.credentials,
            (self._target.region, "dynamodb"),
            time=_utc(),
            signed={"content-type": content_type, "host": authority, "x-amz-target": target},
            body=body,
        )
        return (
            f"POST / HTTP/1.1\r\nHost: {authority}\r\nAccept-Encoding: identity\r\nX-Amz-Target: {target}\r\n"
            f"Content-Type: {content_type}\r\nUser-Agent: {USER_AGENT}\r\n{_trace()}{signature}"
            f"amz-sdk-invocation-id: {invocation}\r\namz-sdk-request: attempt=1\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode("ascii")

    def _go_on(
        self, operation: str, parameters: JsonObject, invocation: str, outcome: Answer | Exception
    ) -> JsonObject:
        """Let botocore's client make the call, as if the first try had been its own."""
        from botocore.awsrequest import AWSResponse  # noqa: PLC0415  loaded only when it is needed

        client: Any = self._full()
        events, outcomes = client.meta.events, [outcome]

        def keep_invocation(params: JsonObject, **_: object) -> None:
            params["context"].setdefault("retries", {})["invocation-id"] = invocation

        def first_outcome(request: Any, **_: object) -> AWSResponse | None:
            if not outcomes:
                return None
            first = outcomes.pop()
            if isinstance(first, Exception):
                raise first
            raw: Any = first
            headers: Any = first.headers
            return AWSResponse(request.url, first.status, headers, raw)

        events.register("before-call.dynamodb", keep_invocation)
        events.register_first("before-send.dynamodb", first_outcome)
        try:
            return getattr(client, xform_name(operation))(**parameters)
        finally:
            events.unregister("before-call.dynamodb", keep_invocation)
            events.unregister("before-send.dynamodb", first_outcome)


def dynamodb_client(target: Target, full: Callable[[], DynamoDBClient]) -> DynamoDBClient:
    """Return a client whose other calls, and other tries of one, are those of `full`."""
    connection = Connection(target.origin)
    client: Any = DynamoDB(target, connection, full)
    return client


def _utc() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def _trace() -> str:
    """Return the header that Lambda finds recursive calls by, if it gave an id for this call."""
    trace = os.environ.get("_X_AMZN_TRACE_ID", "") if "AWS_LAMBDA_FUNCTION_NAME" in os.environ else ""
    if not _SAFE_IN_TRACE.issuperset(trace):
        from urllib.parse import quote  # noqa: PLC0415  Lambda's ids need no quotes

        trace = quote(trace, safe="-=;:+&[]{}\"',")
    return f"X-Amzn-Trace-Id: {trace}\r\n" if trace else ""


def _whole_json(answer: Answer) -> JsonObject | None:
    """Return an answer's JSON object, binary as bytes; None if it isn't one, or is damaged."""
    checksum = answer.headers.get("x-amz-crc32")
    if checksum is not None and checksum != str(crc32(answer.body)):
        return None
    unlike_botocores = (b'"B"', b'"BS"', b"null")
    try:
        hook = _as_botocores if any(each in answer.body for each in unlike_botocores) else None
        content = json.loads(answer.body, object_hook=hook)
    except ValueError:
        return None
    return content if is_object(content) else None


def _as_botocores(value: JsonObject) -> JsonObject:
    """Return an object of an answer as botocore does: binary as bytes, and no null members."""
    # "B" with a text can only be an attribute's value: what a map or an item holds is objects.
    if isinstance(binary := value.get("B"), str):
        return {"B": b64decode(binary)}
    if is_array(binaries := value.get("BS")):
        return {"BS": [b64decode(each) for each in binaries]}
    return {name: member for name, member in value.items() if member is not None}


def _metadata(answer: Answer) -> JsonObject:
    metadata: JsonObject = {"HTTPStatusCode": answer.status, "HTTPHeaders": answer.headers, "RetryAttempts": 0}
    if "x-amzn-requestid" in answer.headers:
        metadata["RequestId"] = answer.headers["x-amzn-requestid"]
    return metadata


def _raise_if_final(content: JsonObject, answer: Answer, operation: str) -> None:
    """Raise botocore's error for an expected refusal."""
    code = str(content.pop("__type", "")).rpartition("#")[2]
    if code not in _FINAL_ERRORS:
        return
    message = content.get("message", content.get("Message", ""))
    response: Any = {**content, "Error": {"Message": message, "Code": code}, "ResponseMetadata": _metadata(answer)}
    raise ClientError(response, operation)
