"""Failure documents on their way to the destination: one after the other, each until it is settled."""

from collections import deque
from typing import NamedTuple

from local.event_source_mapping.failures import Discard
from local.event_source_mapping.parameters import Parameters


class Parcel(NamedTuple):
    """A batch that was given up, with the shard it is from."""

    shard_id: str
    discard: Discard


class Outbox:
    """The documents that are not settled.

    Args:
        parameters: For the waits between attempts.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._parcels: deque[Parcel] = deque()
        self._sending = False
        self._failures = 0
        self._not_before = 0.0

    def __len__(self) -> int:
        """Return how many documents wait."""
        return len(self._parcels)

    def add(self, parcel: Parcel) -> None:
        """Take one more."""
        self._parcels.append(parcel)

    def next_time(self) -> float | None:
        """Return when the next attempt is due, in the past if at once; None when none is or one is under way."""
        return self._not_before if self._parcels and not self._sending else None

    def start(self, now: float) -> Parcel | None:
        """Take the next attempt into flight, if one is due."""
        due = self.next_time()
        if due is None or due > now:
            return None
        self._sending = True
        return self._parcels[0]

    def settle(self) -> Parcel:
        """Take the parcel under way out: it was delivered or dropped."""
        self._sending = False
        self._failures = 0
        return self._parcels.popleft()

    def postpone(self, now: float) -> None:
        """Keep the parcel under way for another attempt."""
        self._sending = False
        self._failures += 1
        self._not_before = now + self._parameters.outage_wait(self._failures)
