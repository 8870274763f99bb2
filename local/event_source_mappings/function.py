"""Invokes a function through Lambda's API.

Rules: Lambda API reference, "Invoke": a response of 200 with FunctionError is the function's own
failure; after anything but a 200 the function wasn't invoked, or nobody knows, and the batch is
delivered again. A retry of the same batch has the request id of its first invocation (recorded on
AWS); Invoke has no parameter for it, so the emulator takes it from a header.
"""

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from delivery.decisions import FunctionFailed, FunctionReturned, InvocationOutcome, NotAdmitted
from delivery.records import Invocation
from functions.runtime.botocore_clients import AWS_CALL_ERRORS
from local.request_ids import INVOCATION_HEADER

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""That the call of Invoke in this thread asks for."""


def send_request_ids(client: "LambdaClient") -> None:
    """Let a client ask for the request ids that `invoke_function` is given."""
    client.meta.events.register("before-call.lambda.Invoke", _add_header)


def _add_header(params: dict[str, Any], **_: object) -> None:
    if request_id := _request_id.get():
        params["headers"][INVOCATION_HEADER] = request_id


def invoke_function(
    client: "LambdaClient", function_arn: str, payload: bytes, request_id: str | None = None
) -> InvocationOutcome:
    """Invoke with an event, and wait for the outcome.

    The client must not retry by itself, and must wait longer than the function may run. The request
    id is that of an earlier invocation with the same event, if there was one.
    """
    _request_id.set(request_id)
    try:
        answer = client.invoke(FunctionName=function_arn, Payload=payload)
        returned = answer["Payload"].read()
    except AWS_CALL_ERRORS as error:
        return NotAdmitted(str(error))
    function_error: str | None = answer.get("FunctionError")
    invocation = Invocation(
        request_id=answer["ResponseMetadata"]["RequestId"],
        executed_version=answer.get("ExecutedVersion", "$LATEST"),
        status_code=answer["StatusCode"],
        function_error=function_error or None,
    )
    return FunctionFailed(invocation) if function_error else FunctionReturned(returned, invocation)
