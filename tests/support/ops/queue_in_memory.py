"""A queue with visibility timeouts, a clock that tests move, and a process that can be killed.

`StepLimit` ends a process before or after any effect, as `kill -9` would.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ops.aws.queues import MESSAGES_PER_CALL, Message, MessageQueue, OutgoingMessage, QueueDepth

NOON = 1_795_521_600.0
"""Of 24 November 2026, in seconds since the epoch."""


class KilledError(BaseException):
    """The process was killed: nothing of it runs any more, no `finally` either."""


@dataclass
class StepLimit:
    """How many more steps a process may take; None for any number."""

    steps: int | None = None

    def step(self) -> None:
        """Take one step, or die; a dead process takes none."""
        if self.steps is not None:
            self.steps -= 1
            if self.steps < 0:
                self.steps = 0
                raise KilledError


class Clock:
    """Moves when somebody sleeps or `pass_by` is called."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> float:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.time += seconds


@dataclass
class _Stored:
    message: Message
    visible_at: float


class QueueInMemory(MessageQueue):
    """A standard queue: gives messages in any order, and hides what it gave."""

    def __init__(self, name: str, clock: Clock, step_limit: StepLimit, choice: random.Random) -> None:
        self.name = name
        self._clock = clock
        self._step_limit = step_limit
        self._choice = choice
        self._stored: dict[str, _Stored] = {}
        self._receipts = 0
        self._sent = 0

    def send(self, messages: Sequence[OutgoingMessage]) -> None:
        self._step_limit.step()
        for message in messages:
            self.put(message.body, message.attributes)
        self._step_limit.step()

    def put(self, body: str, attributes: Mapping[str, str] | None = None) -> str:
        self._sent += 1
        message_id = f"message-{self._sent:06d}"
        message = Message(
            message_id=message_id,
            receipt="",
            body=body,
            sent_at=self._clock.now(),
            receive_count=0,
            attributes=attributes or {},
        )
        self._stored[message_id] = _Stored(message, self._clock.now())
        return message_id

    def bodies(self) -> list[str]:
        return [stored.message.body for stored in self._stored.values()]

    def visible(self) -> int:
        return sum(stored.visible_at <= self._clock.now() for stored in self._stored.values())

    def receive(self, visibility_timeout: int) -> Sequence[Message]:
        self._step_limit.step()
        candidates = [stored for stored in self._stored.values() if stored.visible_at <= self._clock.now()]
        given = self._choice.sample(candidates, min(len(candidates), self._choice.randint(1, MESSAGES_PER_CALL)))
        for stored in given:
            self._receipts += 1
            stored.visible_at = self._clock.now() + visibility_timeout
            stored.message = replace(
                stored.message, receipt=f"receipt-{self._receipts}", receive_count=stored.message.receive_count + 1
            )
        self._step_limit.step()
        return [stored.message for stored in given]

    def release(self, receipts: Sequence[str]) -> None:
        self.change_visibility(receipts, 0)

    def change_visibility(self, receipts: Sequence[str], visibility_timeout: int) -> frozenset[str]:
        return self._each(
            receipts, lambda stored: setattr(stored, "visible_at", self._clock.now() + visibility_timeout)
        )

    def delete(self, receipts: Sequence[str]) -> frozenset[str]:
        return self._each(receipts, lambda stored: self._stored.pop(stored.message.message_id))

    def depth(self) -> QueueDepth:
        self._step_limit.step()
        return QueueDepth(visible=self.visible(), in_flight=len(self._stored) - self.visible(), delayed=0)

    def _each(self, receipts: Sequence[str], act: Callable[[_Stored], object]) -> frozenset[str]:
        """Act on messages one by one, because a kill may come between any two of a call."""
        refused: set[str] = set()
        for receipt in receipts:
            self._step_limit.step()
            stored = next((stored for stored in self._stored.values() if stored.message.receipt == receipt), None)
            if stored is None or stored.visible_at <= self._clock.now():
                refused.add(receipt)
            else:
                act(stored)
        self._step_limit.step()
        return frozenset(refused)
