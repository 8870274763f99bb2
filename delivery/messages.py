"""What the delivery asks for, and what it is told: its only ways out and in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from delivery.decisions import Discard, Outcome
from delivery.records import Batch, Shard, StreamRecord
from functions.runtime.json_log import Json, is_object

# What must be remembered for delivery to go on where it was.

_VERSION = 1


class MalformedCheckpointError(ValueError):
    """A text that is no checkpoint; the message says what of it isn't."""


class ShardCheckpoint(NamedTuple):
    """How far one shard is settled."""

    sequence_number: str | None
    """All up to here; None for nothing yet."""
    finished: bool = False
    """Read to the shard's end and all of it settled."""


@dataclass(frozen=True)
class Checkpoint:
    """How far the shards of a stream are settled for one function."""

    shards: Mapping[str, ShardCheckpoint] = field(default_factory=dict[str, ShardCheckpoint])
    """By shard id."""

    def to_json(self) -> str:
        """Return it as JSON."""
        shards = {
            shard_id: {"sequenceNumber": shard.sequence_number, "finished": shard.finished}
            for shard_id, shard in self.shards.items()
        }
        return json.dumps({"version": _VERSION, "shards": shards}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Checkpoint":
        """Return what `to_json` wrote.

        Raises:
            MalformedCheckpointError: The text is something else.
        """
        try:
            document: Json = json.loads(text)
        except ValueError:
            raise MalformedCheckpointError("it isn't JSON") from None
        if not is_object(document) or document.get("version") != _VERSION or not is_object(document.get("shards")):
            raise MalformedCheckpointError(f"it isn't a checkpoint of version {_VERSION}")
        return cls({shard_id: _shard(shard_id, entry) for shard_id, entry in document["shards"].items()})


def _shard(shard_id: str, entry: Json) -> ShardCheckpoint:
    if is_object(entry):
        sequence_number: Json = entry.get("sequenceNumber")
        finished: Json = entry.get("finished")
        if isinstance(finished, bool) and (
            sequence_number is None or (isinstance(sequence_number, str) and sequence_number.isdecimal())
        ):
            return ShardCheckpoint(sequence_number, finished)
    raise MalformedCheckpointError(f"its entry of {shard_id} isn't one of a shard")


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


# Counts of what was delivered, under the names of the mapping's CloudWatch metrics where it has
# them.
#
# Source: Lambda developer guide, "Types of metrics for Lambda functions", event source mapping
# metrics.


@dataclass(kw_only=True)
class Figures:
    """Since the start; records, unless said otherwise."""

    polled: int = 0
    """PolledEventCount: read from the stream."""
    invoked: int = 0
    """InvokedEventCount: delivered; each retry counts again."""
    failed: int = 0
    """FailedInvokeEventCount: delivered in vain."""
    dropped: int = 0
    """DroppedEventCount: given up and pointed to by no document."""
    pointed_to: int = 0
    """OnFailureDestinationDeliveredEventCount: given up, and a document says where they lie."""
    invocations: int = 0
    """Batches that the function got."""
    gaps: int = 0
    """Times when the stream had forgotten where reading stood, so that records may be missing. Not a metric of AWS."""
    iterator_age_seconds: float = 0.0
    """IteratorAge: age of the last record of the last batch, when it was sent."""
