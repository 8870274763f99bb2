"""Read a queue: receive each visible message once, then release those that weren't deleted."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Self

from ops.aws.queues import MAX_IN_FLIGHT, Message, MessageQueue, QueueDepth
from ops.job import StopRequested
from ops.output import in_flight_elsewhere

VISIBILITY_TIMEOUT = 60
"""Seconds. If the command is killed, the messages become visible again after this time."""

MARGIN_SECONDS = 15  # a peek ends this long before its first message would become visible again

EMPTY_RECEIVES = 3
"""Empty responses in a row end a peek even if the queue's depth, which lags behind, is positive."""


class Peek:
    """A context manager that releases at its end what it received and didn't delete."""

    def __init__(
        self,
        queue: MessageQueue,
        stop_requested: StopRequested,
        *,
        visibility_timeout: int = VISIBILITY_TIMEOUT,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._stop_requested = stop_requested
        self._visibility_timeout = visibility_timeout
        self._now = now
        self._in_flight: dict[str, tuple[str, float]] = {}
        """Receipt handle and time of expiry, by message id."""
        self.complete = False
        """Whether every visible message was received."""
        self.received = 0
        """Number of messages received."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        now = self._now()
        self._queue.release([receipt for receipt, until in self._in_flight.values() if until > now])
        self._in_flight.clear()

    def messages(self) -> Iterator[Message]:
        """Yield each visible message once, until none is left, a limit, or a requested stop."""
        ends_at = self._now() + self._visibility_timeout - MARGIN_SECONDS
        empty = 0
        while not self._stop_requested() and self._now() < ends_at and len(self._in_flight) < MAX_IN_FLIGHT:
            until = self._now() + self._visibility_timeout
            messages = self._queue.receive(self._visibility_timeout)
            new = [message for message in messages if message.message_id not in self._in_flight]
            self._in_flight |= {message.message_id: (message.receipt, until) for message in messages}
            self.received += len(new)
            yield from new
            empty = 0 if messages else empty + 1
            if empty >= EMPTY_RECEIVES or (empty and self._queue.depth().visible == 0):
                self.complete = True
                return

    def in_flight_elsewhere(self, depth: QueueDepth) -> int:
        """Return the approximate number in flight in other consumers, given the queue's depth."""
        return max(0, depth.in_flight - len(self._in_flight))

    def delete(self, message_ids: Iterable[str]) -> int:
        """Delete messages and return how many; those that stay are released at the end."""
        receipts = {message_id: self._in_flight[message_id][0] for message_id in message_ids}
        refused = self._queue.delete(list(receipts.values()))
        deleted = [message_id for message_id, receipt in receipts.items() if receipt not in refused]
        for message_id in deleted:
            del self._in_flight[message_id]
        return len(deleted)


def unread_remark(peek: Peek, depth: QueueDepth, advice: str) -> str | None:
    """Return a remark on messages that the peek, before its end, didn't receive, if any."""
    if elsewhere := peek.in_flight_elsewhere(depth):
        return in_flight_elsewhere(elsewhere)
    if not peek.complete:
        return f"Not all: {peek.received:,} of about {depth.total:,} were read. {advice}"
    return None
