"""The event source mapping as a whole: events in, actions out."""

from collections import deque
from collections.abc import Iterable, Sequence

from delivery import messages
from delivery.assumptions import Assumptions
from delivery.decisions import Decision, FunctionReturned, NotAdmitted
from delivery.event_counts import EventCounts
from delivery.records import StreamRecord
from delivery.schedule import CallSchedule
from delivery.settings import MappingSettings
from delivery.shard_set import ShardSet


class Delivery:
    """Delivers a stream's changes to a function.

    The caller carries out the actions and calls `step` with their results, and again when
    `next_time` is reached. A crash at any moment loses nothing: a new delivery that resumes from
    the last saved checkpoint delivers again what may not be settled. Without a checkpoint it begins
    at the mapping's starting position.

    Attributes:
        counts: What became of the records so far.
    """

    def __init__(
        self, settings: MappingSettings, assumptions: Assumptions, checkpoint: messages.Checkpoint | None
    ) -> None:
        self._settings = settings
        self._actions: list[messages.Action] = []
        self.counts = EventCounts()
        self._shards = ShardSet(settings, assumptions, checkpoint, self._actions.append, self.counts)
        self._saved = checkpoint or messages.Checkpoint()
        self._documents: deque[messages.SendDocument] = deque()
        """Failure documents not settled yet; the first is sent until it is delivered or dropped."""
        self._sending = CallSchedule(0.0, assumptions)
        self._retries_unreachable = assumptions.unreachable_destination == "retry"
        self._function_refuses = False

    @property
    def is_idle(self) -> bool:
        """Whether all records that were read are settled."""
        return all(shard.delivery.is_idle for shard in self._shards.open.values())

    def step(self, now: float, events: Iterable[messages.Event] = ()) -> list[messages.Action]:
        """Take the events, and return the actions to carry out now, in this order.

        Args:
            now: Seconds since the epoch; never less than in the step before.
            events: The results of earlier actions, in the order in which they came.
        """
        for event in events:
            self._take(event, now)
        for shard_id, shard in self._shards.open.items():
            for lane, due in shard.delivery.start(now):
                for discarded in due.discards:
                    self._discard(messages.SendDocument(shard_id, discarded))
                if due.batch is not None:
                    self._actions.append(messages.Invoke(shard_id, lane, due.batch))
        checkpoint = self._shards.close_finished()
        if checkpoint != self._saved:
            self._saved = checkpoint
            self._actions.append(messages.SaveCheckpoint(checkpoint))
        self._shards.start(now)
        if self._documents and self._sending.start(now):
            self._actions.append(self._documents[0])
        actions = self._actions.copy()
        self._actions.clear()
        return actions

    def next_time(self) -> float | None:
        """Return when to step next without events, in the past if at once; None for never."""
        times = [self._shards.next_time(), self._sending.next_time() if self._documents else None]
        times += [shard.delivery.next_time() for shard in self._shards.open.values()]
        return min((time for time in times if time is not None), default=None)

    def _take(self, event: messages.Event, now: float) -> None:
        match event:
            case messages.ShardsListed():
                self._shards.take_listing(event, now)
            case messages.ListingFailed():
                self._shards.fail_listing(event, now)
            case messages.PageRead():
                self._shards.take_page(event, now)
            case messages.ReadFailed():
                self._shards.fail_read(event, now)
            case messages.StreamWritten():
                self._shards.hasten()
            case messages.Invoked():
                self._take_outcome(event, now)
            case messages.SendAttempted():
                self._take_send_attempt(event, now)

    def _take_outcome(self, event: messages.Invoked, now: float) -> None:
        decision = self._shards.open[event.shard_id].delivery.take_outcome(event.lane, event.outcome, now)
        if isinstance(event.outcome, NotAdmitted):
            if not self._function_refuses:
                self._log("WARNING", "FUNCTION NOT INVOKED:", reason=event.outcome.reason)
            self._function_refuses = True
            return
        if self._function_refuses:
            self._log("INFO", "FUNCTION INVOKED AGAIN:")
            self._function_refuses = False
        records = decision.batch.records
        settled = len(decision.settled)
        self.counts.invoked += len(records)
        self.counts.failed += len(records) - settled
        if settled == len(records):
            self._log("INFO", "BATCH DELIVERED:", **_range(event.shard_id, records))
        else:
            self._log_failure(event, decision)
        if decision.discarded is not None:
            self._discard(messages.SendDocument(event.shard_id, decision.discarded))

    def _log_failure(self, event: messages.Invoked, decision: Decision) -> None:
        returned = isinstance(event.outcome, FunctionReturned)
        self._log(
            "WARNING",
            "BATCH FAILED:",
            **_range(event.shard_id, decision.batch.records),
            failure="the function named it" if returned else "the function raised or was cut off",
            settled=len(decision.settled),
            invocations=decision.batch.failures or 1,
            next=[len(batch.records) for batch in decision.next_batches],
            waitSeconds=decision.wait_seconds,
        )

    def _discard(self, document: messages.SendDocument) -> None:
        discarded = document.discarded
        if discarded.condition is None:
            self._drop(document, "the stream no longer has them")
        elif self._settings.destination_arn is None:
            self._drop(document, "the mapping has no on-failure destination")
        else:
            records = _range(document.shard_id, discarded.records)
            reason = {"condition": discarded.condition, "invocations": discarded.invocations}
            self._log("WARNING", "BATCH GIVEN UP:", **records, **reason)
            self._documents.append(document)

    def _take_send_attempt(self, event: messages.SendAttempted, now: float) -> None:
        if event.result == "unreachable" and self._retries_unreachable:
            if self._sending.fail(now):
                self._log("WARNING", "DESTINATION OUT OF REACH:", reason=event.reason, waiting=len(self._documents))
            return
        document = self._documents.popleft()
        if self._sending.succeed():
            self._log("INFO", "DESTINATION IN REACH AGAIN:", waiting=len(self._documents))
        if event.result == "delivered":
            records = document.discarded.records
            self._shards.open[document.shard_id].delivery.settle_records(records)
            self.counts.on_failure_delivered += len(records)
            self._log("INFO", "FAILURE DOCUMENT SENT:", **_range(document.shard_id, records))
        else:
            self._drop(document, f"the on-failure destination refused the document: {event.reason}")

    def _drop(self, document: messages.SendDocument, reason: str) -> None:
        records = document.discarded.records
        self._shards.open[document.shard_id].delivery.settle_records(records)
        self.counts.dropped += len(records)
        self._log("ERROR", "RECORDS DROPPED:", **_range(document.shard_id, records), reason=reason)

    def _log(self, level: str, message: str, **fields: object) -> None:
        self._actions.append(messages.LogEvent(level, message, fields))


def _range(shard_id: str, records: Sequence[StreamRecord]) -> dict[str, object]:
    """Return the log fields that name consecutive records of a shard."""
    return {
        "shardId": shard_id,
        "startSequenceNumber": records[0].sequence_number,
        "endSequenceNumber": records[-1].sequence_number,
        "records": len(records),
    }
