"""Delivery and the real processing of records together, in virtual time, with faults in every call.

Real are `Delivery` with all its parts, `process_batch` of log_user_changes, the failure document
and `Rescue`. Virtual are time, the stream, the Activity table, both queues, and crashes. Nothing
waits: time jumps to the next event.
"""

import heapq
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import NamedTuple

from delivery.assumptions import Assumptions
from delivery.decisions import DiscardedBatch, FunctionFailed, FunctionReturned, InvocationOutcome, NotAdmitted
from delivery.delivery import Delivery
from delivery.event_counts import EventCounts
from delivery.failure_documents import document_text, failure_document
from delivery.messages import (
    Action,
    Checkpoint,
    Event,
    Invoke,
    Invoked,
    ListingFailed,
    ListShards,
    ReadFailed,
    ReadShard,
    SaveCheckpoint,
    SendAttempted,
    SendDocument,
    ShardsListed,
    StreamWritten,
)
from delivery.records import Invocation, StreamRecord, event_payload, record_body
from delivery.settings import MappingSettings
from functions.dead_letters.envelope import identify_record
from functions.log_user_changes.batch import process_batch
from functions.log_user_changes.history import AfterDeletion
from functions.rescue_failed_batches.rescue import Rescue
from functions.runtime.json_log import JsonObject
from tests.support.delivery.delivery_faults import Faults, InvocationFault
from tests.support.delivery.delivery_metrics import Metrics
from tests.support.delivery.virtual_changes import Change, Nature
from tests.support.delivery.virtual_stream import VirtualStream, VirtualStreamReader
from tests.support.records.record_processing_fakes import (
    FUNCTION_ARN,
    ActivityInMemory,
    DeadLettersInMemory,
    LogInMemory,
    ManualClock,
)
from tests.support.records.record_strategies import FIRST_SECOND, STREAM_ARN


class _Scheduled(NamedTuple):
    at: float
    number: int
    life: int
    happen: Callable[[], Event]


@dataclass(frozen=True)
class Delivered:
    """One invocation that took place."""

    numbers: tuple[str, ...]
    """Sequence numbers of its records."""
    fault: InvocationFault | None


def mapping_settings(**changes: object) -> MappingSettings:
    """Return settings as the stack has them, with changes."""
    usual: dict[str, object] = {
        "uuid": "mapping",
        "stream_arn": STREAM_ARN,
        "function_arn": FUNCTION_ARN,
        "batch_size": 10,
        "parallelization_factor": 2,
        "maximum_retry_attempts": 2,
        "maximum_record_age_seconds": 3600,
        "bisect": True,
        "report_batch_item_failures": True,
        "destination_arn": "arn:aws:sqs:eu-west-1:000000000000:UserChangesFailureQueue-test",
    }
    return MappingSettings(**(usual | changes))  # pyright: ignore[reportArgumentType]  checked by the dataclass's users


