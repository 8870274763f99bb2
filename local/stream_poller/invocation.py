"""Invokes the function through Lambda's API, and sends failure documents.

Rules: Lambda API reference, "Invoke": a response of 200 with FunctionError is the function's own
failure; after anything but a 200 the function wasn't invoked, or nobody knows, and the batch is
delivered again. Lambda developer guide, "Retaining discarded batches for a DynamoDB event source":
a bucket also gets the event itself, under
`aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<random UUID>`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

from delivery.decisions import DiscardedBatch, FunctionFailed, FunctionReturned, InvocationOutcome, NotAdmitted
from delivery.failure_documents import document_text, failure_document, with_payload
from delivery.messages import SendAttempted
from delivery.records import Invocation, StreamRecord, event_payload
from delivery.settings import MappingSettings
from functions.runtime.aws import AWS_CALL_ERRORS, error_code, http_status
from local.aws_clients import STALE_CREDENTIALS

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

_NOT_NOW = STALE_CREDENTIALS | {
    "RequestThrottled",
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "SlowDown",
}
"""Codes that refuse the call, not the document. On AWS a role's credentials don't become stale."""

_SERVER_ERROR = 500


def invoke_function(client: "LambdaClient", function_arn: str, records: Sequence[StreamRecord]) -> InvocationOutcome:
    """Deliver a batch, and wait for the outcome.

    The client must not retry by itself, and must wait longer than the function may run.
    """
    try:
        answer = client.invoke(FunctionName=function_arn, Payload=event_payload(records))
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


def send_failure_document(
    client: Callable[[str], Any], settings: MappingSettings, shard_id: str, discarded: DiscardedBatch
) -> SendAttempted:
    """Send the document of a discarded batch to the mapping's on-failure queue, topic or bucket.

    `client` returns the client of a service, with the function's role.
    """
    destination = settings.destination_arn or ""
    _, _, service, _, account_id, name = destination.split(":", 5)
    document = failure_document(discarded, shard_id, settings, str(uuid4()))
    try:
        if service == "sqs":
            sqs = client("sqs")
            url = f"{sqs.meta.endpoint_url}/{account_id}/{name}"
            sqs.send_message(QueueUrl=url, MessageBody=document_text(document))
        elif service == "sns":
            client("sns").publish(TopicArn=destination, Message=document_text(document))
        else:
            moment = datetime.fromtimestamp(discarded.at, UTC)
            folder = f"aws/lambda/{settings.uuid}/{shard_id}/{moment:%Y/%m/%d}"
            client("s3").put_object(
                Bucket=name,
                Key=f"{folder}/{moment:%Y-%m-%dT%H.%M.%S}-{uuid4()}",
                Body=document_text(with_payload(document, discarded)).encode("ascii"),
                ContentType="application/octet-stream",
            )
    except ClientError as error:
        not_now = error_code(error) in _NOT_NOW or http_status(error) >= _SERVER_ERROR
        return SendAttempted("unreachable" if not_now else "refused", str(error))
    except AWS_CALL_ERRORS as error:
        return SendAttempted("unreachable", str(error))
    return SendAttempted("delivered")
