"""Carries out a delivery's actions, each call in its own thread, and feeds the results back."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from functions.runtime.json_log import Log

_LONGEST_SLEEP_SECONDS = 1.0
"""The clock is read at least this often: when a laptop wakes up, all its waits may be over."""

_SET_BACK_SECONDS = 1.0
"""Tolerated step back of the system's clock: the delivery waits until the clock has caught up."""

Action = TypeVar("Action")
Event = TypeVar("Event")
_TakenAction_contra = TypeVar("_TakenAction_contra", contravariant=True)
_GivenAction_co = TypeVar("_GivenAction_co", covariant=True)
_TakenEvent_contra = TypeVar("_TakenEvent_contra", contravariant=True)
_GivenEvent_co = TypeVar("_GivenEvent_co", covariant=True)


class Steps(Protocol[_GivenAction_co, _TakenEvent_contra]):
    """A delivery of delivery/: events in, actions out."""

    def step(self, now: float, events: Sequence[_TakenEvent_contra]) -> Sequence[_GivenAction_co]:
        """Take the events, and return the actions to carry out now, in this order."""
        ...

    def next_time(self) -> float | None:
        """Return when to step next without events; a past time means now, None never."""
        ...


class Ports(Protocol[_TakenAction_contra, _GivenEvent_co]):
    """Carries out the actions of one kind of delivery."""

    @property
    def awaited(self) -> tuple[type, ...]:
        """The actions whose result is waited for when the poller ends."""
        ...

    @property
    def completing(self) -> tuple[type, ...]:
        """The actions that are carried out even then, because they complete others."""
        ...

    def carry_out(self, action: _TakenAction_contra) -> Callable[[], _GivenEvent_co] | None:
        """Carry out an action at once, or return the call that does and returns its result."""
        ...


class _Result(NamedTuple, Generic[Event]):
    event: Event | Exception | None
    awaited: bool = False


class Poller(Generic[Action, Event]):
    """Runs one delivery."""

    def __init__(self, delivery: Steps[Action, Event], ports: Ports[Action, Event], log: Log) -> None:
        self._delivery = delivery
        self._ports = ports
        self._log = log
        # A SimpleQueue's put is reentrant (documentation of `queue`): a signal handler may call it.
        self._results: queue.SimpleQueue[_Result[Event]] = queue.SimpleQueue()
        self._ending = False
        self._awaited = 0
        self._now = 0.0

    def end(self) -> None:
        """Start no further action. May be called from any thread and from a signal handler."""
        self._ending = True
        self._results.put(_Result(None))

    def tell(self, event: Event) -> None:
        """Pass an event to the delivery that is no result of an action. Any thread may."""
        self._results.put(_Result(event))

    def run(self, grace_seconds: float) -> None:
        """Deliver until `end` is called, or the clock is set back and a new delivery must begin.

        At the end it waits `grace_seconds` for invocations in flight. What is open then, or when a
        call raises an unhandled error here, is delivered again by the next run.
        """
        while not (self._ending or self._is_set_back()):
            for action in self._delivery.step(self._time(), self._wait(self._seconds_to_wait())):
                self._carry_out(action)
        deadline = time.monotonic() + grace_seconds
        while self._awaited and (left := deadline - time.monotonic()) > 0:
            for action in self._delivery.step(self._time(), self._wait(left)):
                if isinstance(action, self._ports.completing):
                    self._carry_out(action)

    def _is_set_back(self) -> bool:
        behind = self._now - time.time()
        if behind <= _SET_BACK_SECONDS:
            return False
        next_step = "delivery begins again from its checkpoint"
        self._log("WARNING", "CLOCK SET BACK:", seconds=round(behind, 1), next=next_step)
        return True

    def _time(self) -> float:
        # The system's clock can go back, the delivery's must not.
        self._now = max(self._now, time.time())
        return self._now

    def _seconds_to_wait(self) -> float:
        due = self._delivery.next_time()
        return _LONGEST_SLEEP_SECONDS if due is None else min(max(due - self._time(), 0.0), _LONGEST_SLEEP_SECONDS)

    def _wait(self, timeout_seconds: float) -> list[Event]:
        """Return the events so far, as soon as there is one or the time is over."""
        events: list[Event] = []
        try:
            result = self._results.get(timeout=timeout_seconds) if timeout_seconds > 0 else self._results.get_nowait()
            while True:
                if isinstance(result.event, Exception):
                    raise result.event
                if result.event is not None:
                    events.append(result.event)
                self._awaited -= result.awaited
                result = self._results.get_nowait()
        except queue.Empty:
            return events

    def _carry_out(self, action: Action) -> None:
        call = self._ports.carry_out(action)
        if call is not None:
            awaited = isinstance(action, self._ports.awaited)
            self._awaited += awaited
            # Daemons, so that a function that runs for minutes doesn't delay the process's end.
            threading.Thread(target=self._call_and_report, args=(call, awaited), daemon=True).start()

    def _call_and_report(self, call: Callable[[], Event], awaited: bool) -> None:  # noqa: FBT001  a thread's arguments
        try:
            self._results.put(_Result(call(), awaited))
        except Exception as error:  # noqa: BLE001  `run` raises it: otherwise the delivery would wait in silence
            self._results.put(_Result(error))
