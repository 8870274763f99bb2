"""The function of a consumer, invoked for a replay with records as the consumer received them.

The event has `"replay": true`, except for log_user_changes. So asked, a function sends nothing to
the dead-letter queue and leaves its queue alone. Its answer is a partial batch response (Lambda
developer guide, "Partial batch response"), and `refused` in it has a reason for each record that
can never be processed (functions/consumers/).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, HTTPClientError

from functions.runtime.json_log import Json, JsonObject, is_array, is_object
from infra.consumers.declaration import Source
from infra.naming import LIVE_ALIAS
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
    """What one invocation says about its batch; records are named by their position in it."""

    failed: frozenset[int] = frozenset()
    """Those that the function can't process now."""
    undone: Sequence[int] = ()
    """Those to send again, in order: of a queue the failed ones, of a stream all from the first."""
    refused: Mapping[int, str] = field(default_factory=dict[int, str])
    """Those that the function can never process, and why."""
    error: str | None = None
    """Why the invocation failed as a whole; the outcome of each record is unknown then."""
    busy: bool = False  # the records didn't cause the error: Lambda throttles or fails


class ConsumerFunction:
    """A consumer's function in Lambda; `source` is where its records come from."""

    def __init__(self, client: "LambdaClient", name: str, source: Source) -> None:
        self._client = client
        self._name = name
        self._live = f"{name}:{LIVE_ALIAS}"
        self._of_queue = source is Source.USER_CHANGES
        self._event: JsonObject = {} if source is Source.USERS_STREAM else {"replay": True}

    def variable(self, name: str) -> str:
        """Return one of the environment variables of the version that is live."""
        with translate_aws_errors(f"the function {self._name}"):
            answer = self._client.get_function_configuration(FunctionName=self._live)
        return answer.get("Environment", {}).get("Variables", {}).get(name, "")

    def invoke(self, records: Sequence[JsonObject]) -> InvocationResult:
        """Invoke the function and wait for its response; an OpsError if it can't be invoked."""
        payload = json.dumps({"Records": list(records), **self._event}, separators=(",", ":")).encode()
        with translate_aws_errors(f"the function {self._name}"):
            try:
                invocation = self._client.invoke(FunctionName=self._live, Payload=payload)
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
        name_of = message_id_of if self._of_queue else sequence_number_of
        return read_batch_response(response, [name_of(record) for record in records], in_order=not self._of_queue)


def sequence_number_of(record: JsonObject) -> str:
    """Return a stream record's sequence number, by which the function names it."""
    return record["dynamodb"]["SequenceNumber"]


def message_id_of(record: JsonObject) -> str:
    """Return a queue record's message id, by which the function names it."""
    return record["messageId"]


def read_batch_response(text: bytes, names: Sequence[str], *, in_order: bool) -> InvocationResult:
    """Read the response to a batch of records with these names.

    With `in_order`, what follows the first failed record counts as not processed, as in a stream.
    """
    try:
        response: Json = json.loads(text) if text.strip() else None
    except ValueError:
        return InvocationResult(error="the function's answer isn't JSON")
    if not response:
        return InvocationResult()
    failures: Json = (response.get("batchItemFailures") or []) if is_object(response) else None
    reasons: Json = (response.get("refused") or {}) if is_object(response) else None
    if not is_array(failures) or not is_object(reasons):
        return InvocationResult(error="the function's answer isn't a partial batch response")
    identifiers = [failure.get("itemIdentifier") if is_object(failure) else None for failure in failures]
    for name in (*identifiers, *reasons):
        if name not in names:
            return InvocationResult(error=f"the function names a record that wasn't in the batch: {name!r}")
    refused = {at: str(reasons[name]) for at, name in enumerate(names) if name in reasons}
    failed = frozenset(at for at, name in enumerate(names) if name in identifiers and at not in refused)
    undone = tuple(sorted(failed))
    if in_order and failed:
        undone = tuple(range(min(failed), len(names)))
        refused = {at: reason for at, reason in refused.items() if at < min(failed)}
        failed = frozenset({min(failed)})
    return InvocationResult(failed=failed, undone=undone, refused=refused)


def _error_text(response: bytes) -> str:
    try:
        error: Json = json.loads(response)
    except ValueError:
        error = None
    if is_object(error) and (error.get("errorType") or error.get("errorMessage")):
        return f"the function failed: {error.get('errorType', 'Error')}: {error.get('errorMessage', '')}"
    return "the function failed"
