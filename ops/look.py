"""A look at a queue: each message once, hidden from others no longer than the look takes, all of them given back."""

import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

from ops.interruption import StopRequested
from ops.message_queue import HELD_AT_MOST, Message, MessageQueue

HIDE_SECONDS = 60
"""Should the command be killed, others see the messages again after this long."""

MARGIN_SECONDS = 15
"""A look ends so long before its first message would show up again by itself."""

SILENT_ANSWERS = 3
"""Empty answers in a row that end a look although the queue's counter, which lags, says that there is more."""


class Look:
    """Receives what is visible; use it in a `with`, which gives everything back that wasn't removed.

    Attributes:
        complete: Whether nothing visible was left unseen.
        seen: How many messages have been seen.
    """

    def __init__(
        self,
        queue: MessageQueue,
        stop: StopRequested,
        *,
        hide_seconds: int = HIDE_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._stop = stop
        self._hide_seconds = hide_seconds
        self._now = now
        self._held: dict[str, tuple[str, float]] = {}
        self.complete = False
        self.seen = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        now = self._now()
        self._queue.give_back([receipt for receipt, until in self._held.values() if until > now])
        self._held.clear()

    def messages(self) -> Iterator[Message]:
        """Yield each visible message once, until there are none, time or room is up, or a stop is asked for."""
        ends_at = self._now() + self._hide_seconds - MARGIN_SECONDS
        silent = 0
        while not self._stop() and self._now() < ends_at and len(self._held) < HELD_AT_MOST:
            asked_at = self._now()
            received = self._queue.receive(self._hide_seconds)
            fresh = [message for message in received if message.message_id not in self._held]
            for message in received:
                self._held[message.message_id] = (message.receipt, asked_at + self._hide_seconds)
            self.seen += len(fresh)
            yield from fresh
            if received:
                silent = 0
                continue
            silent += 1
            if silent >= SILENT_ANSWERS or self._queue.depth().visible == 0:
                self.complete = True
                return

    def held(self) -> int:
        """Return how many messages this look hides at the moment."""
        return len(self._held)

    def remove(self, message_ids: Iterable[str]) -> int:
        """Remove messages from the queue, and return how many went; those that it keeps are given back at the end."""
        receipts = {message_id: self._held[message_id][0] for message_id in message_ids}
        refused = self._queue.remove(list(receipts.values()))
        removed = [message_id for message_id, receipt in receipts.items() if receipt not in refused]
        for message_id in removed:
            del self._held[message_id]
        return len(removed)
