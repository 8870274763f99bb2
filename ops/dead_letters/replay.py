"""Replay failed records through the functions that failed, and delete them with proof of success.

Each record goes into its own consumer: a change that failed in two has two messages, and neither's
replay touches the other. A message is deleted once its consumer has proven it (see `redelivery`).
Of a change that the function refuses, older messages are deleted too, and the newest stays. Every
other message is released at the end. So a replay may end anywhere, by Ctrl-C, an error or a kill,
and run again: consumers take a change again without a further effect.

Changes are sent in the order of each user's changes. This order holds within a consumer, and only
among messages that are in flight together, up to 100,000 (SQS's limit is 120,000); a larger queue
is replayed in rounds of that size. A consumer whose function is at fault ends its own part alone.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ops.aws.queues import MAX_IN_FLIGHT, Message
from ops.aws.services import Services
from ops.consumers import StackConsumer, consumer_names
from ops.dead_letters.message import FOREIGN, DeadLetter, ReplayOutcome, read_dead_letter
from ops.dead_letters.peek import EMPTY_RECEIVES
from ops.dead_letters.record import ReplayableChange
from ops.dead_letters.redelivery import ChangeResult, Redelivery
from ops.dead_letters.replay_db import PendingChange, ReplayDb, ReplayFailure
from ops.dead_letters.selection import Selection
from ops.errors import OpsError, UnreadableRecordError
from ops.job import Job

VISIBILITY_TIMEOUT = 900
DRY_RUN_VISIBILITY_TIMEOUT = 60
"""Seconds. If a replay is killed, other consumers see its messages again after this time."""

RENEWAL_SHARE = 1 / 3
"""Visibility timeouts are extended, all together, when no more than this share of them is left."""

BATCH_BYTES = 5_000_000
"""A synchronous invocation takes 6 MB (Lambda quotas), the event around the records included."""

FAILURES_SHOWN = 1_000

STALE_RECEIVES = 50  # so many responses in a row without a new message end a round


@dataclass(kw_only=True)
class ReplayReport:
    """What a replay did."""

    seen: int = 0
    selected: int = 0
    selected_ids: set[str] = field(default_factory=set[str])
    """Failure ids of the selected messages, if the selection is by id."""
    not_replayable: int = 0
    """Selected messages without a record (lost, unreadable, missing in S3) or a function, and those
    that something else wrote."""
    foreign: dict[str, str] = field(default_factory=dict[str, str])
    """Some of those that something else wrote: why, by the id that `dlq discard` takes."""
    without_function: Counter[str] = field(default_factory=Counter[str])
    """Of these, those that no function of this stack's consumers takes, by what failed on them."""
    copies_removed: int = 0  # messages deleted because another one carries the same record
    counts_by_consumer: dict[str, Counter[ReplayOutcome]] = field(default_factory=dict[str, Counter[ReplayOutcome]])
    failures: list[ReplayFailure] = field(default_factory=list[ReplayFailure])
    untried_by_consumer: Counter[str] = field(default_factory=Counter[str])
    not_removed: int = 0  # messages whose change is processed, but which the queue failed to delete
    hidden_by_others: int = 0
    """Approximate number in flight in other consumers after the first round and at the end."""
    beyond_reach: bool = False  # whether there may be more messages than SQS allows in flight
    interrupted: bool = False
    error: OpsError | None = None
    """What ended the whole replay; the first of `consumer_errors` if nothing did."""
    consumer_errors: dict[str, OpsError] = field(default_factory=dict[str, OpsError])
    """What ended a consumer's part."""

    @property
    def consumers(self) -> list[str]:
        """The consumers of the selected changes, in the order of the list of consumers."""
        found = self.counts_by_consumer.keys() | self.untried_by_consumer.keys()
        return [name for name in consumer_names() if name in found]

    @property
    def counts(self) -> Counter[ReplayOutcome]:
        """The number of changes by outcome."""
        return sum(self.counts_by_consumer.values(), Counter[ReplayOutcome]())

    @property
    def untried(self) -> int:
        """The number of selected changes that were not sent."""
        return self.untried_by_consumer.total()

    @property
    def replayed(self) -> int:
        """The number of changes that are processed."""
        return self.counts[ReplayOutcome.REPLAYED]

    @property
    def left(self) -> int:
        """The number of selected failures that are still in the queue."""
        return self.counts.total() - self.replayed + self.untried + self.not_replayable + self.not_removed


