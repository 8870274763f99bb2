"""The shards of the stream in delivery: which are read, from where, and how far each is settled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from delivery.messages import (
    Action,
    Checkpoint,
    Figures,
    ListingFailed,
    ListShards,
    PageRead,
    ReadFailed,
    ReadShard,
    ShardCheckpoint,
    ShardsListed,
    StartingPosition,
    Tell,
)
from delivery.records import Shard, readable_shards
from delivery.settings import MappingSettings, Parameters
from delivery.shard import ShardDelivery

# When a shard, or the list of shards, is read next.


class Polling:
    """One place that is read again and again, one read at a time.

    Args:
        interval_seconds: Between the beginnings of two reads that work.
        parameters: For the waits when they don't.
    """

    def __init__(self, interval_seconds: float, parameters: Parameters) -> None:
        self._interval = interval_seconds
        self._parameters = parameters
        self._reading = False
        self._failures = 0
        self._next = 0.0

    @property
    def is_reading(self) -> bool:
        """Whether a read is under way."""
        return self._reading

    def next_time(self) -> float | None:
        """Return when the next read is due, in the past if at once; None while one is under way."""
        return None if self._reading else self._next

    def start(self, now: float) -> bool:
        """Begin a read, if one is due."""
        if self._reading or self._next > now:
            return False
        self._reading = True
        self._next = now + self._interval
        return True

    def hurry(self) -> None:
        """Make the next read due at once."""
        self._next = 0.0

    def succeed(self) -> bool:
        """End a read that worked; return whether the one before had not."""
        self._reading = False
        recovered = self._failures > 0
        self._failures = 0
        return recovered

    def fail(self, now: float) -> bool:
        """End a read that didn't work; return whether the one before had."""
        self._reading = False
        self._failures += 1
        self._next = now + self._parameters.outage_wait(self._failures)
        return self._failures == 1


@dataclass(frozen=True)
class Source:
    """A shard that is read and delivered."""

    delivery: ShardDelivery
    start: StartingPosition
    """Where to begin when nothing of it is settled."""
    polling: Polling


class Sources:
    """Finds shards, reads them, and knows how far they are settled.

    Args:
        settings: Of the mapping.
        parameters: For what AWS doesn't tell.
        checkpoint: The last one that was saved; None to begin at the mapping's starting position.
        figures: Counted up.
        act: Takes the actions.
    """

    def __init__(
        self,
        settings: MappingSettings,
        parameters: Parameters,
        checkpoint: Checkpoint | None,
        figures: Figures,
        act: Callable[[Action], None],
    ) -> None:
        self._settings = settings
        self._parameters = parameters
        self._figures = figures
        self._act = act
        self._sources: dict[str, Source] = {}
        self._settled: dict[str, ShardCheckpoint] = {} if checkpoint is None else dict(checkpoint.shards)
        self._is_first_listing = checkpoint is None
        self._listing = Polling(parameters.listing_seconds, parameters)

    @property
    def by_shard(self) -> Mapping[str, Source]:
        """The shards in delivery, by id."""
        return self._sources

    def start(self, now: float) -> None:
        """Ask for the reads that are due."""
        if self._listing.start(now):
            self._act(ListShards())
        for shard_id, source in self._sources.items():
            if source.delivery.has_room and source.polling.start(now):
                self._act(ReadShard(shard_id, source.delivery.read_to, source.start))

    def next_time(self) -> float | None:
        """Return when a read is due, in the past if at once; None while all are under way."""
        times = [self._listing.next_time()]
        times += [source.polling.next_time() for source in self._sources.values() if source.delivery.has_room]
        return min((time for time in times if time is not None), default=None)

    def take_shards(self, event: ShardsListed) -> None:
        """Begin the shards that may be begun, and leave those that are no more."""
        if self._listing.succeed():
            self._act(Tell("INFO", "STREAM IN REACH AGAIN:", {"shards": len(event.shards)}))
        known = {shard.shard_id for shard in event.shards}
        self._leave_all_but(known)
        if self._is_first_listing and self._settings.starting_position == "LATEST":
            self._settled |= {
                shard.shard_id: ShardCheckpoint(None, finished=True) for shard in event.shards if shard.closed
            }
        finished = {shard_id for shard_id, settled in self._settled.items() if settled.finished}
        for shard in readable_shards(event.shards, finished):
            if shard.shard_id not in self._sources:
                self._begin(shard)
        self._is_first_listing = False

    def fail_listing(self, event: ListingFailed, now: float) -> None:
        """Try again later; say so once."""
        if self._listing.fail(now):
            self._act(Tell("WARNING", "STREAM OUT OF REACH:", {"reason": event.reason}))

    def take_page(self, event: PageRead, now: float) -> None:
        """Deliver what was read."""
        source = self._sources[event.shard_id]
        if source.polling.succeed():
            self._act(Tell("INFO", "SHARD IN REACH AGAIN:", {"shardId": event.shard_id}))
        if event.gap:
            first = event.records[0].sequence_number if event.records else None
            self._tell_gap(event.shard_id, source.delivery.read_to, first)
        source.delivery.add(event.records, now)
        self._figures.polled += len(event.records)
        if event.ended:
            source.delivery.ended = True
            self._act(Tell("INFO", "SHARD READ TO ITS END:", {"shardId": event.shard_id}))

    def fail_read(self, event: ReadFailed, now: float) -> None:
        """Try again later; say so once. The shard may be no more: the next listing tells."""
        if self._sources[event.shard_id].polling.fail(now):
            self._act(Tell("WARNING", "SHARD OUT OF REACH:", {"shardId": event.shard_id, "reason": event.reason}))

    def checkpoint(self) -> Checkpoint:
        """Return how far all is settled, and leave the shards of which nothing more will come."""
        for shard_id, source in list(self._sources.items()):
            finished = source.delivery.ended and source.delivery.is_idle and not source.polling.is_reading
            if finished or source.delivery.checkpoint is not None:
                self._settled[shard_id] = ShardCheckpoint(source.delivery.checkpoint, finished)
            if finished:
                del self._sources[shard_id]
                self._listing.hurry()  # for its children
        return Checkpoint(dict(self._settled))

    def _begin(self, shard: Shard) -> None:
        settled = self._settled.get(shard.shard_id)
        after = None if settled is None else settled.sequence_number
        start: StartingPosition = self._settings.starting_position if self._is_first_listing else "TRIM_HORIZON"
        self._sources[shard.shard_id] = Source(
            ShardDelivery(self._settings, self._parameters, after),
            start,
            Polling(1 / self._parameters.polls_per_second, self._parameters),
        )
        self._act(Tell("INFO", "SHARD BEGUN:", {"shardId": shard.shard_id, "after": after or start}))

    def _leave_all_but(self, known: set[str]) -> None:
        """Forget the shards that the stream has forgotten; what was read of them is still delivered."""
        for shard_id, source in self._sources.items():
            if shard_id not in known and not source.delivery.ended:
                source.delivery.ended = True
                self._tell_gap(shard_id, source.delivery.read_to, None)
        for shard_id in self._settled.keys() - known - self._sources.keys():
            settled = self._settled.pop(shard_id)
            if not settled.finished:
                self._tell_gap(shard_id, settled.sequence_number, None)

    def _tell_gap(self, shard_id: str, after: str | None, before: str | None) -> None:
        self._figures.gaps += 1
        self._act(
            Tell(
                "ERROR",
                "RECORDS MAY BE LOST:",
                {
                    "shardId": shard_id,
                    "after": after,
                    "before": before,
                    "reason": "the stream has forgotten what lay between; it keeps a change for 24 hours",
                },
            )
        )
