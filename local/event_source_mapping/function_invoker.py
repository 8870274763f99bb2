"""Invokes the function through Lambda's API, and says what came of it.

Rules: Lambda API reference, "Invoke": an answer of 200 with FunctionError is the function's own failure. Everything
else that isn't an answer of 200 means that it wasn't invoked, or that nobody knows; then it is invoked again.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from functions.transient_failures import AWS_CALL_ERRORS
from local.event_source_mapping.batching import Invocation
from local.event_source_mapping.failures import FunctionFailed, FunctionReturned, NotAdmitted, Outcome
from local.event_source_mapping.records import StreamRecord, event_payload

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient


class FunctionInvoker:
    """Invokes one function.

    Args:
        client: Lambda. It must not repeat calls by itself, and must wait longer than the function may run.
        function_arn: As it was mapped, alias included.
    """

    def __init__(self, client: "LambdaClient", function_arn: str) -> None:
        self._client = client
        self._function_arn = function_arn

    def invoke(self, records: Sequence[StreamRecord]) -> Outcome:
        """Deliver the records, and wait for what comes of it."""
        try:
            answer = self._client.invoke(FunctionName=self._function_arn, Payload=event_payload(records))
            payload = answer["Payload"].read()
        except AWS_CALL_ERRORS as error:
            return NotAdmitted(str(error))
        function_error: str | None = answer.get("FunctionError")
        invocation = Invocation(
            request_id=answer["ResponseMetadata"]["RequestId"],
            executed_version=answer.get("ExecutedVersion", "$LATEST"),
            status_code=answer["StatusCode"],
            function_error=function_error or None,
        )
        return FunctionFailed(invocation) if function_error else FunctionReturned(payload, invocation)
