"""Random stream records over virtual time."""

import random
from collections.abc import Iterator
from itertools import count

from capacity.workload import STREAM_RECORD_BYTES
from delivery.records import StreamRecord

GOOD = b" " * STREAM_RECORD_BYTES
CRASHING = b"!" * STREAM_RECORD_BYTES
"""The bodies of simulated records; the second one crashes the function."""


def random_changes(
    records_per_second: float, seconds: float, *, crash_rate: float = 0.0, users: int = 1_000_000, seed: int = 0
) -> Iterator[tuple[float, bool, str]]:
    """Yield changes at random times (a Poisson process) from 0 to `seconds`, in order.

    Each is its time, whether it crashes the function, which `crash_rate` of them do, and whose it
    is. The same seed gives the same changes.
    """
    chance = random.Random(seed)  # noqa: S311 - a simulation, no secret
    now = 0.0
    while (now := now + chance.expovariate(records_per_second)) <= seconds:
        yield now, chance.random() < crash_rate, str(chance.randrange(users))


def random_arrivals(
    records_per_second: float, seconds: float, *, crash_rate: float = 0.0, users: int = 1_000_000, seed: int = 0
) -> Iterator[StreamRecord]:
    """Yield the same changes as records of a stream."""
    changes = random_changes(records_per_second, seconds, crash_rate=crash_rate, users=users, seed=seed)
    for number, (now, crashes, user) in zip(count(1), changes):
        yield StreamRecord(str(number), user, now, CRASHING if crashes else GOOD)
