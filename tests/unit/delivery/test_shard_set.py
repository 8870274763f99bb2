"""A parent is finished before its child is read."""

from delivery.messages import Shard
from delivery.shard_set import readable_shards

PARENT = Shard("parent", None, closed=True)
CHILD = Shard("child", "parent")
GRANDCHILD = Shard("grandchild", "child")


def ids(shards: list[Shard]) -> list[str]:
    return [shard.shard_id for shard in shards]


def test_a_child_waits_for_its_parent() -> None:
    assert ids(readable_shards([GRANDCHILD, CHILD, PARENT], set())) == ["parent"]
    assert ids(readable_shards([GRANDCHILD, CHILD, PARENT], {"parent"})) == ["child"]
    assert ids(readable_shards([GRANDCHILD, CHILD, PARENT], {"parent", "child"})) == ["grandchild"]


def test_a_child_does_not_wait_for_a_parent_that_the_stream_no_longer_has() -> None:
    assert ids(readable_shards([CHILD, GRANDCHILD], set())) == ["child"]


def test_shards_without_a_common_parent_are_read_together() -> None:
    assert ids(readable_shards([PARENT, Shard("other"), CHILD], set())) == ["parent", "other"]


def test_a_finished_shard_is_not_read_again() -> None:
    assert readable_shards([PARENT], {"parent"}) == []
