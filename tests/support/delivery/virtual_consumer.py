"""A consumer behind its FIFO queue, in virtual time, with faults at any moment.

Real are `QueueBatch`, the messages and the rescue's envelopes. In memory are the queue, Activity
and the dead-letter queue.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from functions.activity.items import ItemKey, ReadOutcome
from functions.consumers.queue_batch import QueueBatch, QueueBatchOutcome, Settings, read_messages
from functions.consumers.stored_change import StoredChange, UnprocessableChangeError
from functions.rescue_failed_batches.redriven import redriven_record
from functions.runtime.json_log import JsonObject
from functions.stream_records.attribute_values import Image
from tests.support.delivery.fifo_queue import FifoQueue
from tests.support.records.consumer_messages import CONSUMER_ARN, item_of, message_of, queue_record
from tests.support.records.record_processing_fakes import DeadLettersInMemory, LogInMemory, ManualClock
from tests.support.records.record_strategies import stream_record

Nature = Literal["good", "unprocessable", "broken", "crashing", "slow"]
"""What the consumer makes of a change: broken ones raise until they are repaired, crashing ones end
the process until then, slow ones take most of an invocation's time."""

Fault = Literal["throttled", "killed", "answer lost", "activity busy", "dead letters busy", "delays refused"]

TIMEOUT_SECONDS = 30.0
VISIBILITY_SECONDS = 180.0
SLOW_SECONDS = 16.0


class KilledError(BaseException):
    """The process ends here."""


@dataclass
class Written:
    """One change: where it is among its user's, and what the consumer makes of it."""

    user_id: str
    place: int
    nature: Nature
    event_id: str
    key: ItemKey
    failure_id: str
    sent: int = 0


