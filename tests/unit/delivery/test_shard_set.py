"""A parent is finished before its child is begun."""

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


def test_a_parent_that_the_stream_has_forgotten_holds_nobody_back() -> None:
    assert ids(readable_shards([CHILD, GRANDCHILD], set())) == ["child"]


def test_shards_side_by_side_are_read_together() -> None:
    assert ids(readable_shards([PARENT, Shard("other"), CHILD], set())) == ["parent", "other"]


def test_a_finished_shard_is_not_read_again() -> None:
    assert readable_shards([PARENT], {"parent"}) == []