class Replay:
    """One run over the dead-letter queue."""

    def __init__(
        self, services: Services, selection: Selection, replay_db: ReplayDb, job: Job, *, batch_size: int
    ) -> None:
        self._services = services
        self._consumers = {one.name: one for one in services.consumers() if one.function_name is not None}
        self._queue = services.dead_letter_queue()
        self._selection = selection
        self._db = replay_db
        self._job = job
        self._batch_size = batch_size
        self._visibility_timeout = VISIBILITY_TIMEOUT
        self._in_flight = 0
        self._first_round = True
        self._extend_at = math.inf
        self.report = ReplayReport()

    def run(self) -> ReplayReport:
        """Replay until nothing new is left, a stop is requested, or an error; release the rest."""
        redeliveries = {
            name: Redelivery(
                self._services.consumer_function(consumer),
                self._services.activity() if consumer.is_proven_by_activity else None,
                self._job,
            )
            for name, consumer in self._consumers.items()
        }
        try:
            self._begin()
            while (self._receive_round() or self._pending()) and not self._job.stop_requested():
                self._db.hold_back_later_changes()
                self._redeliver(redeliveries)
        except OpsError as error:
            self.report.error = error
        return self._finished()

    def dry_run(self, shown: int) -> tuple[ReplayReport, list[PendingChange]]:
        """Receive and release; return also the first changes that a run would replay, in order."""
        first: list[PendingChange] = []
        self._visibility_timeout = DRY_RUN_VISIBILITY_TIMEOUT
        try:
            self._begin()
            self._receive_round()
            for consumer in self._consumers:
                first += self._db.next_changes(consumer, shown - len(first), BATCH_BYTES)
        except OpsError as error:
            self.report.error = error
        return self._finished(), first

    def _pending(self) -> int:
        """Return the number of pending changes of the consumers that still work."""
        return sum(n for name, n in self._db.pending_counts().items() if name not in self.report.consumer_errors)

    def _begin(self) -> None:
        """Release what a replay that was killed still has in flight."""
        self._release()
        self._extend_at = self._job.now() + self._visibility_timeout * (1 - RENEWAL_SHARE)

    def _receive_round(self) -> int:
        """Receive what may be in flight together; return the number of new changes."""
        added = empty = stale = 0
        while not self._job.stop_requested() and self._in_flight < MAX_IN_FLIGHT:
            self._extend_if_due()
            until = self._job.now() + self._visibility_timeout
            messages = self._queue.receive(self._visibility_timeout)
            empty = 0 if messages else empty + 1
            if empty >= EMPTY_RECEIVES or (empty and self._queue.depth().visible == 0):
                break
            if empty:
                continue
            before = self._in_flight
            added += self._add(messages, until)
            stale = stale + 1 if self._in_flight == before else 0
            if stale >= STALE_RECEIVES:
                break
        if self._first_round:
            self.report.hidden_by_others = max(0, self._queue.depth().in_flight - self._in_flight)
            self._first_round = False
        # A round that was stopped may miss messages, and nothing is replayed after it.
        if not self._job.stop_requested():
            self._selection.check_found(self.report.selected_ids, self._queue.name)
        self.report.copies_removed += self._delete(self._db.refused_copies())
        return added

    def _add(self, messages: Iterable[Message], until: float) -> int:
        """Store received messages and their changes; return the number of new changes."""
        letters = [read_dead_letter(message, self._services.outputs) for message in messages]
        try:
            selected = [self._selection.matches_fetched(letter, self._services.envelopes()) for letter in letters]
            letters = [
                self._fetched(letter) if is_selected else letter
                for letter, is_selected in zip(letters, selected, strict=True)
            ]
        except OpsError:
            with self._db.transaction():  # so that they are released at the end
                for letter in letters:
                    self._db.add(letter, until, None)
            raise
        new_changes = 0
        copies: list[str] = []
        with self._db.transaction():
            for letter, is_selected in zip(letters, selected, strict=True):
                change = letter.change if is_selected and letter.consumer_name in self._consumers else None
                message_is_new, change_is_new = self._db.add(letter, until, change)
                new_changes += change_is_new
                if message_is_new:
                    self._in_flight += 1
                    self.report.seen += 1
                    if is_selected:
                        self._count_selected(letter, change)
                if change is None or change_is_new:
                    continue
                outcome = self._db.outcome(change.identity)
                if outcome is ReplayOutcome.REPLAYED:
                    copies.append(letter.message.receipt)
                elif outcome is ReplayOutcome.REFUSED and self._consumers[change.consumer].is_proven_by_activity:
                    # The function has dead-lettered it again: that message says why.
                    self._db.settle(change.identity, outcome, letter.reason)
        self.report.copies_removed += self._delete(copies)
        return new_changes

    def _count_selected(self, letter: DeadLetter, change: ReplayableChange | None) -> None:
        self.report.selected += 1
        self.report.not_replayable += change is None
        if letter.kind == FOREIGN and len(self.report.foreign) < FAILURES_SHOWN:
            self.report.foreign[letter.failure_id] = letter.reason
        if letter.has_record and letter.consumer_name not in self._consumers:
            self.report.without_function[letter.failed_in] += 1
        if self._selection.ids:
            self.report.selected_ids.add(letter.failure_id)

    def _fetched(self, letter: DeadLetter) -> DeadLetter:
        """Return the dead letter with its record, if it can be read and some function takes it."""
        if letter.consumer_name not in self._consumers:
            return letter
        try:
            return letter.fetched(self._services.envelopes())
        except UnreadableRecordError:
            return letter

    def _redeliver(self, redeliveries: dict[str, Redelivery]) -> None:
        """Send the pending changes, one consumer after the other."""
        done, total = 0, self._pending()
        self._job.report_progress(done, total)
        for name, consumer in self._consumers.items():
            batch_size = self._batch_size_of(consumer)
            while (
                name not in self.report.consumer_errors
                and not self._job.stop_requested()
                and (pending := self._db.next_changes(name, batch_size, BATCH_BYTES))
            ):
                if self._extend_if_due():
                    return  # receive those messages again, before later changes of their users are sent
                results, error = redeliveries[name].deliver([one.change for one in pending])
                self._settle(results)
                if error:
                    self.report.consumer_errors[name] = type(error)(f"{name}: {error.message}", error.next_step)
                done += len(pending)
                self._job.report_progress(done, total)

    def _batch_size_of(self, consumer: StackConsumer) -> int:
        """Return how many records one invocation gets: of a queue at most what it is made for."""
        declaration = consumer.declaration
        return min(self._batch_size, declaration.batch_size) if declaration.has_queue else self._batch_size

    def _extend_if_due(self) -> bool:
        """Extend all visibility timeouts before the first ends.

        Say whether some messages are no longer in flight here. Their rows are removed, and so are
        the pending changes that none is left for: both have to be received again.
        """
        if self._job.now() < self._extend_at:
            return False
        until = self._job.now() + self._visibility_timeout
        self._extend_at = until - self._visibility_timeout * RENEWAL_SHARE
        before = self._in_flight
        for messages in self._db.in_flight():
            receipts = [receipt for receipt, _ in messages]
            not_in_flight = self._queue.change_visibility(receipts, self._visibility_timeout)
            self._db.extend(receipts, until)
            self._db.remove_messages(not_in_flight)
            self._in_flight -= len(not_in_flight)
        self._db.remove_changes_without_message()
        return self._in_flight < before

    def _settle(self, results: Sequence[ChangeResult]) -> None:
        """Delete the messages of what was replayed, and store every outcome."""
        replayed = [result.change.identity for result in results if result.outcome is ReplayOutcome.REPLAYED]
        self.report.copies_removed += max(0, self._delete(self._db.receipts(replayed)) - len(replayed))
        with self._db.transaction():
            for result in results:
                self._db.settle(result.change.identity, result.outcome, result.detail)
        if any(result.outcome is ReplayOutcome.FAILED for result in results):
            self._db.hold_back_later_changes()

    def _delete(self, receipts: list[str]) -> int:
        """Delete messages and return how many.

        Deleting those that stay is tried again at the end, if their change is replayed.
        """
        if not receipts:
            return 0
        kept = self._queue.delete(receipts)
        deleted = [receipt for receipt in receipts if receipt not in kept]
        self._db.remove_messages(deleted)
        self._in_flight -= len(deleted)
        return len(deleted)

    def _release(self) -> None:
        """Make all messages in flight visible again, and clear the database."""
        now = self._job.now()
        for messages in self._db.in_flight():
            self._queue.release([receipt for receipt, until in messages if until > now])
        self._db.clear()
        self._in_flight = 0

    def _finished(self) -> ReplayReport:
        self.report.counts_by_consumer = self._db.counts()
        self.report.failures = self._db.failures(FAILURES_SHOWN)
        self.report.untried_by_consumer = self._db.pending_counts()
        self.report.beyond_reach = self._in_flight >= MAX_IN_FLIGHT
        self.report.interrupted = self._job.stop_requested()
        try:
            try:
                self._delete(self._db.replayed_messages())
            finally:
                self.report.not_removed = len(self._db.replayed_messages())
                self._release()
            # Read twice: messages released a moment ago still count as in flight.
            if self.report.hidden_by_others:
                self.report.hidden_by_others = min(self.report.hidden_by_others, self._queue.depth().in_flight)
        except OpsError as error:
            self.report.error = self.report.error or error
        self.report.error = self.report.error or next(iter(self.report.consumer_errors.values()), None)
        return self.report
