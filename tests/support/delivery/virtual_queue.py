"""Delivery of a queue in virtual time: the queue, the function and the clock are virtual."""

import heapq
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

from delivery import queue_messages as messages
from delivery.assumptions import Assumptions
from delivery.decisions import FunctionFailed, FunctionReturned, InvocationOutcome, NotAdmitted
from delivery.queue import QueueDelivery
from delivery.records import Invocation
from delivery.settings import QueueMappingSettings

QUEUE_ARN = "arn:aws:sqs:eu-west-1:000000000000:Queue"
FUNCTION_ARN = "arn:aws:lambda:eu-west-1:000000000000:function:Consumer"
VISIBILITY_SECONDS = 180.0
CALL_SECONDS = 0.01
LONG_POLL_SECONDS = 10.0

_ANSWERED = Invocation(request_id="r")


def queue_settings(*, fifo: bool = False, **changes: object) -> QueueMappingSettings:
    """Return settings with changes."""
    usual: dict[str, object] = {
        "uuid": "queue-mapping",
        "queue_arn": QUEUE_ARN + (".fifo" if fifo else ""),
        "function_arn": FUNCTION_ARN,
        "report_batch_item_failures": True,
    }
    return QueueMappingSettings(**(usual | changes))  # pyright: ignore[reportArgumentType]  checked by its users


@dataclass
class _Kept:
    """One message in the queue."""

    message_id: str
    text: str
    group_id: str | None
    visible_at: float
    receives: int = 0
    receipt_handle: str = ""


class VirtualQueue:
    """An SQS queue, standard or FIFO, as far as receivers see it."""

    def __init__(self, *, fifo: bool) -> None:
        self.fifo = fifo
        self.kept: list[_Kept] = []
        self._numbers = count(1)

    def send(self, text: str, group_id: str | None, now: float) -> str:
        message_id = f"m{next(self._numbers)}"
        self.kept.append(_Kept(message_id, text, group_id if self.fifo else None, now))
        return message_id

    def receive(self, limit: int, hide_seconds: float, now: float) -> list[messages.QueueMessage]:
        in_flight = {kept.group_id for kept in self.kept if kept.visible_at > now and kept.group_id}
        found = [kept for kept in self.kept if kept.visible_at <= now and kept.group_id not in in_flight][:limit]
        for kept in found:
            kept.receives += 1
            kept.receipt_handle = f"{kept.message_id}-{kept.receives}"
            kept.visible_at = now + hide_seconds
        return [self._received(kept) for kept in found]

    def _received(self, kept: _Kept) -> messages.QueueMessage:
        group = {"MessageGroupId": kept.group_id} if kept.group_id else {}
        return messages.queue_message(
            {
                "MessageId": kept.message_id,
                "ReceiptHandle": kept.receipt_handle,
                "Body": kept.text,
                "MD5OfBody": "-",
                "Attributes": {"ApproximateReceiveCount": str(kept.receives), **group},
            },
            QUEUE_ARN + (".fifo" if self.fifo else ""),
        )

    def next_visible_at(self, now: float) -> float | None:
        return min((kept.visible_at for kept in self.kept if kept.visible_at > now), default=None)

    def by_handle(self, receipt_handle: str) -> _Kept | None:
        return next((kept for kept in self.kept if kept.receipt_handle == receipt_handle), None)


class _Scheduled(NamedTuple):
    at: float
    number: int
    life: int
    happen: Callable[[], messages.QueueEvent | None]


@dataclass
class Coming:
    """What the next calls and invocations meet."""

    outcomes: list[str] = field(default_factory=list[str])
    """Of invocations: `raises`, `throttled`, `fails all`, `fails some`, `slow`, `answer lost`."""
    failing_calls: int = 0


