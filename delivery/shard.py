"""Delivery of one shard: its records spread over lanes, and how far they are settled."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from delivery.decisions import Discard, Outcome, Verdict, expire, judge
from delivery.records import Batch, StreamRecord, WaitingRecords
from delivery.settings import MappingSettings, Parameters

# How far a shard is settled: lanes finish in any order, the checkpoint only ever stands behind a
# settled beginning.


class Progress:
    """The sequence numbers that were read and are not all settled.

    Args:
        checkpoint: All up to here is settled; None for nothing yet.
    """

    def __init__(self, checkpoint: str | None) -> None:
        self.checkpoint = checkpoint
        """All up to here is settled, and nothing is promised of what comes behind."""
        self._read: deque[str] = deque()
        self._settled: set[str] = set()

    def __len__(self) -> int:
        """Return how many were read behind the checkpoint."""
        return len(self._read)

    def add(self, sequence_number: str) -> None:
        """Take one that was read; they come in the shard's order."""
        self._read.append(sequence_number)

    def settle(self, sequence_numbers: Iterable[str]) -> None:
        """Mark some as settled, and move the checkpoint over those that are now without a gap."""
        self._settled.update(sequence_numbers)
        while self._read and self._read[0] in self._settled:
            self.checkpoint = self._read.popleft()
            self._settled.remove(self.checkpoint)


# One lane of a shard: at most one batch in flight, and nothing overtakes anything.


class Start(NamedTuple):
    """What a lane begins with."""

    batch: Batch | None
    """To be delivered now."""
    discards: Sequence[Discard]
    """Given up before they could be."""


class Settlement(NamedTuple):
    """What became of a batch."""

    batch: Batch
    verdict: Verdict


class Lane:
    """The batches of one lane, in order.

    Args:
        settings: Of the mapping.
        parameters: For what AWS doesn't tell.
    """

    def __init__(self, settings: MappingSettings, parameters: Parameters) -> None:
        self._settings = settings
        self._parameters = parameters
        self._waiting = WaitingRecords(settings, parameters)
        self._heads: list[Batch] = []
        """What comes again, the next one last: halves of halves lie before what they were cut from."""
        self._not_before = 0.0
        self._in_flight: Batch | None = None
        self._redelivers = False

    @property
    def stalls(self) -> bool:
        """Whether something comes again here, or has come again and isn't settled."""
        return bool(self._heads) or self._redelivers

    def add(self, record: StreamRecord, now: float) -> None:
        """Take one more record."""
        self._waiting.add(record, now)

    def next_time(self) -> float | None:
        """Return when something is to start, in the past if at once; None for never or while one is in flight."""
        if self._in_flight is not None:
            return None
        return self._not_before if self._heads else self._waiting.due_at()

    def start(self, now: float) -> Start:
        """Take the next batch into flight, if one is due and not too old."""
        discards: list[Discard] = []
        begun: Batch | None = None
        while (due := self.next_time()) is not None and due <= now:
            self._redelivers = bool(self._heads)
            batch = self._heads.pop() if self._heads else self._waiting.cut()
            expiry = expire(batch, now, self._settings, self._parameters)
            discards += expiry.discards
            begun = self._in_flight = expiry.rest
        return Start(begun, discards)

    def settle(self, outcome: Outcome, now: float) -> Settlement:
        """Take the outcome of the batch in flight."""
        batch, self._in_flight = self._in_flight, None
        if batch is None:
            raise RuntimeError("an outcome came for a lane in which nothing is in flight")
        self._redelivers = False
        verdict = judge(batch, outcome, now, self._settings, self._parameters)
        self._heads += reversed(verdict.next_batches)
        self._not_before = now + verdict.wait_seconds
        self._waiting.open_window(now)
        return Settlement(batch, verdict)


class ShardStart(NamedTuple):
    """What a shard begins with."""

    batches: Sequence[tuple[int, Batch]]
    """To be delivered now, each with its lane."""
    discards: Sequence[Discard]


class ShardDelivery:
    """The lanes of one shard.

    A batch that is given up counts as settled only when its document is: `settle_discard`. The lane goes on meanwhile,
    as it does on AWS, but a crash must find the records again.

    Args:
        settings: Of the mapping.
        parameters: For what AWS doesn't tell.
        checkpoint: Sequence number up to which all was settled before; None to begin at the beginning.
    """

    def __init__(self, settings: MappingSettings, parameters: Parameters, checkpoint: str | None) -> None:
        self._parameters = parameters
        self._lanes = [Lane(settings, parameters) for _ in range(settings.parallelization_factor)]
        self._progress = Progress(checkpoint)
        self._capacity = max(
            parameters.read_ahead_records,
            parameters.read_ahead_batches * settings.batch_size * settings.parallelization_factor,
        )
        self.read_to = checkpoint
        """Sequence number of the last record that was read."""
        self.ended = False
        """Whether the shard is closed and read to its end."""

    @property
    def checkpoint(self) -> str | None:
        """All up to this sequence number is settled."""
        return self._progress.checkpoint

    @property
    def has_room(self) -> bool:
        """Whether more may be read."""
        return not self.ended and len(self._progress) < self._capacity

    @property
    def is_idle(self) -> bool:
        """Whether all that was read is settled."""
        return not len(self._progress)

    def add(self, records: Iterable[StreamRecord], now: float) -> None:
        """Take what was read, in the shard's order."""
        lanes = len(self._lanes)
        for record in records:
            lane = self._parameters.lane(record.item, lanes) if lanes > 1 else 0
            self._progress.add(record.sequence_number)
            self._lanes[lane].add(record, now)
            self.read_to = record.sequence_number

    def start(self, now: float) -> ShardStart:
        """Take the batches that are due into flight."""
        batches: list[tuple[int, Batch]] = []
        discards: list[Discard] = []
        for number in self._startable():
            start = self._lanes[number].start(now)
            discards += start.discards
            if start.batch is not None:
                batches.append((number, start.batch))
        return ShardStart(batches, discards)

    def settle(self, lane: int, outcome: Outcome, now: float) -> Settlement:
        """Take the outcome of a lane's batch."""
        settlement = self._lanes[lane].settle(outcome, now)
        self._progress.settle(record.sequence_number for record in settlement.verdict.settled)
        return settlement

    def settle_discard(self, discard: Discard) -> None:
        """Take note that nothing more will become of records that were given up."""
        self._progress.settle(record.sequence_number for record in discard.records)

    def next_time(self) -> float | None:
        """Return when a batch is due, in the past if at once; None when nothing is."""
        times = [time for number in self._startable() if (time := self._lanes[number].next_time()) is not None]
        return min(times, default=None)

    def _startable(self) -> Iterable[int]:
        """Return the lanes that may begin something."""
        if self._parameters.stalled_lane_stalls_shard:
            stalled = [number for number, lane in enumerate(self._lanes) if lane.stalls]
            if stalled:
                return stalled
        return range(len(self._lanes))