class VirtualDelivery:
    """The whole path of a change from the stream to Activity or the dead-letter queue."""

    def __init__(
        self, settings: MappingSettings, faults: Faults, *, assumptions: Assumptions | None = None, roots: int = 1
    ) -> None:
        self.settings = settings
        self.assumptions = assumptions or Assumptions()
        self.faults = faults
        self.now = float(FIRST_SECOND)
        self.stream = VirtualStream(roots)
        self.activity = ActivityInMemory()
        self.dead_letters = DeadLettersInMemory()
        self.failure_queue: dict[str, str] = {}
        """Message bodies by id."""
        self.documents_sent = 0
        self.changes: dict[str, Change] = {}
        """By sequence number."""
        self.invocations: list[Delivered] = []
        self.given_up: dict[str, int] = {}
        """For each record in a failure document, the poller's life that first sent one."""
        self.acknowledged: set[str] = set()
        """Sequence numbers of records that the current poller knows to be processed."""
        self.reader = VirtualStreamReader(self.stream)
        self.saved: Checkpoint | None = None
        self.metrics = Metrics()
        self._earlier_counts = EventCounts()
        self.delivery = Delivery(settings, self.assumptions, None)
        self.life = 0
        self._ids = count(1)
        self._schedule: list[_Scheduled] = []
        self._history: dict[str, list[str]] = {}
        """Sequence numbers of each user's changes, in order."""
        self._settled_of_user: dict[str, int] = {}
        """How many of each user's changes, from the first on, are done."""
        self._known_dead_letters: set[str] = set()
        self._counted_dead_letters = 0

    def write(self, user_id: str, event_form: JsonObject, nature: Nature) -> None:
        """Write a change now."""
        self.stream.now = self.now
        sequence_number = identify_record(event_form).sequence_number or ""
        record = StreamRecord(sequence_number, user_id, float(int(self.now)), record_body(event_form))
        shard_id = self.stream.add(user_id, record)
        history = self._history.setdefault(user_id, [])
        self.changes[sequence_number] = Change(record, event_form, user_id, nature, shard_id, len(history))
        history.append(sequence_number)

    def tell_written(self) -> None:
        """Tell the poller that the stream was written to, after a while."""
        self._later(StreamWritten)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self._jump(end):
            pass
        self.now = end

    def run_until_settled(self, longest_seconds: float = 1e6) -> None:
        """Let time pass until the poller has nothing left to do."""
        end = self.now + longest_seconds
        while not self._is_settled():
            assert self._jump(end), "the delivery never comes to an end"

    def crash(self) -> None:
        """Kill the poller and start another. The function and the queue don't notice."""
        self.life += 1
        self.acknowledged.clear()
        self._earlier_counts = self.counts
        self.delivery = Delivery(self.settings, self.assumptions, self.saved)

    @property
    def counts(self) -> EventCounts:
        """What the deliveries of all lives counted."""
        return self._earlier_counts + self.delivery.counts

    def rescue(self) -> None:
        """Deliver all messages of the failure queue to the rescue, once."""
        self.stream.now = self.now
        rescue = Rescue(
            self.reader,
            self.dead_letters,
            LogInMemory(),
            ManualClock(now=self.now),
            own_function=FUNCTION_ARN,
            tables=["Users-test"],
        )
        messages = [{"messageId": message_id, "body": body} for message_id, body in self.failure_queue.items()]
        kept = rescue.rescue_all(messages)
        self.failure_queue = {message_id: self.failure_queue[message_id] for message_id in kept}

    def check_checkpoint(self) -> None:
        """Assert that every record before the saved checkpoint is done or in a failure document."""
        for shard_id, settled in (self.saved or Checkpoint()).shards.items():
            shard = self.stream.shards[shard_id]
            end = 0 if settled.sequence_number is None else shard.places[settled.sequence_number] + 1
            for record in shard.records[:end]:
                assert self._is_done(record.sequence_number), f"{record.sequence_number} is behind and nowhere"

    def is_in_activity(self, change: Change) -> bool:
        """Return whether the change is in Activity."""
        return (change.user_id, change.record.sequence_number.zfill(40)) in self.activity.items

    def _is_settled(self) -> bool:
        """Return whether the checkpoint covers every record of every shard."""
        shards = (self.saved or Checkpoint()).shards
        return all(
            not shard.records
            or (shard_id in shards and shards[shard_id].sequence_number == shard.records[-1].sequence_number)
            for shard_id, shard in self.stream.shards.items()
        )

    def _jump(self, end: float) -> bool:
        """Go to the next time at which something happens; return False if that is after the end."""
        due = self.delivery.next_time()
        times = [time for time in (due, self._schedule[0].at if self._schedule else None) if time is not None]
        if not times or (moment := max(min(times), self.now)) > end:
            return False
        self.now = self.stream.now = moment
        events: list[Event] = []
        while self._schedule and self._schedule[0].at <= self.now:
            scheduled = heapq.heappop(self._schedule)
            event = scheduled.happen()
            if scheduled.life == self.life:
                events.append(event)
        actions = self.delivery.step(self.now, events)
        self.metrics.count(self.now, events, actions)
        for action in actions:
            self._carry_out(action)
        return True

    def _carry_out(self, action: Action) -> None:
        match action:
            case SaveCheckpoint(checkpoint):
                self.saved = Checkpoint.from_json(checkpoint.to_json())
            case ListShards():
                self._later(self._list)
            case ReadShard():
                self._later(lambda: self._read(action))
            case Invoke(shard_id, lane, batch):
                # Taken now: a call in flight goes on when the poller that gave these up is killed.
                life, given_up = self.life, self._given_up_now()
                self._later(lambda: Invoked(shard_id, lane, self._invoke(batch.records, life, given_up)))
            case SendDocument(shard_id, discard):
                life = self.life
                self._later(lambda: self._send(shard_id, discard, life))
            case _:
                pass

    def _later(self, happen: Callable[[], Event]) -> None:
        at = self.now + self.faults.seconds()
        heapq.heappush(self._schedule, _Scheduled(at, next(self._ids), self.life, happen))

    def _list(self) -> Event:
        if self.faults.reading_fails():
            return ListingFailed("as the test wants it")
        return ShardsListed(self.stream.listed())

    def _read(self, wanted: ReadShard) -> Event:
        if self.faults.reading_fails():
            return ReadFailed(wanted.shard_id, "as the test wants it")
        return self.stream.read(wanted, limit=1000)

    def _invoke(self, records: Sequence[StreamRecord], life: int, given_up: frozenset[str]) -> InvocationOutcome:
        fault = self.faults.invocation()
        if fault == "throttled":
            return NotAdmitted("TooManyRequestsException")
        invocation = Invocation(request_id=f"request-{next(self._ids)}")
        failed = FunctionFailed(replace(invocation, function_error="Unhandled"))
        numbers = tuple(record.sequence_number for record in records)
        self.invocations.append(Delivered(numbers, fault))
        if fault == "raises" or any(self.changes[number].nature == "crashing" for number in numbers):
            return failed
        self._check_order(numbers, given_up)
        settled, answer = self._process(event_payload(records), fault)
        if fault == "answer lost":
            return NotAdmitted("connection closed")
        if fault == "timed out":
            return failed
        if fault == "malformed":
            return FunctionReturned(b'{"batchItemFailures": "?"}', invocation)
        if life == self.life:
            self.acknowledged.update(numbers[:settled])
        return FunctionReturned(answer, invocation)

    def _process(self, payload: bytes, fault: InvocationFault | None) -> tuple[int, bytes]:
        self.activity.room_for = self.faults.room() if fault == "table busy" else None
        self.dead_letters.room_for = self.faults.room() if fault == "queue busy" else None
        outcome = process_batch(
            json.loads(payload)["Records"],
            activity=self.activity,
            read_activity=self.activity.read,
            after_deletion=AfterDeletion(),
            dead_letters=self.dead_letters,
            log=LogInMemory(),
            mask_personal_data=False,
            source_function=FUNCTION_ARN,
            table="Users-test",
            now=lambda: self.now,
        )
        self.activity.room_for = self.dead_letters.room_for = None
        return outcome.settled, json.dumps(outcome.response()).encode()

    def _check_order(self, numbers: tuple[str, ...], given_up: frozenset[str]) -> None:
        """Assert that each user's earlier changes took effect, or were given up before the call."""
        earlier_here: set[str] = set()
        for number in numbers:
            change = self.changes[number]
            history = self._history[change.user_id]
            first = self._settled_of_user.get(change.user_id, 0)
            while first < len(history) and self._is_done(history[first]):
                first += 1
            self._settled_of_user[change.user_id] = first
            for earlier in history[first : change.place]:
                assert earlier in earlier_here or self._is_done(earlier) or earlier in given_up, (
                    f"{number} of {change.user_id} takes effect before {earlier}"
                )
            earlier_here.add(number)

    def _is_done(self, number: str) -> bool:
        change = self.changes[number]
        return self.is_in_activity(change) or number in self.given_up or change.failure_id in self._dead_letter_ids()

    def _given_up_now(self) -> frozenset[str]:
        """Return the sequence numbers of records whose failure document is not settled yet."""
        documents = self.delivery._documents  # pyright: ignore[reportPrivateUsage]  only this test reads it
        return frozenset(record.sequence_number for document in documents for record in document.discarded.records)

    def _dead_letter_ids(self) -> set[str]:
        sent = self.dead_letters.sent
        self._known_dead_letters.update(failed.failure_id for failed in sent[self._counted_dead_letters :])
        self._counted_dead_letters = len(sent)
        return self._known_dead_letters

    def _send(self, shard_id: str, discard: DiscardedBatch, life: int) -> Event:
        fault = self.faults.sending()
        if fault == "unreachable":
            return SendAttempted("unreachable", "connection refused")
        self.documents_sent += 1
        document = failure_document(discard, shard_id, self.settings, "made-up")
        self.failure_queue[f"message-{next(self._ids)}"] = document_text(document)
        for record in discard.records:
            self.given_up.setdefault(record.sequence_number, life)
        return SendAttempted("unreachable" if fault == "answer lost" else "delivered", fault)
