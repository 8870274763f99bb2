"""What the delivery asks for, and what it is told: its only ways out and in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from local.event_source_mapping.batching import Batch
from local.event_source_mapping.checkpoint import Checkpoint
from local.event_source_mapping.failures import Discard, Outcome
from local.event_source_mapping.lineage import Shard
from local.event_source_mapping.records import StreamRecord

StartingPosition = Literal["TRIM_HORIZON", "LATEST"]


class ListShards(NamedTuple):
    """Look which shards the stream has; answered by `ShardsListed` or `ListingFailed`."""


class ReadShard(NamedTuple):
    """Read on in a shard; answered by `PageRead` or `ReadFailed`."""

    shard_id: str
    after: str | None
    """Sequence number to read on behind; None to begin at `start`."""
    start: StartingPosition


class Invoke(NamedTuple):
    """Invoke the function with a batch; answered by `Invoked`."""

    shard_id: str
    lane: int
    batch: Batch


class SendDocument(NamedTuple):
    """Send the failure document of a batch; answered by `DocumentTried`."""

    shard_id: str
    discard: Discard


class SaveCheckpoint(NamedTuple):
    """Remember how far all is settled; not answered."""

    checkpoint: Checkpoint


class Tell(NamedTuple):
    """Log an event; not answered."""

    level: str
    message: str
    fields: Mapping[str, object]


Action = ListShards | ReadShard | Invoke | SendDocument | SaveCheckpoint | Tell


@dataclass(frozen=True)
class ShardsListed:
    """The shards that the stream has now."""

    shards: Sequence[Shard]


@dataclass(frozen=True)
class ListingFailed:
    """The shards can't be listed now."""

    reason: str


@dataclass(frozen=True)
class PageRead:
    """What a read gave."""

    shard_id: str
    records: Sequence[StreamRecord]
    ended: bool = False
    """Whether the shard is closed and this was its end."""
    gap: bool = False
    """Whether records before these may be gone: the stream had forgotten the place to read on from."""


@dataclass(frozen=True)
class ReadFailed:
    """A shard can't be read now."""

    shard_id: str
    reason: str


@dataclass(frozen=True)
class Invoked:
    """What came of an invocation."""

    shard_id: str
    lane: int
    outcome: Outcome


@dataclass(frozen=True)
class DocumentTried:
    """What came of sending a failure document."""

    result: Literal["delivered", "refused", "unreachable"]
    """`refused`: the destination or the role said no. `unreachable`: nobody answered, or only that it can't now."""
    reason: str | None = None


Event = ShardsListed | ListingFailed | PageRead | ReadFailed | Invoked | DocumentTried
