"""What a delivery returns and takes: actions, events and the checkpoint."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from delivery.decisions import DiscardedBatch, InvocationOutcome
from delivery.records import Batch, StreamRecord
from delivery.settings import StartingPosition
from functions.runtime.json_log import Json, is_object

_CHECKPOINT_VERSION = 1


class MalformedCheckpointError(ValueError):
    """The text isn't a checkpoint; the message says what is wrong with it."""


class ShardCheckpoint(NamedTuple):
    """How far one shard is settled."""

    sequence_number: str | None
    """All records up to this one; None for none yet."""
    finished: bool = False
    """Whether the shard is read to its end, and all of it is settled."""


@dataclass(frozen=True)
class Checkpoint:
    """How far a stream's shards are settled for one function, by shard id."""

    shards: Mapping[str, ShardCheckpoint] = field(default_factory=dict[str, ShardCheckpoint])

    def to_json(self) -> str:
        """Return the checkpoint as JSON."""
        shards = {
            shard_id: {"sequenceNumber": shard.sequence_number, "finished": shard.finished}
            for shard_id, shard in self.shards.items()
        }
        return json.dumps({"version": _CHECKPOINT_VERSION, "shards": shards}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Checkpoint":
        """Read what `to_json` wrote.

        Raises:
            MalformedCheckpointError: The text is something else.
        """
        try:
            document: Json = json.loads(text)
        except ValueError:
            raise MalformedCheckpointError("it isn't JSON") from None
        version = document.get("version") if is_object(document) else None
        if version != _CHECKPOINT_VERSION or not is_object(document.get("shards")):
            raise MalformedCheckpointError(f"it isn't a checkpoint of version {_CHECKPOINT_VERSION}")
        return cls({shard_id: _shard_checkpoint(shard_id, entry) for shard_id, entry in document["shards"].items()})


def _shard_checkpoint(shard_id: str, entry: Json) -> ShardCheckpoint:
    if is_object(entry):
        sequence_number: Json = entry.get("sequenceNumber")
        finished: Json = entry.get("finished")
        if isinstance(finished, bool) and (
            sequence_number is None or (isinstance(sequence_number, str) and sequence_number.isdecimal())
        ):
            return ShardCheckpoint(sequence_number, finished)
    raise MalformedCheckpointError(f"its entry for {shard_id} isn't a shard's")


class Shard(NamedTuple):
    """A shard as DescribeStream reports it."""

    shard_id: str
    parent_id: str | None = None
    closed: bool = False
    """Whether it has an ending sequence number: no record will be written to it any more."""


class ListShards(NamedTuple):
    """List the stream's shards; answered by `ShardsListed` or `ListingFailed`."""


class ReadShard(NamedTuple):
    """Read the next page of a shard; answered by `PageRead` or `ReadFailed`."""

    shard_id: str
    after: str | None
    """Sequence number of the record before the page; None to begin at `start`."""
    start: StartingPosition


class Invoke(NamedTuple):
    """Invoke the function with a batch; answered by `Invoked`."""

    shard_id: str
    lane: int
    batch: Batch


class SendDocument(NamedTuple):
    """Send the failure document of a discarded batch; answered by `SendAttempted`."""

    shard_id: str
    discarded: DiscardedBatch


class SaveCheckpoint(NamedTuple):
    """Save the checkpoint; not answered."""

    checkpoint: Checkpoint


class LogEvent(NamedTuple):
    """Log an event; not answered."""

    level: str
    message: str
    fields: Mapping[str, object]


Action = ListShards | ReadShard | Invoke | SendDocument | SaveCheckpoint | LogEvent


@dataclass(frozen=True)
class ShardsListed:
    """The stream has these shards now."""

    shards: Sequence[Shard]


@dataclass(frozen=True)
class ListingFailed:
    """The shards could not be listed."""

    reason: str


@dataclass(frozen=True)
class PageRead:
    """A page of a shard was read."""

    shard_id: str
    records: Sequence[StreamRecord]
    ended: bool = False
    """Whether the shard is closed and this was its last page."""
    gap: bool = False
    """Whether records before these may be lost: the stream had trimmed the place to resume from."""


@dataclass(frozen=True)
class ReadFailed:
    """A shard could not be read."""

    shard_id: str
    reason: str


@dataclass(frozen=True)
class StreamWritten:
    """Records were written to the stream. Nothing depends on it: they are only read sooner."""


@dataclass(frozen=True)
class Invoked:
    """An attempt to invoke the function ended."""

    shard_id: str
    lane: int
    outcome: InvocationOutcome


@dataclass(frozen=True)
class SendAttempted:
    """An attempt to send a failure document ended."""

    result: Literal["delivered", "refused", "unreachable"]
    """`refused`: the destination or IAM says no. `unreachable`: no answer, or not at the moment."""
    reason: str | None = None


Event = ShardsListed | ListingFailed | PageRead | ReadFailed | StreamWritten | Invoked | SendAttempted
