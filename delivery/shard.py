"""Delivery of one shard: its records spread over lanes, at most one batch in flight in each."""

from collections import deque
from collections.abc import Iterable

from delivery.assumptions import Assumptions
from delivery.decisions import Decision, DiscardedBatch, DueBatch, InvocationOutcome, decide, expire
from delivery.filters import StreamFilter
from delivery.records import Batch, StreamRecord, WaitingRecords
from delivery.settings import MappingSettings


class Lane:
    """One of a shard's ParallelizationFactor slots: one batch in flight, all records in order."""

    def __init__(self, settings: MappingSettings, assumptions: Assumptions) -> None:
        self._settings = settings
        self._assumptions = assumptions
        self._waiting = WaitingRecords(settings, assumptions)
        self._redeliveries: list[Batch] = []
        """A stack, the next batch last: halves of a batch come before what follows it."""
        self._not_before = 0.0
        self._in_flight: Batch | None = None
        self._in_flight_is_redelivery = False

    @property
    def is_stalled(self) -> bool:
        """Whether a batch is to be redelivered, or is being redelivered."""
        return bool(self._redeliveries) or self._in_flight_is_redelivery

    def add(self, record: StreamRecord, now: float) -> None:
        """Append a record."""
        self._waiting.add(record, now)

    def next_time(self) -> float | None:
        """Return when a batch is due; a past time means now. None: never, or one is in flight."""
        if self._in_flight is not None:
            return None
        return self._not_before if self._redeliveries else self._waiting.due_at()

    def start(self, now: float) -> DueBatch:
        """Take the next batch into flight, if one is due and not too old."""
        discards: list[DiscardedBatch] = []
        while (due := self.next_time()) is not None and due <= now:
            self._in_flight_is_redelivery = bool(self._redeliveries)
            batch = self._redeliveries.pop() if self._redeliveries else self._waiting.take_batch()
            self._in_flight, expired = expire(batch, now, self._settings, self._assumptions)
            discards += expired
            if self._in_flight is not None:
                return DueBatch(self._in_flight, discards)
        return DueBatch(None, discards)

    def take_outcome(self, outcome: InvocationOutcome, now: float) -> Decision:
        """Take the outcome of the batch in flight.

        Raises:
            RuntimeError: No batch is in flight.
        """
        batch, self._in_flight = self._in_flight, None
        if batch is None:
            raise RuntimeError("an outcome came for a lane in which nothing is in flight")
        self._in_flight_is_redelivery = False
        decision = decide(batch, outcome, now, self._settings, self._assumptions)
        self._redeliveries += reversed(decision.next_batches)
        self._not_before = now + decision.wait_seconds
        self._waiting.open_window(now)
        return decision


class ShardDelivery:
    """The lanes of one shard, and how far it is settled.

    A record is settled when the function has processed it, when the filters don't let it through,
    or when it was discarded and its failure document was sent or dropped. Lanes finish in any
    order; the checkpoint ends before the first record that is not settled. A lane continues while a
    failure document is on its way, as on AWS; after a crash before that, the records are read
    again.

    Attributes:
        checkpoint: All records up to this sequence number are settled.
        read_to: Sequence number of the last record that was read.
        ended: Whether the shard is closed and read to its end.
    """

    def __init__(self, settings: MappingSettings, assumptions: Assumptions, checkpoint: str | None) -> None:
        self.checkpoint = checkpoint
        self.read_to = checkpoint
        self.ended = False
        self._assumptions = assumptions
        self._filter = StreamFilter(settings.filters)
        self._lanes = [Lane(settings, assumptions) for _ in range(settings.parallelization_factor)]
        self._read: deque[str] = deque()
        """Sequence numbers after the checkpoint, in the shard's order."""
        self._settled: set[str] = set()
        """Those of them that are settled."""
        self._capacity = max(
            assumptions.read_ahead_records,
            assumptions.read_ahead_batches * settings.batch_size * settings.parallelization_factor,
        )

    @property
    def has_room(self) -> bool:
        """Whether more may be read."""
        return not self.ended and len(self._read) < self._capacity

    @property
    def is_idle(self) -> bool:
        """Whether all records that were read are settled."""
        return not self._read

    def add(self, records: Iterable[StreamRecord], now: float) -> int:
        """Add records that were read, in the shard's order; return how many the filters settle."""
        lanes = len(self._lanes)
        filtered_out: list[StreamRecord] = []
        for record in records:
            self._read.append(record.sequence_number)
            self.read_to = record.sequence_number
            if self._filter.admits(record.body):
                lane = self._assumptions.lane(record.item, lanes) if lanes > 1 else 0
                self._lanes[lane].add(record, now)
            else:
                filtered_out.append(record)
        self.settle_records(filtered_out)
        return len(filtered_out)

    def next_time(self) -> float | None:
        """Return when a batch is due; a past time means now, None never."""
        times = [time for number in self._startable() if (time := self._lanes[number].next_time()) is not None]
        return min(times, default=None)

    def start(self, now: float) -> list[tuple[int, DueBatch]]:
        """Take the batches that are due into flight, and return each with its lane."""
        lanes = self._lanes
        startable = self._startable()
        due = [number for number in startable if (time := lanes[number].next_time()) is not None and time <= now]
        return [(number, lanes[number].start(now)) for number in due]

    def take_outcome(self, lane: int, outcome: InvocationOutcome, now: float) -> Decision:
        """Take the outcome of a lane's batch."""
        decision = self._lanes[lane].take_outcome(outcome, now)
        self.settle_records(decision.settled)
        return decision

    def settle_records(self, records: Iterable[StreamRecord]) -> None:
        """Mark records as settled, and move the checkpoint over all before the first gap."""
        self._settled.update(record.sequence_number for record in records)
        while self._read and self._read[0] in self._settled:
            self.checkpoint = self._read.popleft()
            self._settled.remove(self.checkpoint)

    def _startable(self) -> Iterable[int]:
        """Return the stalled lanes alone if a stalled lane stalls its shard; else all lanes."""
        if self._assumptions.stalled_lane_stalls_shard:
            stalled = [number for number, lane in enumerate(self._lanes) if lane.is_stalled]
            if stalled:
                return stalled
        return range(len(self._lanes))
