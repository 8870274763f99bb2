"""A stream's calls: read it, invoke its function, send failure documents.

Rules: Lambda developer guide, "Retaining discarded batches for a DynamoDB event source": a bucket
also gets the event itself, under `aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-
<random UUID>`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from delivery import messages
from delivery.decisions import DiscardedBatch, InvocationOutcome
from delivery.failure_documents import document_text, failure_document, with_payload
from delivery.messages import SendAttempted
from delivery.records import Batch
from delivery.settings import MappingSettings
from functions.runtime.aws import error_code, http_status
from functions.runtime.botocore_clients import AWS_CALL_ERRORS
from functions.runtime.json_log import Log
from local.aws_clients import STALE_CREDENTIALS

_NOT_NOW = STALE_CREDENTIALS | {
    "RequestThrottled",
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "SlowDown",
}
"""Codes that refuse the call, not the document. On AWS a role's credentials don't become stale."""

_SERVER_ERROR = 500


@dataclass(frozen=True, kw_only=True)
class StreamPorts:
    """What a stream's delivery calls."""

    list_shards: Callable[[], messages.ShardsListed | messages.ListingFailed]
    read: Callable[[messages.ReadShard], messages.PageRead | messages.ReadFailed]
    invoke: Callable[[Batch], InvocationOutcome]
    send_document: Callable[[str, DiscardedBatch], messages.SendAttempted]
    save: Callable[[messages.Checkpoint], None]
    log: Log

    @property
    def awaited(self) -> tuple[type, ...]:
        """The actions whose result is waited for when the poller ends."""
        return (messages.Invoke,)

    @property
    def completing(self) -> tuple[type, ...]:
        """The actions that are carried out even then."""
        return messages.SaveCheckpoint, messages.LogEvent

    def carry_out(self, action: messages.Action) -> Callable[[], messages.Event] | None:
        """Carry out an action at once, or return the call that does and returns its result."""
        match action:
            case messages.LogEvent(level, message, fields):
                self.log(level, message, **fields)
            case messages.SaveCheckpoint(checkpoint):
                self.save(checkpoint)
            case messages.ListShards():
                return self.list_shards
            case messages.ReadShard():
                return lambda: self.read(action)
            case messages.Invoke(shard_id, lane, batch):
                return lambda: messages.Invoked(shard_id, lane, self.invoke(batch))
            case messages.SendDocument(shard_id, discarded):
                return lambda: self.send_document(shard_id, discarded)
        return None


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
