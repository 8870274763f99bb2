"""The function log_user_changes, invoked as the event source mapping invokes it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, HTTPClientError

from functions.runtime.json_log import Json, JsonObject, is_array, is_object
from ops.errors import translate_aws_errors

if TYPE_CHECKING:
    from types_boto3_lambda.client import LambdaClient

BUSY_CODES = (
    "TooManyRequestsException",
    "ServiceException",
    "EC2ThrottledException",
    "ResourceNotReadyException",
    "ResourceConflictException",
    "ThrottlingException",
    "InternalServerError",
    "ServiceUnavailableException",
)


@dataclass(frozen=True, kw_only=True)
class InvocationResult:
    """What one invocation says about its batch."""

    failed_from: int | None = None
    """Position of the first record that the function can't process now, where a retry starts."""
    error: str | None = None
    """Why the invocation failed as a whole; the outcome of each record is unknown then."""
    busy: bool = False  # the records didn't cause the error: Lambda throttles or fails


class StreamFunction:
    """The function in Lambda, invoked with stream records in the form of Lambda events."""

    def __init__(self, client: "LambdaClient", name: str) -> None:
        self._client = client
        self._name = name

    def invoke(self, records: Sequence[JsonObject]) -> InvocationResult:
        """Invoke the function and wait for its response; an OpsError if it can't be invoked."""
        payload = json.dumps({"Records": list(records)}, separators=(",", ":")).encode()
        with translate_aws_errors(f"the function {self._name}"):
            try:
                invocation = self._client.invoke(FunctionName=self._name, Payload=payload)
                response = invocation["Payload"].read()
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "")
                if code == "RequestTooLargeException":
                    return InvocationResult(error=f"the request is too large for Lambda ({code})")
                if code in BUSY_CODES:
                    return InvocationResult(error=f"Lambda says {code}", busy=True)
                raise
            except HTTPClientError as error:
                return InvocationResult(error=f"no answer: {error}", busy=True)
        if "FunctionError" in invocation:
            return InvocationResult(error=_error_text(response))
        return read_batch_response(response, [sequence_number_of(record) for record in records])


def sequence_number_of(record: JsonObject) -> str:
    """Return the record's sequence number, by which the function names it."""
    return record["dynamodb"]["SequenceNumber"]


def read_batch_response(text: bytes, sequence_numbers: Sequence[str]) -> InvocationResult:
    """Read a partial batch response (Lambda developer guide, "Partial batch response")."""
    try:
        response: Json = json.loads(text) if text.strip() else None
    except ValueError:
        return InvocationResult(error="the function's answer isn't JSON")
    failures: Json = response.get("batchItemFailures") if is_object(response) else response
    if not failures:
        return InvocationResult()
    if not is_array(failures) or not is_object(response):
        return InvocationResult(error="the function's answer isn't a partial batch response")
    positions = {number: position for position, number in enumerate(sequence_numbers)}
    failed: list[int] = []
    for failure in failures:
        identifier: Json = failure.get("itemIdentifier") if is_object(failure) else None
        if not isinstance(identifier, str) or identifier not in positions:
            return InvocationResult(error=f"the function names a record that wasn't in the batch: {identifier!r}")
        failed.append(positions[identifier])
    return InvocationResult(failed_from=min(failed))


def _error_text(response: bytes) -> str:
    try:
        error: Json = json.loads(response)
    except ValueError:
        error = None
    if is_object(error) and (error.get("errorType") or error.get("errorMessage")):
        return f"the function failed: {error.get('errorType', 'Error')}: {error.get('errorMessage', '')}"
    return "the function failed"
