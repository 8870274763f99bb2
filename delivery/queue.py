"""Delivery of an SQS queue: events in, actions out, as `delivery.Delivery` does for a stream.

Rules: Lambda developer guide, "Using Lambda with Amazon SQS", "Handling errors for an SQS event
source in Lambda", "Configuring scaling behavior for SQS event source mappings":

- A batch that the function processed is deleted. A message that the response names, and the whole
  batch after an exception or a timeout, stays: the queue shows it again when its visibility
  timeout is over, and moves it to the queue's own dead-letter queue after too many receives.
- A throttled batch is tried again, with growing waits, for as long as its messages are hidden.
- After refusals fewer batches are in flight, after successes more again; after failures too,
  unless the function reports batch item failures.
- A message that the filters don't let through is deleted.
- Of one message group of a FIFO queue, one batch at a time is in flight.

What AWS doesn't show is a crash of the poller itself: see `queue_messages.QueueCheckpoint`.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from delivery import queue_messages as messages
from delivery.assumptions import Assumptions
from delivery.decisions import FunctionFailed, InvocationOutcome, NotAdmitted, failed_positions
from delivery.event_counts import EventCounts
from delivery.filters import MessageFilter
from delivery.messages import LogEvent
from delivery.queue_messages import QueueMessage
from delivery.records import EVENT_BYTES
from delivery.schedule import CallSchedule
from delivery.settings import QueueMappingSettings

MOST_MESSAGES_PER_CALL = 10
"""Source: SQS API reference, ReceiveMessage and DeleteMessageBatch."""


@dataclass(eq=False, slots=True)
class _Batch:
    messages: Sequence[QueueMessage]
    refusals: int = 0  # attempts in a row that did not become invocations
    due_at: float | None = None
    """When to try again after a refusal; None while it is in flight."""


class QueueDelivery:
    """Delivers a queue's messages to a function.

    The caller carries out the actions and calls `step` with their results, and again when
    `next_time` is reached. After a crash, a new delivery that resumes from the last saved
    checkpoint shows what was in flight again: it is delivered at least once.

    Attributes:
        counts: What became of the messages so far.
    """

    def __init__(
        self, settings: QueueMappingSettings, assumptions: Assumptions, checkpoint: messages.QueueCheckpoint | None
    ) -> None:
        self.counts = EventCounts()
        self._settings = settings
        self._assumptions = assumptions
        self._filter = MessageFilter(settings.filters)
        self._actions: list[messages.QueueAction] = []
        self._saved = checkpoint or messages.QueueCheckpoint()
        self._to_show = dict(self._saved.in_flight)
        """As `_hidden`, but nobody delivers them. Nothing is received before they are shown."""
        self._hidden: dict[str, float] = {}
        """Receipt handles of what is delivered, and when the queue shows each by itself."""
        self._hiding = False
        self._waiting: deque[QueueMessage] = deque()
        self._waiting_since = 0.0
        self._batches: dict[int, _Batch] = {}
        self._last_batch = 0
        self._most_batches = settings.maximum_concurrency or assumptions.queue_concurrency
        self._allowed_batches = self._most_batches
        self._to_delete: deque[QueueMessage] = deque()
        self._showing = CallSchedule(0.0, assumptions)
        self._receiving = CallSchedule(0.0, assumptions)
        self._deleting = CallSchedule(0.0, assumptions)

    @property
    def is_idle(self) -> bool:
        """Whether nothing that was received is still to be delivered, deleted or shown."""
        return not (self._hiding or self._waiting or self._batches or self._to_delete or self._to_show)

    def step(self, now: float, events: Iterable[messages.QueueEvent] = ()) -> list[messages.QueueAction]:
        """Take the events, and return the actions to carry out now, in this order.

        Args:
            now: Seconds since the epoch; never less than in the step before.
            events: The results of earlier actions, in the order in which they came.
        """
        for event in events:
            self._take(event, now)
        self._leave_what_is_visible(now)
        for number, batch in self._batches.items():
            if batch.due_at is not None and batch.due_at <= now:
                self._invoke(number, batch)
        while (due := self._next_batch_at()) is not None and due <= now:
            self._take_batch_into_flight(now)
        if self._to_delete and self._deleting.start(now):
            count = min(len(self._to_delete), MOST_MESSAGES_PER_CALL)
            self._actions.append(messages.DeleteMessages([self._to_delete[place] for place in range(count)]))
        if self._to_show and self._showing.start(now):
            self._actions.append(messages.ShowMessages(list(self._to_show)))
        if self._wants_to_receive and self._receiving.start(now):
            limit = min(self._settings.batch_size - len(self._waiting), MOST_MESSAGES_PER_CALL)
            self._actions.append(messages.ReceiveMessages(limit))
        actions = [*self._checkpoint_to_save(), *self._actions]
        self._actions.clear()
        return actions

    def next_time(self) -> float | None:
        """Return when to step next without events, in the past if at once; None for never."""
        times = [batch.due_at for batch in self._batches.values()]
        times.append(self._next_batch_at())
        times.append(self._deleting.next_time() if self._to_delete else None)
        times.append(self._showing.next_time() if self._to_show else None)
        times.append(self._receiving.next_time() if self._wants_to_receive else None)
        return min((time for time in times if time is not None), default=None)

    @property
    def _wants_to_receive(self) -> bool:
        """Whether messages may be received.

        A function that refuses gets nothing more: each receive counts towards the queue's maximum.
        """
        return (
            not (self._to_show or self._hiding)
            and len(self._waiting) < self._settings.batch_size
            and len(self._batches) < self._allowed_batches
            and not any(batch.refusals for batch in self._batches.values())
        )

    def _take(self, event: messages.QueueEvent, now: float) -> None:
        match event:
            case messages.Shown():
                self._take_shown(event, now)
            case messages.Received():
                self._take_received(event, now)
            case messages.ReceiveFailed(reason):
                if self._receiving.fail(now):
                    self._log("WARNING", "QUEUE OUT OF REACH:", reason=reason)
            case messages.Hidden():
                self._take_hidden(event, now)
            case messages.InvokedWithMessages(number, outcome):
                self._take_outcome(number, outcome, now)
            case messages.Deleted():
                self._take_deleted(event, now)

    def _take_shown(self, event: messages.Shown, now: float) -> None:
        if event.failure is None:
            self._showing.succeed()
            self._log("INFO", "MESSAGES SHOWN AGAIN:", messages=len(event.receipt_handles))
            self._to_show = {
                handle: until for handle, until in self._to_show.items() if handle not in event.receipt_handles
            }
        elif self._showing.fail(now):
            self._log("WARNING", "QUEUE OUT OF REACH:", reason=event.failure)

    def _take_received(self, event: messages.Received, now: float) -> None:
        if self._receiving.succeed():
            self._log("INFO", "QUEUE IN REACH AGAIN:")
        self.counts.polled += len(event.messages)
        admitted: list[QueueMessage] = []
        for message in event.messages:
            (admitted if self._filter.admits(message.text) else self._to_delete).append(message)
        self.counts.filtered_out += len(event.messages) - len(admitted)
        if admitted:
            self._hiding = True
            until = now + event.visibility_seconds
            self._hidden |= dict.fromkeys((message.receipt_handle for message in admitted), until)
            self._actions.append(messages.HideMessages(admitted))

    def _take_hidden(self, event: messages.Hidden, now: float) -> None:
        self._hiding = False
        if event.failure is None:
            if not self._waiting:
                self._waiting_since = now
            self._waiting.extend(event.messages)
            return
        # Some may be hidden, and messages of one group must stay in order: begin again with all.
        self._log("WARNING", "MESSAGES NOT HIDDEN:", messages=len(event.messages), reason=event.failure)
        self._return(event.messages)

    def _take_outcome(self, number: int, outcome: InvocationOutcome, now: float) -> None:
        batch = self._batches[number]
        if isinstance(outcome, NotAdmitted):
            self._take_refusal(number, outcome, now)
            return
        if batch.refusals:
            self._log("INFO", "FUNCTION INVOKED AGAIN:")
        del self._batches[number]
        failed = self._failed(batch.messages, outcome)
        self.counts.invoked += len(batch.messages)
        self.counts.failed += len(failed)
        for position, message in enumerate(batch.messages):
            if position in failed:
                self._hidden.pop(message.receipt_handle, None)
            else:
                self._to_delete.append(message)
        self._return_successors({batch.messages[position].group_id for position in failed} - {None})
        if failed:
            if not self._settings.report_batch_item_failures:
                self._allowed_batches = max(1, self._allowed_batches // 2)
            self._log(
                "WARNING",
                "BATCH FAILED:",
                **_named(batch.messages),
                failure="the function raised or was cut off"
                if isinstance(outcome, FunctionFailed)
                else "it named them",
                failed=[batch.messages[position].message_id for position in sorted(failed)],
            )
        else:
            self._allowed_batches = min(self._most_batches, self._allowed_batches + 1)
            self._log("INFO", "BATCH DELIVERED:", **_named(batch.messages))

    def _return_successors(self, failed_groups: set[str | None]) -> None:
        """Return the waiting messages of groups whose earlier messages have to come again first."""
        successors = [message for message in self._waiting if message.group_id in failed_groups]
        self._waiting = deque(message for message in self._waiting if message.group_id not in failed_groups)
        self._return(successors)

    def _return(self, returned: Iterable[QueueMessage]) -> None:
        for message in returned:
            self._to_show[message.receipt_handle] = self._hidden.pop(message.receipt_handle)

    def _failed(self, batch: Sequence[QueueMessage], outcome: InvocationOutcome) -> set[int]:
        everything = set(range(len(batch)))
        if isinstance(outcome, FunctionFailed | NotAdmitted):
            return everything
        if not self._settings.report_batch_item_failures:
            return set()
        failed = failed_positions(outcome.payload, [message.message_id for message in batch], self._assumptions)
        return everything if failed is None else failed

    def _take_refusal(self, number: int, outcome: NotAdmitted, now: float) -> None:
        batch = self._batches[number]
        self._allowed_batches = max(1, self._allowed_batches // 2)
        if not any(each.refusals for each in self._batches.values()):
            self._log("WARNING", "FUNCTION NOT INVOKED:", reason=outcome.reason)
        batch.refusals += 1
        batch.due_at = now + self._assumptions.retry_wait(batch.refusals)

    def _leave_what_is_visible(self, now: float) -> None:
        """Give up what the queue shows by itself again, as it will be received once more."""
        visible = {handle for handle, until in self._hidden.items() if until <= now}
        for number, batch in list(self._batches.items()):
            if batch.due_at is not None and any(each.receipt_handle in visible for each in batch.messages):
                self._give_up(batch.messages)
                del self._batches[number]
        if stale := [message for message in self._waiting if message.receipt_handle in visible]:
            self._give_up(stale)
            self._waiting = deque(message for message in self._waiting if message not in stale)
        self._to_show = {handle: until for handle, until in self._to_show.items() if until > now}

    def _give_up(self, left: Sequence[QueueMessage]) -> None:
        self._log("WARNING", "MESSAGES LEFT TO THE QUEUE:", **_named(left), reason="their visibility timeout is over")
        for message in left:
            self._hidden.pop(message.receipt_handle, None)

    def _take_deleted(self, event: messages.Deleted, now: float) -> None:
        if event.failure is not None:
            if self._deleting.fail(now):
                self._log("WARNING", "QUEUE OUT OF REACH:", reason=event.failure)
            return
        self._deleting.succeed()
        self.counts.deleted += len(event.messages)
        for message in event.messages:
            self._to_delete.popleft()
            self._hidden.pop(message.receipt_handle, None)

    def _next_batch_at(self) -> float | None:
        """Return when a batch is due, a time in the past if at once; None without one."""
        if len(self._batches) >= self._allowed_batches or not (ready := self._ready()):
            return None
        is_full = len(ready) >= self._settings.batch_size or len(ready) < len(self._waiting)
        return self._waiting_since + (0 if is_full else self._settings.window_seconds)

    def _ready(self) -> list[QueueMessage]:
        """Return the waiting messages of the next batch: as many as fit, in order in each group."""
        blocked = {message.group_id for batch in self._batches.values() for message in batch.messages} - {None}
        ready: list[QueueMessage] = []
        size = EVENT_BYTES
        for message in self._waiting:
            size += len(message.body) + 1
            if ready and size > self._assumptions.payload_bytes:
                break
            if message.group_id not in blocked:
                ready.append(message)
        return ready

    def _take_batch_into_flight(self, now: float) -> None:
        batch = _Batch(self._ready())
        taken = {message.receipt_handle for message in batch.messages}
        self._waiting = deque(message for message in self._waiting if message.receipt_handle not in taken)
        self._waiting_since = now
        self._last_batch += 1
        self._batches[self._last_batch] = batch
        self._invoke(self._last_batch, batch)

    def _invoke(self, number: int, batch: _Batch) -> None:
        batch.due_at = None
        self._actions.append(messages.InvokeWithMessages(number, batch.messages))

    def _checkpoint_to_save(self) -> Iterable[messages.QueueAction]:
        """Return the checkpoint if it changed; the caller saves it before it hides new messages."""
        checkpoint = messages.QueueCheckpoint({**self._to_show, **self._hidden})
        if checkpoint != self._saved:
            self._saved = checkpoint
            yield messages.SaveQueueCheckpoint(checkpoint)

    def _log(self, level: str, message: str, **fields: object) -> None:
        self._actions.append(LogEvent(level, message, fields))


def _named(batch: Sequence[QueueMessage]) -> dict[str, object]:
    """Return the log fields that name messages."""
    return {"messageIds": [message.message_id for message in batch], "messages": len(batch)}
