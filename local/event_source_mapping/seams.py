"""What the poller needs of the world: one protocol each, so that a test can put its own world in their places."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from functions.structured_log import Log
from local.event_source_mapping.checkpoint import Checkpoint
from local.event_source_mapping.failures import Discard, Outcome
from local.event_source_mapping.messages import (
    DocumentTried,
    ListingFailed,
    PageRead,
    ReadFailed,
    ReadShard,
    ShardsListed,
)
from local.event_source_mapping.records import StreamRecord


class Reader(Protocol):
    """Reads the stream."""

    def shards(self) -> ShardsListed | ListingFailed:
        """List the shards."""
        ...

    def read(self, wanted: ReadShard) -> PageRead | ReadFailed:
        """Read a page."""
        ...


class Invoker(Protocol):
    """Invokes the function."""

    def invoke(self, records: Sequence[StreamRecord]) -> Outcome:
        """Deliver records."""
        ...


class Destination(Protocol):
    """Takes failure documents."""

    def send(self, shard_id: str, discard: Discard) -> DocumentTried:
        """Send one document."""
        ...


class Store(Protocol):
    """Keeps the checkpoint."""

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace it."""
        ...


@dataclass(frozen=True, kw_only=True)
class World:
    """All of it."""

    reader: Reader
    invoker: Invoker
    destination: Destination
    store: Store
    log: Log
