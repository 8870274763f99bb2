"""How far a shard is settled: lanes finish in any order, the checkpoint only ever stands behind a settled beginning."""

from collections import deque
from collections.abc import Iterable


class Progress:
    """The sequence numbers that were read and are not all settled.

    Args:
        checkpoint: All up to here is settled; None for nothing yet.
    """

    def __init__(self, checkpoint: str | None) -> None:
        self.checkpoint = checkpoint
        """All up to here is settled, and nothing is promised of what comes behind."""
        self._read: deque[str] = deque()
        self._settled: set[str] = set()

    def __len__(self) -> int:
        """Return how many were read behind the checkpoint."""
        return len(self._read)

    def add(self, sequence_number: str) -> None:
        """Take one that was read; they come in the shard's order."""
        self._read.append(sequence_number)

    def settle(self, sequence_numbers: Iterable[str]) -> None:
        """Mark some as settled, and move the checkpoint over those that are now without a gap."""
        self._settled.update(sequence_numbers)
        while self._read and self._read[0] in self._settled:
            self.checkpoint = self._read.popleft()
            self._settled.remove(self.checkpoint)
