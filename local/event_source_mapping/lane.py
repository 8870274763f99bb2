"""One lane of a shard: at most one batch in flight, and nothing overtakes anything."""

from collections.abc import Sequence
from typing import NamedTuple

from local.event_source_mapping.batching import Batch, WaitingRecords
from local.event_source_mapping.failures import Discard, Outcome, Verdict, expire, judge
from local.event_source_mapping.parameters import Parameters
from local.event_source_mapping.records import StreamRecord
from local.event_source_mapping.settings import MappingSettings


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
