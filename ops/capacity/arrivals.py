"""Made-up records of one shard: when they are written, whose they are, and whether they crash the function."""

import random
from collections.abc import Iterator
from itertools import count

from local.event_source_mapping.records import StreamRecord
from ops.capacity.sizes import STREAM_RECORD_BYTES

GOOD = b" " * STREAM_RECORD_BYTES
POISON = b"!" * STREAM_RECORD_BYTES


def random_arrivals(
    records_per_second: float, seconds: float, *, poison_rate: float = 0.0, users: int = 1_000_000, seed: int = 0
) -> Iterator[StreamRecord]:
    """Give records at random moments (a Poisson process), in order; the same seed gives the same ones.

    Args:
        records_per_second: mean rate.
        seconds: from 0 on.
        poison_rate: of the records, those that crash the function.
        users: over which they spread.
        seed: of the randomness.
    """
    chance = random.Random(seed)  # noqa: S311 - a simulation, no secret
    now = 0.0
    for number in count(1):
        now += chance.expovariate(records_per_second)
        if now > seconds:
            return
        body = POISON if chance.random() < poison_rate else GOOD
        yield StreamRecord(str(number), str(chance.randrange(users)), now, body)
