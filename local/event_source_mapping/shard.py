"""Delivery of one shard: its records spread over lanes, and how far they are settled."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from local.event_source_mapping.batching import Batch
from local.event_source_mapping.failures import Discard, Outcome
from local.event_source_mapping.lane import Lane, Settlement
from local.event_source_mapping.parameters import Parameters
from local.event_source_mapping.progress import Progress
from local.event_source_mapping.records import StreamRecord
from local.event_source_mapping.settings import MappingSettings


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
