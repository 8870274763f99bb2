"""The shards in delivery: which may be read, from where, and how far each is settled.

Shard order: a parent is read and settled to its end before its children are read, or changes of one
item could swap places (DynamoDB developer guide, "Reading and processing a stream").
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from delivery import messages
from delivery.assumptions import Assumptions
from delivery.event_counts import EventCounts
from delivery.schedule import CallSchedule
from delivery.settings import MappingSettings, StartingPosition
from delivery.shard import ShardDelivery


def readable_shards(shards: Collection[messages.Shard], finished: Collection[str]) -> list[messages.Shard]:
    """Return the shards that may be read now, given the ids of those read to their end and settled.

    A parent that the stream no longer has counts as finished: none of its records can be read.
    """
    known = {shard.shard_id for shard in shards}
    return [
        shard
        for shard in shards
        if shard.shard_id not in finished
        and (shard.parent_id is None or shard.parent_id in finished or shard.parent_id not in known)
    ]


@dataclass
class OpenShard:
    """A shard that is read and delivered."""

    delivery: ShardDelivery
    starting_position: StartingPosition
    """Where to begin when nothing of it is settled."""
    schedule: CallSchedule
    idle_since: float
    """When its last records came, in seconds since the epoch."""


class ShardSet:
    """Lists shards, reads them, and knows how far they are settled.

    Attributes:
        open: The shards in delivery, by id.
    """

    def __init__(
        self,
        settings: MappingSettings,
        assumptions: Assumptions,
        checkpoint: messages.Checkpoint | None,
        act: Callable[[messages.Action], None],
        counts: EventCounts,
    ) -> None:
        self.open: dict[str, OpenShard] = {}
        self._settings = settings
        self._assumptions = assumptions
        self._act = act
        self._counts = counts
        self._settled: dict[str, messages.ShardCheckpoint] = {} if checkpoint is None else dict(checkpoint.shards)
        self._is_first_listing = checkpoint is None
        idle_polls = assumptions.idle_polls_per_second or assumptions.polls_per_second
        self._idle_wait = 1 / idle_polls - 1 / assumptions.polls_per_second
        self._listing = CallSchedule(assumptions.listing_seconds, assumptions)

    def start(self, now: float) -> None:
        """Start the reads that are due."""
        if self._listing.start(now):
            self._act(messages.ListShards())
        for shard_id, shard in self.open.items():
            if shard.delivery.has_room and shard.schedule.start(now):
                self._act(messages.ReadShard(shard_id, shard.delivery.read_to, shard.starting_position))

    def next_time(self) -> float | None:
        """Return when a read is due; a past time means now, None that all are in flight."""
        times = [self._listing.next_time()]
        times += [shard.schedule.next_time() for shard in self.open.values() if shard.delivery.has_room]
        return min((time for time in times if time is not None), default=None)

    def take_listing(self, event: messages.ShardsListed, now: float) -> None:
        """Open the shards that may be read now, and forget those that the stream no longer has."""
        if self._listing.succeed():
            self._log("INFO", "STREAM IN REACH AGAIN:", shards=len(event.shards))
        self._forget_all_but({shard.shard_id for shard in event.shards})
        if self._is_first_listing and self._settings.starting_position == "LATEST":
            # A shard that is closed already holds only records from before this mapping.
            self._settled |= {
                shard.shard_id: messages.ShardCheckpoint(None, finished=True) for shard in event.shards if shard.closed
            }
        finished = {shard_id for shard_id, settled in self._settled.items() if settled.finished}
        for shard in readable_shards(event.shards, finished):
            if shard.shard_id not in self.open:
                self._open(shard, now)
        self._is_first_listing = False

    def fail_listing(self, event: messages.ListingFailed, now: float) -> None:
        """List again later; log only the first failure in a row."""
        if self._listing.fail(now):
            self._log("WARNING", "STREAM OUT OF REACH:", reason=event.reason)

    def take_page(self, event: messages.PageRead, now: float) -> None:
        """Deliver the records of a page."""
        shard = self.open[event.shard_id]
        if shard.schedule.succeed():
            self._log("INFO", "SHARD IN REACH AGAIN:", shardId=event.shard_id)
        if event.gap:
            first = event.records[0].sequence_number if event.records else None
            self._report_gap(event.shard_id, shard.delivery.read_to, first)
        if event.records:
            shard.idle_since = now
        elif now - shard.idle_since >= self._assumptions.idle_seconds:
            shard.schedule.postpone(self._idle_wait)
        self._counts.polled += len(event.records)
        self._counts.filtered_out += shard.delivery.add(event.records, now)
        if event.ended:
            shard.delivery.ended = True
            self._log("INFO", "SHARD READ TO ITS END:", shardId=event.shard_id)

    def hasten(self) -> None:
        """Read every shard as soon as the poll rate allows, because the stream was written to."""
        for shard in self.open.values():
            shard.schedule.hasten()

    def fail_read(self, event: messages.ReadFailed, now: float) -> None:
        """Read again later; log only the first failure in a row."""
        if self.open[event.shard_id].schedule.fail(now):
            self._log("WARNING", "SHARD OUT OF REACH:", shardId=event.shard_id, reason=event.reason)

    def close_finished(self) -> messages.Checkpoint:
        """Close the shards that are finished, and return how far all are settled."""
        for shard_id, shard in list(self.open.items()):
            finished = shard.delivery.ended and shard.delivery.is_idle and not shard.schedule.in_flight
            if finished or shard.delivery.checkpoint is not None:
                self._settled[shard_id] = messages.ShardCheckpoint(shard.delivery.checkpoint, finished)
            if finished:
                del self.open[shard_id]
                self._listing.next_at = 0.0  # list now, because its children may be readable
        return messages.Checkpoint(dict(self._settled))

    def _open(self, shard: messages.Shard, now: float) -> None:
        settled = self._settled.get(shard.shard_id)
        after = None if settled is None else settled.sequence_number
        start: StartingPosition = self._settings.starting_position if self._is_first_listing else "TRIM_HORIZON"
        delivery = ShardDelivery(self._settings, self._assumptions, after)
        schedule = CallSchedule(1 / self._assumptions.polls_per_second, self._assumptions)
        self.open[shard.shard_id] = OpenShard(delivery, start, schedule, idle_since=now)
        self._log("INFO", "SHARD BEGUN:", shardId=shard.shard_id, after=after or start)

    def _forget_all_but(self, known: set[str]) -> None:
        """Forget the shards that the stream no longer has; what was read is still delivered."""
        for shard_id, shard in self.open.items():
            if shard_id not in known and not shard.delivery.ended:
                shard.delivery.ended = True
                self._report_gap(shard_id, shard.delivery.read_to, None)
        for shard_id in self._settled.keys() - known - self.open.keys():
            settled = self._settled.pop(shard_id)
            if not settled.finished:
                self._report_gap(shard_id, settled.sequence_number, None)

    def _report_gap(self, shard_id: str, after: str | None, before: str | None) -> None:
        reason = "the stream no longer has what lay between; it keeps a change for 24 hours"
        self._log("ERROR", "RECORDS MAY BE LOST:", shardId=shard_id, after=after, before=before, reason=reason)

    def _log(self, level: str, message: str, **fields: object) -> None:
        self._act(messages.LogEvent(level, message, fields))
