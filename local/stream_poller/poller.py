"""Carries out what the delivery asks for, each action in a thread of its own, and tells it what came of it."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from delivery.decisions import DiscardedBatch, InvocationOutcome
from delivery.delivery import Delivery
from delivery.messages import (
    Action,
    Checkpoint,
    Event,
    Invoke,
    Invoked,
    ListingFailed,
    ListShards,
    LogEvent,
    PageRead,
    ReadFailed,
    ReadShard,
    SaveCheckpoint,
    SendAttempted,
    SendDocument,
    ShardsListed,
)
from delivery.records import StreamRecord
from functions.runtime.json_log import Log

# What the poller needs of the world: one protocol each, so that a test can put its own world in
# their places.


class Reader(Protocol):
    """Reads the stream."""

    def shards(self) -> ShardsListed | ListingFailed:
        """List the shards."""
        ...

    def read(self, wanted: ReadShard) -> PageRead | ReadFailed:
        """Read a page."""
        ...


class Invoker(Protocol):
    """Invokes the function."""

    def invoke(self, records: Sequence[StreamRecord]) -> InvocationOutcome:
        """Deliver records."""
        ...


class Destination(Protocol):
    """Takes failure documents."""

    def send(self, shard_id: str, discard: DiscardedBatch) -> SendAttempted:
        """Send one document."""
        ...


class Store(Protocol):
    """Keeps the checkpoint."""

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace it."""
        ...


@dataclass(frozen=True, kw_only=True)
class World:
    """All of it."""

    reader: Reader
    invoker: Invoker
    destination: Destination
    store: Store
    log: Log


_LONGEST_SLEEP_SECONDS = 1.0
"""Time is looked at this often at least: a laptop that was asleep wakes up with all its waits over."""


_SET_BACK_SECONDS = 1.0
"""So far the system's clock may go back: the delivery stands still until it has caught up."""


class _Crashed(NamedTuple):
    """An action ended in an error that its code doesn't foresee."""

    error: Exception


class Poller:
    """Runs one delivery.

    Args:
        delivery: Decides.
        world: Carries out.
    """

    def __init__(self, delivery: Delivery, world: World) -> None:
        self._delivery = delivery
        self._world = world
        # Safe to put into from a signal handler, which an Event or a Condition is not (documentation of `queue`).
        self._events: queue.SimpleQueue[Event | _Crashed | None] = queue.SimpleQueue()
        self._ending = False
        self._invocations = 0
        self._now = 0.0

    def end(self) -> None:
        """Begin nothing more. May be called from any thread and from a signal handler."""
        self._ending = True
        self._events.put(None)

    def run(self, grace_seconds: float) -> None:
        """Deliver until `end` is called, or the system's clock is set back: then a new delivery has to be begun.

        Args:
            grace_seconds: How long invocations under way are then waited for. What of them is still open is delivered
                again by the next run.

        Raises:
            Exception: What an action did not foresee; the next run goes on from the checkpoint.
        """
        while not (self._ending or self._is_set_back()):
            for action in self._delivery.step(self._time(), self._happened(self._seconds_to_wait())):
                self._carry_out(action)
        deadline = time.monotonic() + grace_seconds
        while self._invocations and (left := deadline - time.monotonic()) > 0:
            for action in self._delivery.step(self._time(), self._happened(left)):
                if isinstance(action, SaveCheckpoint | LogEvent):
                    self._carry_out(action)

    def _is_set_back(self) -> bool:
        behind = self._now - time.time()
        if behind <= _SET_BACK_SECONDS:
            return False
        self._world.log(
            "WARNING", "CLOCK SET BACK:", seconds=round(behind, 1), next="delivery begins again from its checkpoint"
        )
        return True

    def _time(self) -> float:
        # The system's clock may be set back; the delivery's never goes back.
        self._now = max(self._now, time.time())
        return self._now

    def _seconds_to_wait(self) -> float:
        due = self._delivery.next_time()
        return _LONGEST_SLEEP_SECONDS if due is None else min(max(due - self._time(), 0.0), _LONGEST_SLEEP_SECONDS)

    def _happened(self, timeout_seconds: float) -> list[Event]:
        """Return what happened, after the first event or the time given."""
        events: list[Event] = []
        try:
            event = self._events.get(timeout=timeout_seconds) if timeout_seconds > 0 else self._events.get_nowait()
            while True:
                if isinstance(event, _Crashed):
                    raise event.error
                if event is not None:
                    events.append(event)
                    self._invocations -= isinstance(event, Invoked)
                event = self._events.get_nowait()
        except queue.Empty:
            return events

    def _carry_out(self, action: Action) -> None:
        match action:
            case LogEvent(level, message, fields):
                self._world.log(level, message, **fields)
            case SaveCheckpoint(checkpoint):
                self._world.store.save(checkpoint)
            case ListShards():
                self._begin(self._world.reader.shards)
            case ReadShard():
                self._begin(lambda: self._world.reader.read(action))
            case Invoke(shard_id, lane, batch):
                self._invocations += 1
                self._begin(lambda: Invoked(shard_id, lane, self._world.invoker.invoke(batch.records)))
            case SendDocument(shard_id, discard):
                self._begin(lambda: self._world.destination.send(shard_id, discard))

    def _begin(self, work: Callable[[], Event]) -> None:
        # Daemons: a function that runs for minutes must not hold up the end of this process.
        threading.Thread(target=self._work, args=(work,), daemon=True).start()

    def _work(self, work: Callable[[], Event]) -> None:
        try:
            self._events.put(work())
        except Exception as error:  # noqa: BLE001  raised again by `run`: a lane that waits for ever would say nothing
            self._events.put(_Crashed(error))
