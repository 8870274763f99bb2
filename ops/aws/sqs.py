"""What the commands need of a queue: messages are received, held, given back or removed; nothing else.

Facts: SQS developer guide, "Amazon SQS visibility timeout", "Amazon SQS short and long polling", "Message quotas".
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from ops.errors import OpsError, explained

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient
    from types_boto3_sqs.type_defs import BatchResultErrorEntryTypeDef, MessageTypeDef


MESSAGES_PER_CALL = 10
"""The most messages SQS takes or gives in one call."""

BYTES_PER_CALL = 1_048_576
"""Of all messages in a call together, with names, types and values of their attributes (API, "SendMessageBatch")."""

HELD_AT_MOST = 100_000
"""So many messages are held at once; SQS stops giving messages of a standard queue at 120,000 in flight."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message as it was received, with the handle by which it can be given back or removed."""

    message_id: str
    receipt: str
    body: str
    sent_at: float
    """Seconds since the epoch."""
    receive_count: int
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])


class Outgoing(NamedTuple):
    """A message to be sent."""

    body: str
    attributes: Mapping[str, str]


class QueueDepth(NamedTuple):
    """About how many messages a queue has; SQS counts eventually, within a minute (API, "GetQueueAttributes")."""

    visible: int
    in_flight: int
    """Hidden, because somebody received them and holds them."""
    delayed: int

    @property
    def total(self) -> int:
        """About how many there are in all."""
        return sum(self)


class MessageQueue(Protocol):
    """A standard queue: no order, each message at least once, hidden from others while it is held."""

    @property
    def name(self) -> str:
        """The queue's name, to show."""
        ...

    def receive(self, hide_seconds: int) -> Sequence[Message]:
        """Return some messages, hidden from others for so long; none when none was visible for a second."""
        ...

    def give_back(self, receipts: Sequence[str]) -> None:
        """Make held messages visible again at once; one that isn't held any more is visible already."""
        ...

    def keep_hidden(self, receipts: Sequence[str], hide_seconds: int) -> frozenset[str]:
        """Hold messages for so long from now; return the receipts of those that aren't held any more."""
        ...

    def remove(self, receipts: Sequence[str]) -> frozenset[str]:
        """Delete held messages for good; return the receipts of those that could not be."""
        ...

    def send(self, messages: Sequence[Outgoing]) -> None:
        """Add messages; when it returns, the queue has all of them.

        Raises:
            OpsError: It has not; it may have some.
        """
        ...

    def depth(self) -> QueueDepth:
        """Count the messages, approximately."""
        ...


# A message queue in SQS: ten messages to a call, several calls at a time.

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")

CALLS_AT_A_TIME = 8
"""Enough to hide the network's latency; SQS itself takes any number (standard queues have no request quota)."""

LONG_POLL_SECONDS = 1
"""A long poll asks all of the queue's servers, so its silence means something; a short poll's doesn't."""


