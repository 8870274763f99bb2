"""Invokes a function through Lambda's API.

Rules: Lambda API reference, "Invoke": a response of 200 with FunctionError is the function's own
failure; after anything but a 200 the function wasn't invoked, or nobody knows, and the batch is
delivered again.
"""

from typing import TYPE_CHECKING

from delivery.decisions import FunctionFailed, FunctionReturned, InvocationOutcome, NotAdmitted
from delivery.records import Invocation
from functions.runtime.aws import AWS_CALL_ERRORS

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient


def invoke_function(client: "LambdaClient", function_arn: str, payload: bytes) -> InvocationOutcome:
    """Invoke with an event, and wait for the outcome.

    The client must not retry by itself, and must wait longer than the function may run.
    """
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
