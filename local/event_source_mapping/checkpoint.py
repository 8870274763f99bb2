"""What must be remembered for delivery to go on where it was."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from functions.json_types import Json, is_object

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
