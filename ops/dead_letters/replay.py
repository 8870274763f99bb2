"""Failed records brought back: through the real function, in order, and out of the queue only with proof of success.

A message leaves the queue when its change's item is in Activity, never before; everything else held is given back at
the end. So the work may end anywhere, by Ctrl-C, an error or a kill, and be done again: each change has one place in
Activity (user and sequence number), which a second delivery writes with the same content, and which a later change of
the same user doesn't share.

Order: changes are sent by sequence number, which orders the changes of each user. That holds for all that is held
together, up to 100,000 messages (what SQS lets one hold); a larger queue is replayed in rounds of that size.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ops.aws.sqs import HELD_AT_MOST, Message
from ops.dead_letters.message import DeadLetter, ReplayableChange, read_dead_letter
from ops.dead_letters.redelivery import Outcome, Redelivery, Result
from ops.dead_letters.replay_db import Failure, Spool, SpooledChange
from ops.dead_letters.selection import Selection
from ops.dead_letters.summary import SILENT_ANSWERS
from ops.errors import NotFoundError, OpsError
from ops.job import LongWork
from ops.services import Services

HIDE_SECONDS = 900
"""Messages are hidden so long; should a replay be killed, others see them again after this time."""

HIDE_SECONDS_TO_LOOK = 60
"""The same of a rehearsal, which others shall not have to wait for."""

RENEWAL_SHARE = 1 / 3
"""Holds are prolonged, all together, when no more than this share of them is left."""

BATCH_BYTES = 5_000_000
"""A synchronous invocation takes 6 MB (Lambda quotas); the rest is for the form around the records."""

FAILURES_SHOWN = 1_000

STALE_ANSWERS = 50
"""Answers in a row with nothing new in them end a round: the queue gives the same messages again and again."""


@dataclass(kw_only=True)
class ReplayReport:
    """What a replay did."""

    seen: int = 0
    """Messages looked at."""
    selected: int = 0
    """Messages that belong to the choice."""
    chosen_ids: set[str] = field(default_factory=set[str])
    """Ids of those, when the choice was by id."""
    not_replayable: int = 0
    """Selected messages without a record to replay: lost, unreadable, or kept out of reach."""
    copies_removed: int = 0
    """Messages removed because another one carries the same record."""
    counts: dict[Outcome, int] = field(default_factory=dict[Outcome, int])
    failures: list[Failure] = field(default_factory=list[Failure])
    untried: int = 0
    not_removed: int = 0
    """Messages whose change is processed, and which the queue didn't let go: they show up again."""
    hidden_by_others: int = 0
    """Messages that somebody else holds, about: at the end of the first look, and still at the end of all."""
    beyond_reach: bool = False
    """Whether there may be more: so many messages are held that SQS gives no others."""
    interrupted: bool = False
    error: OpsError | None = None

    @property
    def replayed(self) -> int:
        """Changes that are processed now, with their messages gone."""
        return self.counts.get(Outcome.REPLAYED, 0)

    @property
    def left(self) -> int:
        """Selected failures that are still in the queue."""
        return sum(self.counts.values()) - self.replayed + self.untried + self.not_replayable + self.not_removed


