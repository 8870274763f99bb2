"""The batches that contestants are measured with."""

from benchmarks.events import CHANGES, batches


def test_every_kind_of_change_is_measured_at_every_size() -> None:
    for size in (1, 10):
        kinds = [record["eventName"] for batch in batches(size) for record in batch["Records"]]
        assert set(kinds) == set(CHANGES)
        assert all(len(batch["Records"]) == size for batch in batches(size))
