"""Rounds of random changes through delivery and processing, in virtual time, with random faults.

Each round follows from the seed and its number alone, so a round that fails can be repeated.
"""

import random
from collections import Counter
from collections.abc import Iterable

from delivery.assumptions import Assumptions
from delivery.settings import MappingSettings
from tests.support.delivery.delivery_faults import INVOCATION_FAULTS, SENDING_FAULTS, InvocationFault, SendingFault
from tests.support.delivery.delivery_tally import tally
from tests.support.delivery.virtual_changes import Nature, small_change
from tests.support.delivery.virtual_delivery import VirtualDelivery, mapping_settings

RECORDS_PER_ROUND = 4_000
USERS_PER_ROUND = 150


class RandomFaults:
    """Faults at rates that are drawn for each round."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._invocation_rate = chance.choice([0.0, 0.02, 0.1, 0.3])
        self._sending_rate = chance.choice([0.0, 0.1, 0.5])
        self._reading_rate = chance.choice([0.0, 0.01, 0.1])
        self.counts: Counter[str] = Counter()

    def invocation(self) -> InvocationFault | None:
        """Return the fault of the next invocation."""
        if self._chance.random() >= self._invocation_rate:
            return None
        fault = self._chance.choice(INVOCATION_FAULTS)
        self.counts[f"fault: {fault}"] += 1
        return fault

    def sending(self) -> SendingFault | None:
        """Return the fault of the next failure document."""
        if self._chance.random() >= self._sending_rate:
            return None
        self.counts["fault: failure queue down"] += 1
        return self._chance.choice(SENDING_FAULTS)

    def reading_fails(self) -> bool:
        """Return whether the next read of the stream fails."""
        fails = self._chance.random() < self._reading_rate
        self.counts["fault: stream out of reach"] += fails
        return fails

    def seconds(self) -> float:
        """Return how long the next call takes."""
        return self._chance.expovariate(20) if self._chance.random() < 0.99 else self._chance.uniform(1, 60)

    def room(self) -> int:
        """Return how many items a busy table or queue still takes."""
        return self._chance.randrange(20)


def soak_round(seed: int, number: int, records: int) -> Counter[str]:
    """Run one round, and count what happened.

    Raises:
        AssertionError: A change took effect before an earlier one of its user, or the delivery
            never ended.
    """
    chance = random.Random(f"{seed}/{number}")  # noqa: S311  repeatable on purpose
    faults = RandomFaults(chance)
    world = VirtualDelivery(_settings(chance), faults, assumptions=_parameters(chance), roots=chance.randint(1, 3))
    crashes, rolls = 0, 0
    while len(world.changes) < records:
        for _ in range(min(chance.randint(1, 120), records - len(world.changes))):
            user_id = f"user-{chance.randrange(USERS_PER_ROUND)}"
            world.write(*small_change(len(world.changes), user_id, _nature(chance)))
        world.run(chance.choice([0.0, 0.1, 1.0, 20.0]))
        if chance.random() < 0.05:
            world.crash()
            crashes += 1
        if chance.random() < 0.02:
            world.stream.roll(chance.randrange(3))
            rolls += 1
        if chance.random() < 0.1:
            _rescue_in_trouble(world, chance)
    world.run_until_settled()
    world.rescue()
    return faults.counts + _account(world) + Counter({"poller killed": crashes, "shards rolled over": rolls})


def _settings(chance: random.Random) -> MappingSettings:
    return mapping_settings(
        batch_size=chance.choice([1, 7, 25, 100]),
        window_seconds=chance.choice([0, 0, 2]),
        parallelization_factor=chance.choice([1, 2, 5]),
        maximum_retry_attempts=chance.choice([1, 2, 5]),
    )


def _parameters(chance: random.Random) -> Assumptions:
    return Assumptions(
        split_on_first_record=chance.choice(["half", "isolate"]),
        invalid_identifier=chance.choice(["fails", "ignored"]),
        stalled_lane_stalls_shard=chance.random() < 0.2,
        window_from_first_record=chance.random() < 0.8,
        fresh_quota_after_expiry=chance.random() < 0.8,
    )


def _nature(chance: random.Random) -> Nature:
    draw = chance.random()
    return "unsupported" if draw < 0.01 else "crashing" if draw < 0.012 else "good"  # 1 % and 0.2 %


def _rescue_in_trouble(world: VirtualDelivery, chance: random.Random) -> None:
    world.dead_letters.room_for = chance.choice([None, None, 0, 3])
    world.reader.interruptions = chance.choice([0, 0, 1])
    world.rescue()
    world.dead_letters.room_for = None
    world.reader.interruptions = 0


def _account(world: VirtualDelivery) -> Counter[str]:
    account = tally(world)
    return Counter(
        {
            "changes": len(world.changes),
            "kept in Activity": len(account.kept),
            "whole in the dead-letter queue": len(account.dead_lettered),
            "in both, because the function or the poller was cut off in between": len(account.in_both),
            "lost": len(account.lost),
            "doubled": len(account.doubled),
            "invocations": len(world.invocations),
            "deliveries of a change": world.metrics.invoked,
            "failure documents": world.documents_sent,
            "dead letters sent": len(world.dead_letters.sent),
        }
    )


def report(counts: Counter[str], seconds: float) -> Iterable[str]:
    """Return the lines of the account: counts by frequency, faults, then lost and doubled."""
    last = ("lost", "doubled")
    for name in sorted(counts.keys() - set(last), key=lambda name: (name.startswith("fault"), -counts[name])):
        yield f"{counts[name]:>12,}  {name}"
    yield f"{seconds:>12,.0f}  seconds"
    yield f"{counts['lost']} lost, {counts['doubled']} doubled"