class VirtualQueueDelivery:
    """A queue and its delivery.

    Attributes:
        processed: Message ids in the order in which the function processed them.
        batches: Of each invocation that was admitted.
    """

    def __init__(self, settings: QueueMappingSettings, assumptions: Assumptions | None = None) -> None:
        self.settings = settings
        self.assumptions = assumptions or Assumptions()
        self.queue = VirtualQueue(fifo=settings.is_fifo)
        self.now = 1_000_000.0
        self.coming = Coming()
        self.processed: list[str] = []
        self.batches: list[list[str]] = []
        self.delivered: list[str] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.groups_in_flight: list[set[str]] = []
        self.saved: messages.QueueCheckpoint | None = None
        self.delivery = QueueDelivery(settings, self.assumptions, None)
        self.life = 0
        self._ids = count(1)
        self._schedule: list[_Scheduled] = []

    def send(self, text: str = "{}", group_id: str | None = "g") -> str:
        return self.queue.send(text, group_id, self.now)

    def crash(self) -> None:
        """Kill the poller and start another. A receive that waits goes on in the service."""
        self.life += 1
        self.in_flight = 0
        self.groups_in_flight = []
        self.delivery = QueueDelivery(self.settings, self.assumptions, self.saved)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self._jump(end):
            pass
        self.now = end

    def run_until_empty(self, longest_seconds: float = 1e5) -> float:
        """Let time pass until the queue is empty; return how long that took."""
        start, end = self.now, self.now + longest_seconds
        while self.queue.kept or not self.delivery.is_idle:
            assert self._jump(end), f"{len(self.queue.kept)} messages are left"
        return self.now - start

    def _jump(self, end: float) -> bool:
        due = self.delivery.next_time()
        times = [time for time in (due, self._schedule[0].at if self._schedule else None) if time is not None]
        if not times or (moment := max(min(times), self.now)) > end:
            return False
        self.now = moment
        events: list[messages.QueueEvent] = []
        while self._schedule and self._schedule[0].at <= self.now:
            scheduled = heapq.heappop(self._schedule)
            event = scheduled.happen()
            if event is not None and scheduled.life == self.life:
                events.append(event)
        for action in self.delivery.step(self.now, events):
            self._carry_out(action)
        return True

    def _carry_out(self, action: messages.QueueAction) -> None:
        match action:
            case messages.SaveQueueCheckpoint(checkpoint):
                self.saved = messages.QueueCheckpoint.from_json(checkpoint.to_json())
            case messages.ShowMessages(handles):
                self._later(lambda: messages.Shown(handles, self._change(handles, 0.0)))
            case messages.ReceiveMessages(limit):
                assert 1 <= limit <= 10
                life, deadline = self.life, self.now + LONG_POLL_SECONDS
                self._later(lambda: self._receive(limit, deadline, life))
            case messages.HideMessages(hidden):
                handles = [message.receipt_handle for message in hidden]
                assert self.saved is not None
                assert set(handles) <= self.saved.in_flight.keys()
                self._later(lambda: messages.Hidden(hidden, self._change(handles, VISIBILITY_SECONDS)))
            case messages.InvokeWithMessages(number, batch):
                self._invoke(number, batch)
            case messages.DeleteMessages(deleted):
                self._later(lambda: messages.Deleted(deleted, self._delete(deleted)))
            case _:
                pass

    def _later(self, happen: Callable[[], messages.QueueEvent | None], seconds: float = CALL_SECONDS) -> None:
        heapq.heappush(self._schedule, _Scheduled(self.now + seconds, next(self._ids), self.life, happen))

    def _call_fails(self) -> bool:
        self.coming.failing_calls = max(self.coming.failing_calls - 1, -1)
        return self.coming.failing_calls >= 0

    def _receive(self, limit: int, deadline: float, life: int) -> messages.QueueEvent | None:
        if self._call_fails():
            return messages.ReceiveFailed("as the test wants it")
        found = self.queue.receive(limit, self.assumptions.hold_seconds, self.now)
        if not found and self.now < deadline:
            # The service looks again; a dead poller's receive goes on too.
            heapq.heappush(
                self._schedule,
                _Scheduled(self.now + 0.1, next(self._ids), life, lambda: self._receive(limit, deadline, life)),
            )
            return None
        return messages.Received(found, VISIBILITY_SECONDS)

    def _change(self, handles: Sequence[str], seconds: float) -> str | None:
        if self._call_fails():
            return "as the test wants it"
        for handle in handles:
            if (kept := self.queue.by_handle(handle)) is not None:
                kept.visible_at = self.now + seconds
        return None

    def _delete(self, deleted: Sequence[messages.QueueMessage]) -> str | None:
        if self._call_fails():
            return "as the test wants it"
        handles = {message.receipt_handle for message in deleted}
        self.queue.kept = [kept for kept in self.queue.kept if kept.receipt_handle not in handles]
        return None

    def _invoke(self, number: int, batch: Sequence[messages.QueueMessage]) -> None:
        records = json.loads(messages.messages_payload(batch))["Records"]
        ids = [record["messageId"] for record in records]
        groups = {message.group_id for message in batch if message.group_id}
        assert not any(groups & others for others in self.groups_in_flight), "two batches of one group"
        self.groups_in_flight.append(groups)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.delivered += ids
        fault = self.coming.outcomes.pop(0) if self.coming.outcomes else ""
        life = self.life

        def happen() -> messages.QueueEvent:
            if life == self.life:
                self.in_flight -= 1
                self.groups_in_flight.remove(groups)
            return messages.InvokedWithMessages(number, self._outcome(ids, fault))

        self._later(happen, 20.0 if fault == "slow" else CALL_SECONDS)

    def _outcome(self, ids: list[str], fault: str) -> InvocationOutcome:
        if fault == "throttled":
            return NotAdmitted("TooManyRequestsException")
        self.batches.append(ids)
        if fault == "raises":
            return FunctionFailed(_ANSWERED)
        processed = 0 if fault == "fails all" else len(ids) // 2 if fault == "fails some" else len(ids)
        self.processed += ids[:processed]
        if fault == "answer lost":
            return NotAdmitted("connection closed")
        response = {"batchItemFailures": [{"itemIdentifier": each} for each in ids[processed:]]}
        return FunctionReturned(json.dumps(response).encode(), _ANSWERED)
