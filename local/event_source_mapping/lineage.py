"""Which shards may be read: a parent is finished before its child is begun, or changes of one item swap places.

Source: DynamoDB developer guide, "Reading and processing a stream".
"""

from collections.abc import Collection
from typing import NamedTuple


class Shard(NamedTuple):
    """One shard of DescribeStream."""

    shard_id: str
    parent_id: str | None = None
    closed: bool = False
    """Whether nothing more will be written to it: it has an ending sequence number."""


def readable_shards(shards: Collection[Shard], finished: Collection[str]) -> list[Shard]:
    """Return the shards that may be read now.

    Args:
        shards: All that the stream has.
        finished: Ids of shards read to their end, with everything settled. A parent that the stream has forgotten
            counts as well: nothing of it can be read any more.
    """
    known = {shard.shard_id for shard in shards}
    return [
        shard
        for shard in shards
        if shard.shard_id not in finished
        and (shard.parent_id is None or shard.parent_id in finished or shard.parent_id not in known)
    ]
