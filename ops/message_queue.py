"""What the commands need of a queue: messages are received, held, given back or removed; nothing else.

Facts: SQS developer guide, "Amazon SQS visibility timeout", "Amazon SQS short and long polling", "Message quotas".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

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
