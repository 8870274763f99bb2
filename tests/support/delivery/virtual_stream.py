"""A stream in memory and in virtual time: shards that split, and trim records after a day."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from delivery.messages import PageRead, ReadShard, Shard
from delivery.records import StreamRecord
from functions.dead_letters.envelope import StreamPointer
from functions.rescue_failed_batches.rescue import RecordsLostError, RescueInterruptedError
from functions.runtime.json_log import Json

RETENTION_SECONDS = 24 * 3600.0


@dataclass
class VirtualShard:
    """One shard. A record's place is the number of records before it."""

    parent_id: str | None = None
    closed: bool = False
    records: list[StreamRecord] = field(default_factory=list[StreamRecord])
    places: dict[str, int] = field(default_factory=dict[str, int])
    trimmed: int = 0
    """How many of the records are trimmed."""

    def add(self, record: StreamRecord) -> None:
        self.places[record.sequence_number] = len(self.records)
        self.records.append(record)

    def trim(self, now: float) -> None:
        while self.trimmed < len(self.records) and now - self.records[self.trimmed].written_at > RETENTION_SECONDS:
            self.trimmed += 1


class VirtualStream:
    """Shards by id; the changes of one user are always in one of them or its descendants."""

    def __init__(self, roots: int = 1) -> None:
        self.now = 0.0
        self.shards = {f"shardId-{number}": VirtualShard() for number in range(roots)}
        self._current = list(self.shards)
        """Ids of the open shards; a user's id selects one."""

    def shard_of(self, user_id: str) -> str:
        """Return the shard that takes the user's changes now."""
        return self._current[sum(user_id.encode()) % len(self._current)]

    def add(self, user_id: str, record: StreamRecord) -> str:
        """Write a record, and return its shard."""
        shard_id = self.shard_of(user_id)
        self.shards[shard_id].add(record)
        return shard_id

    def roll(self, place: int) -> None:
        """Close a shard, as DynamoDB does every few hours, and open its child."""
        parent_id = self._current[place % len(self._current)]
        self.shards[parent_id].closed = True
        child_id = f"{parent_id}+"
        self.shards[child_id] = VirtualShard(parent_id)
        self._current[place % len(self._current)] = child_id

    def listed(self) -> list[Shard]:
        """Return what DescribeStream returns, in reverse order."""
        return [
            Shard(shard_id, shard.parent_id, shard.closed)
            for shard_id, shard in sorted(self.shards.items(), reverse=True)
        ]

    def read(self, wanted: ReadShard, limit: int) -> PageRead:
        """Return what a reader makes of GetShardIterator and GetRecords."""
        shard = self.shards[wanted.shard_id]
        shard.trim(self.now)
        place = 0 if wanted.after is None else shard.places[wanted.after] + 1
        gap = wanted.after is not None and place < shard.trimmed
        place = max(place, shard.trimmed)
        page = shard.records[place : place + limit]
        ended = shard.closed and place + len(page) == len(shard.records)
        return PageRead(wanted.shard_id, page, ended, gap)


class VirtualStreamReader:
    """A `StreamReader` of the rescue.

    Attributes:
        interruptions: So many of the next reads break off after a page.
    """

    def __init__(self, stream: VirtualStream, page_size: int = 3) -> None:
        self.interruptions = 0
        self._stream = stream
        self._page_size = page_size

    def pages(self, pointer: StreamPointer) -> Iterator[list[Json]]:
        shard = self._stream.shards[pointer.shard_id]
        shard.trim(self._stream.now)
        first, last = shard.places[pointer.start_sequence_number], shard.places[pointer.end_sequence_number]
        records = shard.records[max(first, shard.trimmed) : last + 1]
        if not records:
            raise RecordsLostError("trimmed")
        for start in range(0, len(records), self._page_size):
            yield [json.loads(record.body) for record in records[start : start + self._page_size]]
            if self.interruptions:
                self.interruptions -= 1
                raise RescueInterruptedError("interrupted")
