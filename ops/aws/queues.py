"""Messages: the queues, and the S3 bucket of the failed records too large for a message.

Sources: SQS developer guide, "Amazon SQS visibility timeout", "Amazon SQS short and long polling",
"Message quotas".
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from functions.dead_letters.queue import BYTES_PER_CALL, MESSAGES_PER_CALL, OBJECT_PREFIX
from ops.errors import OpsError, UnreadableRecordError, translate_aws_errors
from ops.job import in_batches

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_sqs.client import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef

MAX_IN_FLIGHT = 100_000
"""A command has at most this many messages in flight; SQS allows 120,000 in a standard queue."""

CONCURRENT_CALLS = 8  # enough to hide the network's latency; standard queues have no request quota

_CHARACTERS = re.compile("[\\t\\n\\r\\u0020-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]*")
_ATTRIBUTES = 10
_ATTRIBUTE_NAME = re.compile(
    r"(?!(?:aws|amazon)\.)(?=.{1,256}$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", re.ASCII | re.IGNORECASE
)

LONG_POLL_SECONDS = 1
"""Unlike a short poll, a long poll asks all of the queue's servers whether it is empty."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """A received message with its receipt handle."""

    message_id: str
    receipt: str
    body: str
    sent_at: float  # seconds since the epoch; 0 if the queue doesn't say
    receive_count: int
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])


class OutgoingMessage(NamedTuple):
    """A message to send."""

    body: str
    attributes: Mapping[str, str]

    @property
    def size(self) -> int:
        """Its bytes, as SQS counts them."""
        texts = (self.body, *(f"{name}String{value}" for name, value in self.attributes.items()))
        return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)

    @property
    def complaint(self) -> str | None:
        """Why no queue takes it; None if one does (API, "SendMessage", "MessageAttributeValue")."""
        texts = (self.body, *self.attributes.values())
        if not all(texts):
            return "a text in it is empty"
        if not all(map(_CHARACTERS.fullmatch, texts)):
            return "it has characters that SQS refuses"
        if len(self.attributes) > _ATTRIBUTES or not all(map(_ATTRIBUTE_NAME.fullmatch, self.attributes)):
            return "it has more attributes than SQS allows, or one of another name"
        return f"it is larger than {BYTES_PER_CALL:,} bytes" if self.size > BYTES_PER_CALL else None


class QueueDepth(NamedTuple):
    """Approximate numbers of messages, updated within a minute (API, "GetQueueAttributes")."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """The sum of all three."""
        return sum(self)


class MessageQueue:
    """A standard queue: no order, at-least-once delivery, visibility timeouts."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self.name = url.rsplit("/", 1)[-1]
        self._client = client
        self._url = url
        self._pool = ThreadPoolExecutor(CONCURRENT_CALLS, thread_name_prefix="sqs")
        self._last_receive_was_full = False

    def receive(self, visibility_timeout: int) -> Sequence[Message]:
        """Return some messages, in flight for so many seconds; none if none is visible."""
        # Long poll once; while batches come back full, short poll concurrently.
        if self._last_receive_was_full:
            results = list(self._pool.map(self._short_poll, [visibility_timeout] * CONCURRENT_CALLS))
            messages = [message for result in results if not isinstance(result, OpsError) for message in result]
            if messages:
                return messages
        messages = self._receive(visibility_timeout, LONG_POLL_SECONDS)
        self._last_receive_was_full = len(messages) == MESSAGES_PER_CALL
        return messages

    def _short_poll(self, visibility_timeout: int) -> list[Message] | OpsError:
        """Return an error instead of raising it, so that the other calls' messages aren't lost."""
        try:
            return self._receive(visibility_timeout, 0)
        except OpsError as error:
            return error

    def _receive(self, visibility_timeout: int, wait_seconds: int) -> list[Message]:
        with translate_aws_errors(f"the queue {self.name}"):
            response = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=MESSAGES_PER_CALL,
                VisibilityTimeout=visibility_timeout,
                WaitTimeSeconds=wait_seconds,
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
                MessageAttributeNames=["All"],
            )
        return [_message(entry) for entry in response.get("Messages", [])]

    def release(self, receipts: Sequence[str]) -> None:
        """Make messages visible again now; those no longer in flight already are."""
        self.change_visibility(receipts, 0)

    def change_visibility(self, receipts: Sequence[str], visibility_timeout: int) -> frozenset[str]:
        """Keep messages in flight for so many seconds; return the receipts no longer in flight."""
        change = self._client.change_message_visibility_batch
        return self._in_batches(change, receipts, VisibilityTimeout=visibility_timeout)

    def delete(self, receipts: Sequence[str]) -> frozenset[str]:
        """Delete messages in flight; return the receipts of those that stay in the queue."""
        return self._in_batches(self._client.delete_message_batch, receipts)

    def _in_batches(self, operation: Callable[..., Any], receipts: Sequence[str], **options: int) -> frozenset[str]:
        """Call with ten receipts at a time; return the receipts that SQS lists as failed."""

        def call(batch: Sequence[str]) -> list[str]:
            entries = [{"Id": str(at), "ReceiptHandle": receipt, **options} for at, receipt in enumerate(batch)]
            failed = operation(QueueUrl=self._url, Entries=entries).get("Failed", [])
            return [batch[int(entry["Id"])] for entry in failed]

        with translate_aws_errors(f"the queue {self.name}"):
            results = list(self._pool.map(call, in_batches(receipts, MESSAGES_PER_CALL)))
        return frozenset(receipt for failed in results for receipt in failed)

    def send(self, messages: Sequence[OutgoingMessage]) -> None:
        """Send all messages; an OpsError if the queue took some of them, or none."""
        for batch in _sendable(messages):
            entries: Any = [
                {
                    "Id": str(position),
                    "MessageBody": message.body,
                    "MessageAttributes": {
                        name: {"DataType": "String", "StringValue": value} for name, value in message.attributes.items()
                    },
                }
                for position, message in enumerate(batch)
            ]
            with translate_aws_errors(f"the queue {self.name}"):
                failed = self._client.send_message_batch(QueueUrl=self._url, Entries=entries).get("Failed", [])
            if failed:
                raise OpsError(
                    f"{len(failed)} messages were not taken by the queue {self.name}: {failed[0].get('Code', '')}",
                    "run the same command again: a message that is there twice counts once",
                )

    def depth(self) -> QueueDepth:
        """Return the approximate numbers of messages."""
        names: list[Any] = [f"ApproximateNumberOfMessages{state}" for state in ("", "NotVisible", "Delayed")]
        with translate_aws_errors(f"the queue {self.name}"):
            response: Any = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        return QueueDepth(*(int(response.get("Attributes", {}).get(name, 0)) for name in names))