class SqsQueue:
    """A standard queue of SQS, by its URL."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url
        self._calls = ThreadPoolExecutor(CALLS_AT_A_TIME, thread_name_prefix="sqs")
        self._plenty = False

    @property
    def name(self) -> str:
        """The last part of the URL."""
        return self._url.rsplit("/", 1)[-1]

    def receive(self, hide_seconds: int) -> Sequence[Message]:
        """Ask once with patience; while full answers come, ask several times at once without any."""
        if self._plenty:
            answers = self._at_once(lambda _: self._received(hide_seconds), range(CALLS_AT_A_TIME))
            messages = [message for answer in answers if not isinstance(answer, OpsError) for message in answer]
            if messages:
                return messages
        messages = self._receive(hide_seconds, LONG_POLL_SECONDS)
        self._plenty = len(messages) == MESSAGES_PER_CALL
        return messages

    def _received(self, hide_seconds: int) -> list[Message] | OpsError:
        """Ask without patience; a failure is an answer too, lest what the others got stays hidden and is forgotten."""
        try:
            return self._receive(hide_seconds, 0)
        except OpsError as error:
            return error

    def _receive(self, hide_seconds: int, wait_seconds: int) -> list[Message]:
        with explained(f"the queue {self.name}"):
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=MESSAGES_PER_CALL,
                VisibilityTimeout=hide_seconds,
                WaitTimeSeconds=wait_seconds,
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
                MessageAttributeNames=["All"],
            )
        return [_message(entry) for entry in answer.get("Messages", [])]

    def give_back(self, receipts: Sequence[str]) -> None:
        """Set the visibility timeout to 0. What is refused is no longer held, which is what was wanted."""
        self.keep_hidden(receipts, 0)

    def keep_hidden(self, receipts: Sequence[str], hide_seconds: int) -> frozenset[str]:
        """Set the visibility timeout anew."""

        def change(batch: Sequence[str]) -> "list[BatchResultErrorEntryTypeDef]":
            return self._client.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(position), "ReceiptHandle": receipt, "VisibilityTimeout": hide_seconds}
                    for position, receipt in enumerate(batch)
                ],
            ).get("Failed", [])

        return self._in_batches(receipts, change)

    def remove(self, receipts: Sequence[str]) -> frozenset[str]:
        """Delete the messages."""

        def delete(batch: Sequence[str]) -> "list[BatchResultErrorEntryTypeDef]":
            return self._client.delete_message_batch(
                QueueUrl=self._url,
                Entries=[{"Id": str(position), "ReceiptHandle": receipt} for position, receipt in enumerate(batch)],
            ).get("Failed", [])

        return self._in_batches(receipts, delete)

    def send(self, messages: Sequence[Outgoing]) -> None:
        """Send in calls of ten, or of a mebibyte."""
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
            with explained(f"the queue {self.name}"):
                failed = self._client.send_message_batch(QueueUrl=self._url, Entries=entries).get("Failed", [])
            if failed:
                raise OpsError(
                    f"{len(failed)} messages were not taken by the queue {self.name}: {failed[0].get('Code', '')}",
                    "run the same command again: a message that is there twice counts once",
                )

    def depth(self) -> QueueDepth:
        """Read the queue's three counters."""
        with explained(f"the queue {self.name}"):
            counters = self._client.get_queue_attributes(
                QueueUrl=self._url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesNotVisible",
                    "ApproximateNumberOfMessagesDelayed",
                ],
            ).get("Attributes", {})
        return QueueDepth(
            visible=int(counters.get("ApproximateNumberOfMessages", 0)),
            in_flight=int(counters.get("ApproximateNumberOfMessagesNotVisible", 0)),
            delayed=int(counters.get("ApproximateNumberOfMessagesDelayed", 0)),
        )

    def _in_batches(
        self, receipts: Sequence[str], call: "Callable[[Sequence[str]], list[BatchResultErrorEntryTypeDef]]"
    ) -> frozenset[str]:
        batches = [receipts[start : start + MESSAGES_PER_CALL] for start in range(0, len(receipts), MESSAGES_PER_CALL)]
        with explained(f"the queue {self.name}"):
            answers = self._at_once(call, batches)
        return frozenset(
            batch[int(entry["Id"])] for batch, failed in zip(batches, answers, strict=True) for entry in failed
        )

    def _at_once(self, call: Callable[[_Argument], _Result], arguments: Iterable[_Argument]) -> list[_Result]:
        return list(self._calls.map(call, arguments))


def _sendable(messages: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    """Group messages, in order, into calls that SQS takes."""
    batch: list[Outgoing] = []
    room = BYTES_PER_CALL
    for message in messages:
        size = len(message.body.encode()) + sum(
            len(f"{name}String{value}".encode()) for name, value in message.attributes.items()
        )
        if batch and (len(batch) == MESSAGES_PER_CALL or size > room):
            yield batch
            batch, room = [], BYTES_PER_CALL
        batch.append(message)
        room -= size
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
