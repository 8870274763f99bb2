"""Sends failure documents to the on-failure destination, with the function's role: a queue, a topic or a bucket.

Rules: Lambda developer guide, "Retaining discarded batches for a DynamoDB event source". A bucket also gets the event
itself, under `aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<random UUID>`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from functions.transient_failures import AWS_CALL_ERRORS, error_code, http_status
from local.event_source_mapping.failure_document import document_text, failure_document, with_payload
from local.event_source_mapping.failures import Discard
from local.event_source_mapping.messages import DocumentTried
from local.event_source_mapping.role_session import STALE_CREDENTIALS
from local.event_source_mapping.settings import MappingSettings

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

    def send(self, shard_id: str, discard: Discard) -> DocumentTried:
        """Send the document of a batch that was given up."""
        try:
            self._send(shard_id, discard)
        except ClientError as error:
            code = error_code(error)
            self._on_refusal(code)
            busy = code in _NOT_NOW or http_status(error) >= _SERVER_ERROR
            return DocumentTried("unreachable" if busy else "refused", str(error))
        except AWS_CALL_ERRORS as error:
            return DocumentTried("unreachable", str(error))
        return DocumentTried("delivered")

    def _send(self, shard_id: str, discard: Discard) -> None:
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

    def _object_key(self, shard_id: str, discard: Discard) -> str:
        moment = datetime.fromtimestamp(discard.at, UTC)
        folder = f"aws/lambda/{self._settings.uuid}/{shard_id}/{moment:%Y/%m/%d}"
        return f"{folder}/{moment:%Y-%m-%dT%H.%M.%S}-{uuid4()}"