def _sendable(messages: Sequence[OutgoingMessage]) -> Iterator[list[OutgoingMessage]]:
    """Group messages, in order, into calls of at most ten messages and one mebibyte."""
    batch: list[OutgoingMessage] = []
    room = BYTES_PER_CALL
    for message in messages:
        if batch and (len(batch) == MESSAGES_PER_CALL or message.size > room):
            yield batch
            batch, room = [], BYTES_PER_CALL
        batch.append(message)
        room -= message.size
    if batch:
        yield batch


def _message(entry: "MessageTypeDef") -> Message:
    system = entry.get("Attributes", {})
    return Message(
        message_id=entry.get("MessageId", ""),
        receipt=entry.get("ReceiptHandle", ""),
        body=entry.get("Body", ""),
        sent_at=int(system.get("SentTimestamp", 0)) / 1000,
        receive_count=int(system.get("ApproximateReceiveCount", 0)),
        attributes={
            name: value["StringValue"]
            for name, value in entry.get("MessageAttributes", {}).items()
            if "StringValue" in value
        },
    )


class ObjectVersion(NamedTuple):
    """One version of an object; a bucket that isn't versioned has one of each, named `null`."""

    bucket: str
    key: str
    version_id: str


class EnvelopeStore:
    """The stack's bucket of failed records that are too large for a message.

    Each method raises NotFoundError if the object or the bucket doesn't exist.

    Args:
        client: S3's.
        bucket: its name.
        owner: the stack's account. S3 refuses a call if the bucket is another's (S3 user guide,
            "Verifying bucket ownership with bucket owner condition").
    """

    def __init__(self, client: "S3Client", bucket: str, owner: str) -> None:
        self._client = client
        self._bucket = bucket
        self._owner: Any = {"ExpectedBucketOwner": owner}

    def fetch(self, location: str) -> str:
        """Return the envelope at `s3://bucket/key`; UnreadableRecordError for a place elsewhere."""
        check_location(location, self._bucket)
        key = location.removeprefix(f"s3://{self._bucket}/")
        with translate_aws_errors(f"the failed record {location}"):
            return self._read(Bucket=self._bucket, Key=key)

    def versions(self) -> Iterator[ObjectVersion]:
        """Yield every version of every object, also of those that were deleted or replaced."""
        with translate_aws_errors(f"the bucket {self._bucket}"):
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, **self._owner)
            for page in pages:
                for entry in page.get("Versions", []):
                    yield ObjectVersion(self._bucket, entry.get("Key", ""), entry.get("VersionId", ""))

    def fetch_version(self, version: ObjectVersion) -> str:
        """Return the envelope in a version of an object."""
        bucket, key, version_id = version
        with translate_aws_errors(f"the failed record s3://{bucket}/{key}"):
            return self._read(Bucket=bucket, Key=key, VersionId=version_id)

    def delete_version(self, version: ObjectVersion) -> None:
        """Delete a version for good; one that is gone already counts as deleted."""
        bucket, key, version_id = version
        with translate_aws_errors(f"the failed record s3://{bucket}/{key}"):
            self._client.delete_object(Bucket=bucket, Key=key, VersionId=version_id, **self._owner)

    def keep(self, location: str, text: str) -> None:
        """Write the envelope to `s3://bucket/key`, replacing what is there; raises as `fetch`."""
        check_location(location, self._bucket)
        key = location.removeprefix(f"s3://{self._bucket}/")
        with translate_aws_errors(f"the failed record {location}"):
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=text.encode(), ContentType="application/json", **self._owner
            )

    def _read(self, **place: str) -> str:
        return self._client.get_object(**place, **self._owner)["Body"].read().decode("utf-8", "replace")


def check_location(location: str, bucket: str) -> None:
    """Raise an UnreadableRecordError unless a stack with this bucket keeps records there."""
    place = f"s3://{bucket}/{OBJECT_PREFIX}"
    if not location.startswith(place) or location == place:
        raise UnreadableRecordError(
            f"{location!r} is no place of this stack's failed records, which are in {place}",
            "something else wrote the message: `dlq discard` saves and removes it",
        )
