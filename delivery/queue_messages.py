"""What the delivery of a queue returns and takes: actions, events and the checkpoint."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from delivery.decisions import InvocationOutcome
from delivery.messages import LogEvent, MalformedCheckpointError
from functions.runtime.json_log import Json, JsonObject, is_object

_CHECKPOINT_VERSION = 1


class QueueMessage(NamedTuple):
    """One message that was received, ready to be delivered."""

    message_id: str
    receipt_handle: str
    group_id: str | None
    """Of a FIFO queue: messages of one group stay in order."""
    text: str
    """The message's body."""
    body: bytes
    """The message as JSON in an event, encoded once for all its deliveries."""


def queue_message(message: Mapping[str, Any], queue_arn: str) -> QueueMessage:
    """Convert a message of ReceiveMessage, received with all its attributes.

    Form: Lambda developer guide, "Using Lambda with Amazon SQS", example events. A message
    attribute has the members that SQS knows, with a small first letter, and binary in base64.
    """
    attributes: dict[str, str] = dict(message.get("Attributes", {}))
    event_form: JsonObject = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": attributes,
        "messageAttributes": {name: _attribute(each) for name, each in message.get("MessageAttributes", {}).items()},
        **(
            {"md5OfMessageAttributes": message["MD5OfMessageAttributes"]} if "MD5OfMessageAttributes" in message else {}
        ),
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }
    return QueueMessage(
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        group_id=attributes.get("MessageGroupId") if queue_arn.endswith(".fifo") else None,
        text=message["Body"],
        body=json.dumps(event_form, separators=(",", ":")).encode("ascii"),
    )


def _attribute(attribute: Mapping[str, Any]) -> JsonObject:
    value: JsonObject = {"stringListValues": [], "binaryListValues": []}
    for name, each in attribute.items():
        value[name[0].lower() + name[1:]] = b64encode(each).decode("ascii") if isinstance(each, bytes) else each
    return value


def messages_payload(messages: Sequence[QueueMessage]) -> bytes:
    """Return the event that delivers the messages."""
    return b'{"Records":[' + b",".join(message.body for message in messages) + b"]}"


@dataclass(frozen=True)
class QueueCheckpoint:
    """The messages in flight, which the queue hides because they were received for this mapping.

    After a crash nobody knows what became of them. The next delivery shows them again at once,
    instead of waiting until the queue does.
    """

    in_flight: Mapping[str, float] = field(default_factory=dict[str, float])
    """From a receipt handle to when the queue shows the message by itself, in seconds since the
    epoch."""

    def to_json(self) -> str:
        """Return the checkpoint as JSON."""
        return json.dumps({"version": _CHECKPOINT_VERSION, "inFlight": self.in_flight}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "QueueCheckpoint":
        """Read what `to_json` wrote.

        Raises:
            MalformedCheckpointError: The text is something else.
        """
        try:
            document: Json = json.loads(text)
        except ValueError:
            raise MalformedCheckpointError("it isn't JSON") from None
        version = document.get("version") if is_object(document) else None
        in_flight: Json = document.get("inFlight") if is_object(document) else None
        if version != _CHECKPOINT_VERSION or not is_object(in_flight):
            raise MalformedCheckpointError(f"it isn't a queue's checkpoint of version {_CHECKPOINT_VERSION}")
        if not all(isinstance(until, int | float) for until in in_flight.values()):
            raise MalformedCheckpointError("its messages in flight have no times")
        return cls(in_flight)


class ShowMessages(NamedTuple):
    """Make hidden messages visible again; answered by `Shown`."""

    receipt_handles: Sequence[str]


class ReceiveMessages(NamedTuple):
    """Receive messages, waiting for the first; answered by `Received` or `ReceiveFailed`.

    The caller hides them for `Assumptions.hold_seconds` only. If it dies before their receipt
    handles are saved, the queue shows them again after that, and nobody else could.
    """

    limit: int


class HideMessages(NamedTuple):
    """Hide messages for the queue's visibility timeout; answered by `Hidden`."""

    messages: Sequence[QueueMessage]


class InvokeWithMessages(NamedTuple):
    """Invoke the function with a batch; answered by `InvokedWithMessages`."""

    batch: int
    messages: Sequence[QueueMessage]


class DeleteMessages(NamedTuple):
    """Delete messages from the queue; answered by `Deleted`."""

    messages: Sequence[QueueMessage]


class SaveQueueCheckpoint(NamedTuple):
    """Save the checkpoint; not answered."""

    checkpoint: QueueCheckpoint


QueueAction = (
    ShowMessages | ReceiveMessages | HideMessages | InvokeWithMessages | DeleteMessages | SaveQueueCheckpoint | LogEvent
)


@dataclass(frozen=True)
class Shown:
    """An attempt to make messages visible ended."""

    receipt_handles: Sequence[str]
    failure: str | None = None
    """None when none of them is hidden by this receipt handle any more."""


@dataclass(frozen=True)
class Received:
    """Messages were received; none when the wait was in vain."""

    messages: Sequence[QueueMessage]
    visibility_seconds: float
    """The queue's visibility timeout."""


@dataclass(frozen=True)
class ReceiveFailed:
    """The queue could not be read."""

    reason: str


@dataclass(frozen=True)
class Hidden:
    """An attempt to hide messages ended."""

    messages: Sequence[QueueMessage]
    failure: str | None = None
    """None when all of them are hidden."""


@dataclass(frozen=True)
class InvokedWithMessages:
    """An attempt to invoke the function ended."""

    batch: int
    outcome: InvocationOutcome


@dataclass(frozen=True)
class Deleted:
    """An attempt to delete messages ended."""

    messages: Sequence[QueueMessage]
    failure: str | None = None
    """None when none of them is in the queue by this receipt handle any more."""


QueueEvent = Shown | Received | ReceiveFailed | Hidden | InvokedWithMessages | Deleted
