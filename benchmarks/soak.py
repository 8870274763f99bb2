"""A million changes through the poller's decisions and the real processing, in virtual time, with faults at every seam.

    python -m benchmarks.soak [--records N] [--seed S] [--round K]

The world is that of tests/support/virtual_delivery.py. Rounds are independent and each follows from
the seed and its number alone, so that one that goes wrong is repeated with --round.
"""

import argparse
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

from delivery.assumptions import Assumptions
from delivery.settings import MappingSettings
from tests.support.delivery_faults import InvocationFault, SendingFault
from tests.support.delivery_tally import tally
from tests.support.virtual_changes import Nature, small_change
from tests.support.virtual_delivery import VirtualDelivery, mapping_settings

RECORDS = 1_000_000
RECORDS_PER_ROUND = 4_000
USERS_PER_ROUND = 150

INVOCATION_FAULTS: tuple[InvocationFault, ...] = (
    "throttled",
    "answer lost",
    "raises",
    "timed out",
    "table busy",
    "queue busy",
    "malformed",
)


class RandomFaults:
    """`Faults` at random, at rates that are drawn for each round."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._invocation_rate = chance.choice([0.0, 0.02, 0.1, 0.3])
        self._sending_rate = chance.choice([0.0, 0.1, 0.5])
        self._reading_rate = chance.choice([0.0, 0.01, 0.1])
        self.counts: Counter[str] = Counter()

    def invocation(self) -> InvocationFault | None:
        """Of the next invocation."""
        if self._chance.random() >= self._invocation_rate:
            return None
        fault = self._chance.choice(INVOCATION_FAULTS)
        self.counts[f"fault: {fault}"] += 1
        return fault

    def sending(self) -> SendingFault | None:
        """Of the next failure document."""
        if self._chance.random() >= self._sending_rate:
            return None
        self.counts["fault: failure queue down"] += 1
        return self._chance.choice(("unreachable", "answer lost"))

    def reading_fails(self) -> bool:
        """Whether the next look at the stream is in vain."""
        fails = self._chance.random() < self._reading_rate
        self.counts["fault: stream out of reach"] += fails
        return fails

    def seconds(self) -> float:
        """How long the next call takes."""
        return self._chance.expovariate(20) if self._chance.random() < 0.99 else self._chance.uniform(1, 60)  # noqa: PLR2004

    def room(self) -> int:
        """How much a busy table or queue still takes."""
        return self._chance.randrange(20)


def soak_round(seed: int, number: int, records: int) -> Counter[str]:
    """Run one round, and count what happened.

    Raises:
        AssertionError: A change took effect before an earlier one of its user, or the delivery never ended.
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
        if chance.random() < 0.05:  # noqa: PLR2004
            world.crash()
            crashes += 1
        if chance.random() < 0.02:  # noqa: PLR2004
            world.stream.roll(chance.randrange(3))
            rolls += 1
        if chance.random() < 0.1:  # noqa: PLR2004
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
        stalled_lane_stalls_shard=chance.random() < 0.2,  # noqa: PLR2004
        window_from_first_record=chance.random() < 0.8,  # noqa: PLR2004
        fresh_quota_after_expiry=chance.random() < 0.8,  # noqa: PLR2004
    )


def _nature(chance: random.Random) -> Nature:
    draw = chance.random()
    return "poison" if draw < 0.01 else "crashing" if draw < 0.012 else "good"  # noqa: PLR2004  1 % and 0.2 %


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
            "whole in the dead-letter queue": len(account.set_aside),
            "in both, cut off or killed before anybody knew": len(account.in_both),
            "lost": len(account.lost),
            "doubled": len(account.doubled),
            "invocations": len(world.invocations),
            "deliveries of a change": world.metric("invoked"),
            "failure documents": world.documents_sent,
            "dead letters sent": len(world.dead_letters.sent),
        }
    )


def main() -> int:
    """Run the rounds and print the figures; return the exit code."""
    options = _options()
    count = -(-options.records // RECORDS_PER_ROUND)
    numbers = range(count) if options.round is None else [options.round]
    sizes = {number: min(RECORDS_PER_ROUND, options.records - number * RECORDS_PER_ROUND) for number in numbers}
    begun = time.monotonic()
    total: Counter[str] = Counter()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        rounds = {number: pool.submit(soak_round, options.seed, number, size) for number, size in sizes.items()}
        for number, future in rounds.items():
            try:
                figures = future.result()
            except AssertionError as error:
                pool.shutdown(cancel_futures=True)
                print(f"round {number}: {error}\nAgain: {_again(options.seed, number)}")
                return 1
            if figures["lost"] or figures["doubled"]:
                print(f"round {number} went wrong. Again: {_again(options.seed, number)}")
            total += figures
            if sys.stderr.isatty():
                print(f"\r{total['changes']:,} changes", end="", file=sys.stderr, flush=True)
    for line in _lines(total, time.monotonic() - begun):
        print(line)
    return 1 if total["lost"] or total["doubled"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="Lose nothing, double nothing.")
    parser.add_argument("--records", type=int, default=RECORDS, metavar="N", help=f"changes in all ({RECORDS:,})")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="another seed is another million")
    parser.add_argument("--round", type=int, metavar="K", help="this round alone")
    return parser.parse_args()


def _again(seed: int, number: int) -> str:
    return f"python -m benchmarks.soak --seed {seed} --round {number}"


def _lines(counts: Counter[str], seconds: float) -> Iterable[str]:
    last = ("lost", "doubled")
    for name in sorted(counts.keys() - set(last), key=lambda name: (name.startswith("fault"), -counts[name])):
        yield f"{counts[name]:>12,}  {name}"
    yield f"{seconds:>12,.0f}  seconds"
    yield f"{counts['lost']} lost, {counts['doubled']} doubled"


if __name__ == "__main__":
    sys.exit(main())