@dataclass
class VirtualConsumer:
    """The world around one consumer."""

    maximum_receives: int
    changes_per_call: int
    written: dict[str, Written] = field(default_factory=dict[str, Written])
    history: dict[str, list[Written]] = field(default_factory=lambda: defaultdict[str, list[Written]](list))
    handled: "Counter[str]" = field(default_factory=Counter[str])
    lost_answers: "Counter[str]" = field(default_factory=Counter[str])
    erased: set[str] = field(default_factory=set[str])
    overtaken: list[tuple[Written, Written]] = field(default_factory=list[tuple[Written, Written]])
    """Changes that were handled before an earlier one of their user."""
    calls: list[list[str]] = field(default_factory=list[list[str]])
    """The users of each call of the consumer."""
    items: dict[ItemKey, Image] = field(default_factory=dict[ItemKey, Image])

    def __post_init__(self) -> None:
        self.queue = FifoQueue(VISIBILITY_SECONDS, self.maximum_receives)
        self.dead_letters = DeadLettersInMemory()

    def write(self, user_id: str, nature: Nature, copies: int = 1) -> None:
        """Write a change to Activity, and send its message as often as the topic delivers it."""
        record = stream_record("INSERT", len(self.written), user_id, None, {"userId": {"S": user_id}})
        item, message = item_of(record), message_of(record)
        change = Written(
            user_id,
            len(self.history[user_id]),
            nature,
            message.event_id,
            (user_id, message.change_id),
            f"welcome-new-users.{message.event_id}",
            sent=copies,
        )
        self.written[change.event_id] = change
        self.history[user_id].append(change)
        self.items[change.key] = item
        for _ in range(copies):
            self.queue.send(queue_record(record), user_id)

    def erase(self, change: Written) -> None:
        """Take a change out of the history."""
        del self.items[change.key]
        self.erased.add(change.event_id)

    def repair(self) -> None:
        """Deploy a consumer that fails on nothing but what can never be processed."""
        for change in self.written.values():
            if change.nature != "unprocessable":
                change.nature = "good"

    def deliver(self, fault: Fault | None = None, at: int = 0) -> None:
        """Deliver one batch; `at` is the call of the consumer at which it is killed."""
        batch = self.queue.receive()
        if not batch or fault == "throttled":
            return
        self.dead_letters.room_for = 0 if fault == "dead letters busy" else None
        changes = [self._change_of(record) for record in batch]
        calls = 0

        def attempt(given: Sequence[StoredChange]) -> Mapping[int, Exception]:
            nonlocal calls
            calls += 1
            if fault == "killed" and calls > at:
                raise KilledError
            return self._handle(given, clock)

        clock = ManualClock(remaining=TIMEOUT_SECONDS)
        try:
            outcome = self._process(batch, attempt, clock, fault)
        except KilledError:
            self.lost_answers.update(change.event_id for change in changes)
            return
        if fault == "answer lost":
            self.lost_answers.update(change.event_id for change in changes)
            return
        if fault is None:
            self._check_that_others_went_on(batch, changes, outcome)
        self.queue.settle(batch, set(outcome.delays))
        if fault != "delays refused":
            self.queue.delay(outcome.delays)

    def _process(
        self, batch: list[JsonObject], attempt: object, clock: ManualClock, fault: Fault | None
    ) -> QueueBatchOutcome:
        def read(keys: Sequence[ItemKey]) -> ReadOutcome:
            if fault == "activity busy":
                return ReadOutcome({}, "ThrottlingException", frozenset(keys))
            return ReadOutcome({key: self.items[key] for key in keys if key in self.items}, None, frozenset())

        settings = Settings(
            source_function=CONSUMER_ARN,
            maximum_receives=self.maximum_receives,
            changes_per_call=self.changes_per_call,
            replay=False,
        )
        return QueueBatch(
            settings,
            read=read,
            attempt=attempt,  # pyright: ignore[reportArgumentType]
            dead_letters=self.dead_letters,
            delete=lambda done: self.queue.settle([message.record for message in done], set()),
            log=LogInMemory(),
            clock=clock,
            jitter=lambda: 0.5,
            explain=lambda error: type(error).__name__,
        ).process(read_messages(batch))

    def _handle(self, given: Sequence[StoredChange], clock: ManualClock) -> Mapping[int, Exception]:
        failures: dict[int, Exception] = {}
        self.calls.append([change.user_id for change in given])
        for position, change in enumerate(given):
            written = self.written[change.event_id]
            if written.nature == "crashing":
                raise KilledError
            if written.nature == "slow":
                clock.pass_by(SLOW_SECONDS)
            if written.nature == "broken":
                failures[position] = RuntimeError()
            elif written.nature == "unprocessable":
                failures[position] = UnprocessableChangeError("never")
            else:
                self._check_order(written)
                self.handled[change.event_id] += 1
        return failures

    def _check_order(self, change: Written) -> None:
        """Find out whether the user's earlier changes are done when one is first handled.

        What is raised here would count as the consumer's own failure, so it is asserted later.
        """
        if self.handled[change.event_id]:
            return
        given_up = self._given_up()
        self.overtaken += [
            (change, earlier)
            for earlier in self.history[change.user_id][: change.place]
            if not self.handled[earlier.event_id]
            and earlier.failure_id not in given_up
            and earlier.event_id not in self.erased
        ]

    def _check_that_others_went_on(
        self, batch: list[JsonObject], changes: list[Written], outcome: QueueBatchOutcome
    ) -> None:
        """Assert that a message comes again only for what happened to its own user."""
        if any(change.nature == "slow" for change in changes):
            return
        failing = {change.user_id for change in changes if change.nature == "broken"}
        again = {
            change.user_id
            for record, change in zip(batch, changes, strict=True)
            if record["messageId"] in outcome.delays
        }
        assert again <= failing

    def _given_up(self) -> set[str]:
        """Return the failure ids of what is, or will be, in the dead-letter queue."""
        moved = {redriven_record(record, "", 0).failure_id for record in self.queue.failure_queue}
        return moved | set(self.dead_letters.by_id())

    def rescue(self) -> None:
        """Send what SQS gave up on to the dead-letter queue."""
        self.dead_letters.room_for = None
        self.dead_letters.send([redriven_record(record, "", 0) for record in self.queue.failure_queue])
        self.queue.failure_queue.clear()

    def finish(self) -> None:
        """Repair the consumer, and deliver until nothing is left."""
        self.repair()
        while self.queue.messages:
            self.queue.now += VISIBILITY_SECONDS * 10
            self.deliver()
        self.rescue()

    def check(self) -> None:
        """Assert that every change ended, and how."""
        assert self.overtaken == []
        assert all(len(set(users)) == len(users) <= self.changes_per_call for users in self.calls)
        kept = self.dead_letters.by_id()
        assert set(kept) <= {change.failure_id for change in self.written.values()}
        for change in self.written.values():
            handled, ended = self.handled[change.event_id], change.failure_id in kept
            assert handled or ended or change.event_id in self.erased, f"{change} was lost"
            assert handled <= change.sent + self.lost_answers[change.event_id]
            if change.nature == "unprocessable":
                assert not handled

    def _change_of(self, record: JsonObject) -> Written:
        (change,) = [each for each in self.written.values() if f'"{each.event_id}"' in record["body"]]
        return change
