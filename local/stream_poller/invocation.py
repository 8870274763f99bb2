"""Invokes the function through Lambda's API, and says what came of it.

Rules: Lambda API reference, "Invoke": an answer of 200 with FunctionError is the function's own failure. Everything
else that isn't an answer of 200 means that it wasn't invoked, or that nobody knows; then it is invoked again.
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
from local.stream_poller.stream_reader import STALE_CREDENTIALS

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

    def invoke(self, records: Sequence[StreamRecord]) -> InvocationOutcome:
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


# Sends failure documents to the on-failure destination, with the function's role: a queue, a topic
# or a bucket.
#
# Rules: Lambda developer guide, "Retaining discarded batches for a DynamoDB event source". A bucket
# also gets the event itself, under `aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-
# DDTHH.MM.SS-<random UUID>`.

_NOT_NOW = STALE_CREDENTIALS | {
    "RequestThrottled",
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "SlowDown",
}
"""These refuse the call and say nothing of the document: on AWS no credentials of a role go stale."""

_SERVER_ERROR = 500


class FailureDestination:
    """Sends documents to one mapping's destination.

    Args:
        client: Gives a service's client, each time anew: its credentials may have become stale.
        settings: Of the mapping.
        on_refusal: Told the code of each error that a service answers.
    """

    def __init__(
        self, client: Callable[[str], Any], settings: MappingSettings, on_refusal: Callable[[str], None]
    ) -> None:
        self._client = client
        self._settings = settings
        self._on_refusal = on_refusal
        self._queue_url: str | None = None

    def send(self, shard_id: str, discard: DiscardedBatch) -> SendAttempted:
        """Send the document of a batch that was given up."""
        try:
            self._send(shard_id, discard)
        except ClientError as error:
            code = error_code(error)
            self._on_refusal(code)
            busy = code in _NOT_NOW or http_status(error) >= _SERVER_ERROR
            return SendAttempted("unreachable" if busy else "refused", str(error))
        except AWS_CALL_ERRORS as error:
            return SendAttempted("unreachable", str(error))
        return SendAttempted("delivered")

    def _send(self, shard_id: str, discard: DiscardedBatch) -> None:
        destination = self._settings.destination_arn or ""
        _, _, service, _, account_id, name = destination.split(":", 5)
        document = failure_document(discard, shard_id, self._settings, str(uuid4()))
        if service == "sqs":
            client = self._client("sqs")
            url = f"{client.meta.endpoint_url}/{account_id}/{name}"
            client.send_message(QueueUrl=url, MessageBody=document_text(document))
        elif service == "sns":
            self._client("sns").publish(TopicArn=destination, Message=document_text(document))
        else:
            self._client("s3").put_object(
                Bucket=name,
                Key=self._object_key(shard_id, discard),
                Body=document_text(with_payload(document, discard)).encode("ascii"),
                ContentType="application/octet-stream",
            )

    def _object_key(self, shard_id: str, discard: DiscardedBatch) -> str:
        moment = datetime.fromtimestamp(discard.at, UTC)
        folder = f"aws/lambda/{self._settings.uuid}/{shard_id}/{moment:%Y/%m/%d}"
        return f"{folder}/{moment:%Y-%m-%dT%H.%M.%S}-{uuid4()}"
