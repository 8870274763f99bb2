"""The event source mapping as a whole: events in, actions out, and no clock, no I/O and no chance of its own."""

from collections.abc import Iterable

from delivery.decisions import Discard, FunctionReturned, NotAdmitted
from delivery.failure_documents import Outbox, Parcel
from delivery.messages import (
    Action,
    Checkpoint,
    DocumentTried,
    Event,
    Figures,
    Invoke,
    Invoked,
    ListingFailed,
    PageRead,
    ReadFailed,
    SaveCheckpoint,
    SendDocument,
    ShardsListed,
    Tell,
)
from delivery.records import StreamRecord
from delivery.settings import MappingSettings, Parameters
from delivery.shard import Settlement
from delivery.shard_set import Sources


class Delivery:
    """Delivers a stream's changes to a function.

    Whoever carries out the actions calls `step` with what came of them, and again when `next_time` is reached. A crash
    at any moment loses nothing: a new delivery from the last saved checkpoint delivers again what may not be settled.

    Args:
        settings: Of the mapping.
        parameters: For what AWS doesn't tell.
        checkpoint: The last one that was saved; None to begin at the mapping's starting position.
    """

    def __init__(self, settings: MappingSettings, parameters: Parameters, checkpoint: Checkpoint | None) -> None:
        self.figures = Figures()
        self._settings = settings
        self._actions: list[Action] = []
        self._sources = Sources(settings, parameters, checkpoint, self.figures, self._actions.append)
        self._saved = checkpoint or Checkpoint()
        self._outbox = Outbox(parameters)
        self._retries_unreachable = parameters.unreachable_destination == "retry"
        self._function_refuses = False
        self._destination_is_away = False

    @property
    def is_idle(self) -> bool:
        """Whether all that was read is settled."""
        return all(source.delivery.is_idle for source in self._sources.by_shard.values())

    def step(self, now: float, events: Iterable[Event] = ()) -> list[Action]:
        """Take what happened, and return what to do now, in this order.

        Args:
            now: Seconds since the epoch; never less than before.
            events: What came of earlier actions, in the order in which it came.
        """
        for event in events:
            self._take(event, now)
        for shard_id, source in self._sources.by_shard.items():
            started = source.delivery.start(now)
            for discard in started.discards:
                self._give_up(shard_id, discard)
            for lane, batch in started.batches:
                self.figures.iterator_age_seconds = now - batch.records[-1].written_at
                self._actions.append(Invoke(shard_id, lane, batch))
        checkpoint = self._sources.checkpoint()
        if checkpoint != self._saved:
            self._saved = checkpoint
            self._actions.append(SaveCheckpoint(checkpoint))
        self._sources.start(now)
        parcel = self._outbox.start(now)
        if parcel is not None:
            self._actions.append(SendDocument(*parcel))
        actions = self._actions.copy()
        self._actions.clear()
        return actions

    def next_time(self) -> float | None:
        """Return when to step next though nothing happens, in the past if at once; None for never."""
        times = [self._sources.next_time(), self._outbox.next_time()]
        times += [source.delivery.next_time() for source in self._sources.by_shard.values()]
        return min((time for time in times if time is not None), default=None)

    def _take(self, event: Event, now: float) -> None:
        match event:
            case ShardsListed():
                self._sources.take_shards(event)
            case ListingFailed():
                self._sources.fail_listing(event, now)
            case PageRead():
                self._sources.take_page(event, now)
            case ReadFailed():
                self._sources.fail_read(event, now)
            case Invoked():
                self._take_outcome(event, now)
            case DocumentTried():
                self._take_attempt(event, now)

    def _take_outcome(self, event: Invoked, now: float) -> None:
        settlement = self._sources.by_shard[event.shard_id].delivery.settle(event.lane, event.outcome, now)
        if isinstance(event.outcome, NotAdmitted):
            if not self._function_refuses:
                self._tell("WARNING", "FUNCTION NOT INVOKED:", reason=event.outcome.reason)
            self._function_refuses = True
            return
        if self._function_refuses:
            self._tell("INFO", "FUNCTION INVOKED AGAIN:")
            self._function_refuses = False
        records = settlement.batch.records
        settled = len(settlement.verdict.settled)
        self.figures.invocations += 1
        self.figures.invoked += len(records)
        self.figures.failed += len(records) - settled
        if settled == len(records):
            self._tell("INFO", "BATCH DELIVERED:", **_place(event.shard_id, records))
        else:
            self._tell_failure(event, settlement)
        if settlement.verdict.discard is not None:
            self._give_up(event.shard_id, settlement.verdict.discard)

    def _tell_failure(self, event: Invoked, settlement: Settlement) -> None:
        batch, verdict = settlement
        returned = isinstance(event.outcome, FunctionReturned)
        self._tell(
            "WARNING",
            "BATCH FAILED:",
            **_place(event.shard_id, batch.records),
            failure="the function named it" if returned else "the function raised or was cut off",
            settled=len(verdict.settled),
            invocations=batch.failures or 1,
            next=[len(following.records) for following in verdict.next_batches],
            waitSeconds=verdict.wait_seconds,
        )

    def _give_up(self, shard_id: str, discard: Discard) -> None:
        facts = {
            **_place(shard_id, discard.records),
            "condition": discard.condition,
            "invocations": discard.invocations,
        }
        if discard.condition is None:
            self._drop(Parcel(shard_id, discard), "the stream has forgotten them")
        elif self._settings.destination_arn is None:
            self._drop(Parcel(shard_id, discard), "the mapping has no on-failure destination")
        else:
            self._tell("WARNING", "BATCH GIVEN UP:", **facts)
            self._outbox.add(Parcel(shard_id, discard))

    def _take_attempt(self, event: DocumentTried, now: float) -> None:
        if event.result == "unreachable" and self._retries_unreachable:
            if not self._destination_is_away:
                self._tell("WARNING", "DESTINATION OUT OF REACH:", reason=event.reason, waiting=len(self._outbox))
            self._destination_is_away = True
            self._outbox.postpone(now)
            return
        parcel = self._outbox.settle()
        if self._destination_is_away:
            self._tell("INFO", "DESTINATION IN REACH AGAIN:", waiting=len(self._outbox))
            self._destination_is_away = False
        if event.result == "delivered":
            self.figures.pointed_to += len(parcel.discard.records)
            self._sources.by_shard[parcel.shard_id].delivery.settle_discard(parcel.discard)
            self._tell("INFO", "FAILURE DOCUMENT SENT:", **_place(parcel.shard_id, parcel.discard.records))
        else:
            self._drop(parcel, f"the on-failure destination refused the document: {event.reason}")

    def _drop(self, parcel: Parcel, reason: str) -> None:
        self.figures.dropped += len(parcel.discard.records)
        self._sources.by_shard[parcel.shard_id].delivery.settle_discard(parcel.discard)
        self._tell("ERROR", "RECORDS DROPPED:", **_place(parcel.shard_id, parcel.discard.records), reason=reason)

    def _tell(self, level: str, message: str, **fields: object) -> None:
        self._actions.append(Tell(level, message, fields))


def _place(shard_id: str, records: tuple[StreamRecord, ...]) -> dict[str, object]:
    return {
        "shardId": shard_id,
        "startSequenceNumber": records[0].sequence_number,
        "endSequenceNumber": records[-1].sequence_number,
        "records": len(records),
    }