class Replay:
    """One run over the dead-letter queue."""

    def __init__(
        self, services: Services, selection: Selection, spool: Spool, work: LongWork, *, batch_size: int
    ) -> None:
        self._queue = services.dead_letters()
        self._services = services
        self._selection = selection
        self._spool = spool
        self._work = work
        self._batch_size = batch_size
        self._hide_seconds = HIDE_SECONDS
        self._held = 0
        self._looked = False
        self._prolong_at = math.inf
        self.report = ReplayReport()

    def run(self) -> ReplayReport:
        """Replay until nothing new is left, a stop is asked for, or an error ends it; give back what is held."""
        redelivery = Redelivery(self._services.change_function(), self._services.activity(), self._work)
        try:
            self._begin()
            while (self._collect() or self._spool.waiting_count()) and not self._work.stop():
                self._spool.hold_back_later_changes()
                self._redeliver(redelivery)
        except OpsError as error:
            self.report.error = error
        return self._finished()

    def rehearse(self, shown: int) -> tuple[ReplayReport, list[SpooledChange]]:
        """Look, and return the first of the changes that a run would replay, in its order."""
        first: list[SpooledChange] = []
        self._hide_seconds = HIDE_SECONDS_TO_LOOK
        try:
            self._begin()
            self._collect()
            first = self._spool.next_changes(shown, BATCH_BYTES)
        except OpsError as error:
            self.report.error = error
        return self._finished(), first

    def _begin(self) -> None:
        """Give back what a replay that was killed still hides."""
        self._give_back()
        self._spool.clear()
        self._prolong_at = self._work.now() + self._hide_seconds * (1 - RENEWAL_SHARE)

    def _collect(self) -> int:
        """Receive and hold what is visible; return how many new changes there are among it."""
        added = silent = stale = 0
        while not self._work.stop() and self._held < HELD_AT_MOST:
            self._prolong_holds()
            until = self._work.now() + self._hide_seconds
            messages = self._queue.receive(self._hide_seconds)
            if not messages:
                silent += 1
                if silent >= SILENT_ANSWERS or self._queue.depth().visible == 0:
                    break
                continue
            silent = 0
            held, new = self._held, self._hold(messages, until)
            added += new
            stale = stale + 1 if self._held == held else 0
            if stale >= STALE_ANSWERS:
                break
        if not self._looked:
            self.report.hidden_by_others = max(0, self._queue.depth().in_flight - self._held)
            self._looked = True
        # Stopped, it may not have met all that there are; and nothing is replayed then.
        if not self._work.stop() and (missing := self._selection.missing(frozenset(self.report.chosen_ids))):
            raise NotFoundError(
                f"No message of {self._queue.name} has the id {', '.join(missing)}; nothing was replayed",
                "`dlq list` shows the ids; a message that somebody else holds shows up again after that",
            )
        self._remove_copies(self._spool.surplus_copies())
        return added

    def _hold(self, messages: Iterable[Message], until: float) -> int:
        """Take messages into the spool; return how many changes they add to it."""
        letters = [read_dead_letter(message) for message in messages]
        chosen = [self._selection.chooses(letter, self._services.envelopes()) for letter in letters]
        changes = [
            self._change(letter) if is_chosen else None for letter, is_chosen in zip(letters, chosen, strict=True)
        ]
        added = 0
        surplus: list[str] = []
        with self._spool.together():
            for letter, change, is_chosen in zip(letters, changes, chosen, strict=True):
                hold = self._spool.hold(letter.message, until, change, letter.failure_id)
                added += hold.change_is_new
                if hold.message_is_new:
                    self._count(letter, chosen=is_chosen, replayable=change is not None)
                if change is None or hold.change_is_new:
                    continue
                outcome = self._spool.outcome(change.identity)
                if outcome is Outcome.REPLAYED:
                    surplus.append(letter.message.receipt)
                elif outcome is Outcome.REFUSED:
                    self._spool.describe(change.identity, letter.reason)
        self._remove_copies(surplus)
        return added

    def _count(self, letter: DeadLetter, *, chosen: bool, replayable: bool) -> None:
        self._held += 1
        self.report.seen += 1
        if not chosen:
            return
        self.report.selected += 1
        if self._selection.ids:
            self.report.chosen_ids.add(letter.failure_id)
        if not replayable:
            self.report.not_replayable += 1

    def _change(self, letter: DeadLetter) -> ReplayableChange | None:
        """Return what there is to replay; an envelope that lies elsewhere is fetched."""
        try:
            return letter.fetched(self._services.envelopes()).change
        except NotFoundError:
            return None

    def _redeliver(self, redelivery: Redelivery) -> None:
        """Send the waiting changes, batch by batch.

        Raises:
            OpsError: The function, the table or the queue is out of reach; what was done by then is settled.
        """
        done, total = 0, self._spool.waiting_count()
        self._work.meter(done, total)
        while not self._work.stop() and (changes := self._spool.next_changes(self._batch_size, BATCH_BYTES)):
            if self._prolong_holds():
                return  # what was lost may be visible again: it must come before later changes of its users
            delivery = redelivery.deliver(changes)
            self._settle(changes, delivery.results)
            if delivery.error:
                raise delivery.error
            done += len(changes)
            self._work.meter(done, total)

    def _prolong_holds(self) -> bool:
        """Prolong all holds when the first of them comes near its end; say whether some were lost all the same.

        A change whose messages are no longer ours is forgotten, as if it had never been seen.
        """
        if self._work.now() < self._prolong_at:
            return False
        until = self._work.now() + self._hide_seconds
        self._prolong_at = until - self._hide_seconds * RENEWAL_SHARE
        lost = 0
        for holds in self._spool.held():
            receipts = [hold.receipt for hold in holds]
            gone = self._queue.keep_hidden(receipts, self._hide_seconds)
            self._spool.prolong(receipts, until)
            self._spool.drop(list(gone))
            lost += len(gone)
        self._held -= lost
        self._spool.forget_unheld()
        return lost > 0

    def _settle(self, changes: Sequence[SpooledChange], results: Mapping[int, Result]) -> None:
        """Remove the messages of what was replayed, and note every outcome."""
        replayed = [
            changes[position].identity for position, result in results.items() if result.outcome is Outcome.REPLAYED
        ]
        receipts = [hold.receipt for holds in self._spool.receipts(replayed).values() for hold in holds]
        self.report.copies_removed += max(0, self._remove(receipts) - len(replayed))
        with self._spool.together():
            for position, result in results.items():
                self._spool.settle(changes[position].identity, result.outcome, result.detail)
        if any(result.outcome is Outcome.FAILED for result in results.values()):
            self._spool.hold_back_later_changes()

    def _remove_copies(self, receipts: list[str]) -> None:
        self.report.copies_removed += self._remove(receipts)

    def _remove(self, receipts: list[str]) -> int:
        """Remove messages, and return how many went; those that the queue keeps stay held, and are tried once more."""
        if not receipts:
            return 0
        refused = self._queue.remove(receipts)
        removed = [receipt for receipt in receipts if receipt not in refused]
        self._spool.drop(removed)
        self._held -= len(removed)
        return len(removed)

    def _give_back(self) -> None:
        """Make all that is held visible to others again."""
        now = self._work.now()
        for holds in self._spool.held():
            self._queue.give_back([hold.receipt for hold in holds if hold.until > now])
        self._spool.release()
        self._held = 0

    def _finished(self) -> ReplayReport:
        self.report.counts = self._spool.counts()
        self.report.failures = self._spool.failures(FAILURES_SHOWN)
        self.report.untried = self._spool.waiting_count()
        self.report.beyond_reach = self._held >= HELD_AT_MOST
        self.report.interrupted = self._work.stop()
        try:
            try:
                self._remove(self._spool.done_with())
            finally:
                self.report.not_removed = len(self._spool.done_with())
                self._give_back()
            # Asked twice, since the counter lags: what somebody has just given back still counts as held.
            if self.report.hidden_by_others:
                self.report.hidden_by_others = min(self.report.hidden_by_others, self._queue.depth().in_flight)
        except OpsError as error:
            self.report.error = self.report.error or error
        return self.report
