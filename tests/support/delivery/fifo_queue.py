"""An SQS FIFO queue in memory, by the rules that a consumer depends on.

Sources: SQS developer guide, "FIFO queue delivery logic" (a group's messages come in order, as many
as possible at once, and no more of it while one is in flight), "visibility timeout", "Using
dead-letter queues" (a message received `maximum_receives` times is moved at the next receive; its
count goes on).
"""

from dataclasses import dataclass, field
from itertools import count

from functions.runtime.json_log import JsonObject

BATCH_SIZE = 10


@dataclass
class QueuedMessage:
    """One message; `visible_at` is in seconds."""

    record: JsonObject
    group: str
    visible_at: float = 0.0
    receives: int = 0


@dataclass
class FifoQueue:
    """The queue, and the failure queue behind it."""

    visibility_seconds: float
    maximum_receives: int
    now: float = 0.0
    messages: list[QueuedMessage] = field(default_factory=list[QueuedMessage])
    failure_queue: list[JsonObject] = field(default_factory=list[JsonObject])
    _ids: "count[int]" = field(default_factory=count)

    def send(self, record: JsonObject, group: str) -> None:
        """Add a message; each gets an id of its own."""
        self.messages.append(QueuedMessage({**record, "messageId": f"m-{next(self._ids)}"}, group))

    def receive(self) -> list[JsonObject]:
        """Receive up to ten messages, as Lambda delivers them."""
        in_flight = {message.group for message in self.messages if message.visible_at > self.now}
        batch: list[JsonObject] = []
        for message in [message for message in self.messages if message.group not in in_flight]:
            if message.receives >= self.maximum_receives:
                self.messages.remove(message)
                self.failure_queue.append(self._as_delivered(message, message.receives + 1))
            elif len(batch) < BATCH_SIZE:
                message.receives += 1
                message.visible_at = self.now + self.visibility_seconds
                batch.append(self._as_delivered(message, message.receives))
        return batch

    def settle(self, batch: list[JsonObject], failed: set[str]) -> None:
        """Delete what isn't reported, as Lambda does after an answer."""
        ids = {record["messageId"] for record in batch} - failed
        self.messages = [message for message in self.messages if message.record["messageId"] not in ids]

    def delay(self, delays: dict[str, float]) -> None:
        """Set when messages come again: ChangeMessageVisibilityBatch."""
        for message in self.messages:
            if message.record["messageId"] in delays:
                message.visible_at = self.now + delays[message.record["messageId"]]

    def _as_delivered(self, message: QueuedMessage, receives: int) -> JsonObject:
        attributes = {**message.record["attributes"], "ApproximateReceiveCount": str(receives)}
        return {**message.record, "attributes": attributes}
