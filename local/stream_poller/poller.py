"""Carries out a delivery's actions, each call in its own thread, and feeds the results back."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from delivery import messages
from delivery.decisions import DiscardedBatch, InvocationOutcome
from delivery.delivery import Delivery
from delivery.records import StreamRecord
from functions.runtime.json_log import Log

_LONGEST_SLEEP_SECONDS = 1.0
"""The clock is read at least this often: when a laptop wakes up, all its waits may be over."""

_SET_BACK_SECONDS = 1.0
"""Tolerated step back of the system's clock: the delivery waits until the clock has caught up."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """What the poller calls to carry out a delivery's actions."""

    list_shards: Callable[[], messages.ShardsListed | messages.ListingFailed]
    read: Callable[[messages.ReadShard], messages.PageRead | messages.ReadFailed]
    invoke: Callable[[Sequence[StreamRecord]], InvocationOutcome]
    send_document: Callable[[str, DiscardedBatch], messages.SendAttempted]
    save: Callable[[messages.Checkpoint], None]
    log: Log


class Poller:
    """Runs one delivery."""

    def __init__(self, delivery: Delivery, ports: Ports) -> None:
        self._delivery = delivery
        self._ports = ports
        # A SimpleQueue's put is reentrant (documentation of `queue`): a signal handler may call it.
        self._events: queue.SimpleQueue[messages.Event | Exception | None] = queue.SimpleQueue()
        self._ending = False
        self._invocations = 0
        self._now = 0.0

    def end(self) -> None:
        """Start no further action. May be called from any thread and from a signal handler."""
        self._ending = True
        self._events.put(None)

    def run(self, grace_seconds: float) -> None:
        """Deliver until `end` is called, or the clock is set back and a new delivery must begin.

        At the end it waits `grace_seconds` for invocations in flight. What is open then, or when a
        call raises an unhandled error here, is delivered again by the next run.
        """
        while not (self._ending or self._is_set_back()):
            for action in self._delivery.step(self._time(), self._wait(self._seconds_to_wait())):
                self._carry_out(action)
        deadline = time.monotonic() + grace_seconds
        while self._invocations and (left := deadline - time.monotonic()) > 0:
            for action in self._delivery.step(self._time(), self._wait(left)):
                if isinstance(action, messages.SaveCheckpoint | messages.LogEvent):
                    self._carry_out(action)

    def _is_set_back(self) -> bool:
        behind = self._now - time.time()
        if behind <= _SET_BACK_SECONDS:
            return False
        next_step = "delivery begins again from its checkpoint"
        self._ports.log("WARNING", "CLOCK SET BACK:", seconds=round(behind, 1), next=next_step)
        return True

    def _time(self) -> float:
        # The system's clock can go back, the delivery's must not.
        self._now = max(self._now, time.time())
        return self._now

    def _seconds_to_wait(self) -> float:
        due = self._delivery.next_time()
        return _LONGEST_SLEEP_SECONDS if due is None else min(max(due - self._time(), 0.0), _LONGEST_SLEEP_SECONDS)

    def _wait(self, timeout_seconds: float) -> list[messages.Event]:
        """Return the events so far, as soon as there is one or the time is over."""
        events: list[messages.Event] = []
        try:
            event = self._events.get(timeout=timeout_seconds) if timeout_seconds > 0 else self._events.get_nowait()
            while True:
                if isinstance(event, Exception):
                    raise event
                if event is not None:
                    events.append(event)
                    self._invocations -= isinstance(event, messages.Invoked)
                event = self._events.get_nowait()
        except queue.Empty:
            return events

    def _carry_out(self, action: messages.Action) -> None:
        ports = self._ports
        match action:
            case messages.LogEvent(level, message, fields):
                ports.log(level, message, **fields)
            case messages.SaveCheckpoint(checkpoint):
                ports.save(checkpoint)
            case messages.ListShards():
                self._call(ports.list_shards)
            case messages.ReadShard():
                self._call(lambda: ports.read(action))
            case messages.Invoke(shard_id, lane, batch):
                self._invocations += 1
                self._call(lambda: messages.Invoked(shard_id, lane, ports.invoke(batch.records)))
            case messages.SendDocument(shard_id, discarded):
                self._call(lambda: ports.send_document(shard_id, discarded))

    def _call(self, call: Callable[[], messages.Event]) -> None:
        # Daemons, so that a function that runs for minutes doesn't delay the end of this process.
        threading.Thread(target=self._call_and_report, args=(call,), daemon=True).start()

    def _call_and_report(self, call: Callable[[], messages.Event]) -> None:
        try:
            self._events.put(call())
        except Exception as error:  # noqa: BLE001  `run` raises it: otherwise the lane would wait in silence
            self._events.put(error)
