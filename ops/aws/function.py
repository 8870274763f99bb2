"""The function that processes changes, invoked as the event source mapping invokes it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError, HTTPClientError

from functions.runtime.json_log import Json, JsonObject, is_array, is_object
from ops.errors import explained

if TYPE_CHECKING:
    from types_boto3_lambda.client import LambdaClient


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the function said to a batch."""

    failed_from: int | None = None
    """Position of the first record that it could not process now; it and those after it are to be sent again."""
    error: str | None = None
    """Why the invocation as a whole failed; nothing is known of any record then."""
    busy: bool = False
    """The failure is no fault of the records: throttled, or the service in trouble."""


class ChangeFunction(Protocol):
    """Takes records of the stream, in event form."""

    def invoke(self, records: Sequence[JsonObject]) -> Answer:
        """Have the records processed, and wait for the answer.

        Raises:
            OpsError: It can't be invoked at all: not there, denied, out of reach.
        """
        ...


BUSY_CODES = frozenset(
    {
        "TooManyRequestsException",
        "ServiceException",
        "EC2ThrottledException",
        "ResourceNotReadyException",
        "ResourceConflictException",
        "ThrottlingException",
        "InternalServerError",
        "ServiceUnavailableException",
    }
)
TOO_LARGE_CODE = "RequestTooLargeException"


class LambdaChangeFunction:
    """The function in Lambda, by its name."""

    def __init__(self, client: "LambdaClient", name: str) -> None:
        self._client = client
        self._name = name

    def invoke(self, records: Sequence[JsonObject]) -> Answer:
        """Invoke it synchronously and read its answer as the mapping would."""
        payload = json.dumps({"Records": list(records)}, separators=(",", ":")).encode()
        with explained(f"the function {self._name}"):
            try:
                answer = self._client.invoke(FunctionName=self._name, Payload=payload)
                said = answer["Payload"].read()
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "")
                if code == TOO_LARGE_CODE:
                    return Answer(error=f"the request is too large for Lambda ({code})")
                if code in BUSY_CODES:
                    return Answer(error=f"Lambda says {code}", busy=True)
                raise
            except HTTPClientError as error:
                return Answer(error=f"no answer: {error}", busy=True)
        if "FunctionError" in answer:
            return Answer(error=_error_text(said))
        return read_answer(said, [record_number(record) for record in records])


def record_number(record: JsonObject) -> str:
    """Return the record's sequence number, by which the function names it."""
    return record["dynamodb"]["SequenceNumber"]


def read_answer(said: bytes, numbers: Sequence[str]) -> Answer:
    """Read a partial batch response; whatever isn't clearly a success counts as none.

    Source: Lambda developer guide, "Configuring partial batch response with DynamoDB and Lambda".
    """
    try:
        response: Json = json.loads(said) if said.strip() else None
    except ValueError:
        return Answer(error="the function's answer isn't JSON")
    failures: Json = response.get("batchItemFailures") if is_object(response) else response
    if not failures:
        return Answer()
    if not is_array(failures) or not is_object(response):
        return Answer(error="the function's answer isn't a partial batch response")
    positions = {number: position for position, number in enumerate(numbers)}
    failed: list[int] = []
    for failure in failures:
        identifier: Json = failure.get("itemIdentifier") if is_object(failure) else None
        if not isinstance(identifier, str) or identifier not in positions:
            return Answer(error=f"the function names a record that wasn't in the batch: {identifier!r}")
        failed.append(positions[identifier])
    return Answer(failed_from=min(failed))


def _error_text(said: bytes) -> str:
    try:
        error: Json = json.loads(said)
    except ValueError:
        error = None
    if is_object(error) and (error.get("errorType") or error.get("errorMessage")):
        return f"the function failed: {error.get('errorType', 'Error')}: {error.get('errorMessage', '')}"
    return "the function failed"
