"""A stream's delivery in virtual time: the local poller's own decisions, with arrivals and service times made up.

One shard is simulated and stands for all, since records spread evenly over shards by the user's id. The decisions
(batches, lanes, bisect, retries, age) are those of `local.event_source_mapping`, which tests hold to AWS's contract.
"""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from statistics import fmean, quantiles

from local.event_source_mapping.batching import Batch, Invocation
from local.event_source_mapping.failures import FunctionFailed, FunctionReturned, Outcome
from local.event_source_mapping.parameters import Parameters
from local.event_source_mapping.records import StreamRecord
from local.event_source_mapping.settings import MappingSettings
from local.event_source_mapping.shard import ShardDelivery
from ops.capacity.published_figures import Limits
from ops.capacity.workload import CapacitySettings, ServiceTimes

POISON = b'"poison"'
GOOD = b'"good"'
_SETTLED = b"{}"
_PERCENTILE_STEPS = 100


@dataclass(frozen=True, kw_only=True)
class DeliveryFigures:
    """What a simulated while of delivery came to; counts are of one shard.

    Attributes:
        records: that arrived.
        invocations: that were made.
        records_per_batch: mean over the invocations.
        age_median_seconds: of the last record of a batch when it is sent, as IteratorAge counts it.
        age_p99_seconds: the same, exceeded by one batch in a hundred.
        age_last_seconds: of the last batch: far above the median where delivery falls behind.
        concurrency: mean invocations at a time.
        backlog: records waiting at the end.
        given_up: records whose pointer went to the failure queue.
    """

    records: int
    invocations: int
    records_per_batch: float
    age_median_seconds: float
    age_p99_seconds: float
    age_last_seconds: float
    concurrency: float
    backlog: int
    given_up: int


@dataclass
class _Tally:
    records: int = 0
    settled: int = 0
    given_up: int = 0
    busy_seconds: float = 0.0
    batch_sizes: list[int] = field(default_factory=list[int])
    ages: list[float] = field(default_factory=list[float])


def simulate_delivery(  # noqa: PLR0913 - each is one knob, and named at the call
    *,
    records_per_second: float,
    seconds: float,
    settings: CapacitySettings,
    times: ServiceTimes,
    limits: Limits,
    poison_share: float = 0.0,
    users: int = 1_000_000,
    seed: int = 0,
) -> DeliveryFigures:
    """Deliver one shard's records for a while.

    Args:
        records_per_second: mean rate of the arrivals, which come at random (a Poisson process).
        seconds: virtual time to run for.
        settings: of the stack.
        times: of the function.
        limits: how often and how much of a shard can be read.
        poison_share: of the records, those that crash the function; bisect isolates them.
        users: over which the changes spread.
        seed: of the randomness: the same seed gives the same figures.
    """
    chance = random.Random(seed)  # noqa: S311 - a simulation, no secret
    parameters = Parameters(polls_per_second=limits.stream_reads_per_shard_per_second.value)
    delivery = ShardDelivery(_mapping(settings), parameters, None)
    arrivals = _arrivals(chance, records_per_second, seconds, poison_share, users)
    tally = _Tally()
    unread: list[StreamRecord] = []
    following = next(arrivals, None)
    numbers = count()
    # (moment, tie-breaker, what ends then): a lane's invocation, or None for a read of the shard.
    agenda: list[tuple[float, int, tuple[int, Batch] | None]] = [(0.0, next(numbers), None)]
    interval = 1 / parameters.polls_per_second
    while agenda and agenda[0][0] <= seconds:
        now, _, ended = heapq.heappop(agenda)
        if ended is None:
            while following is not None and following.written_at <= now:
                unread.append(following)
                tally.records += 1
                following = next(arrivals, None)
            if delivery.has_room:
                page = unread[: int(limits.stream_records_per_read.value)]
                del unread[: len(page)]
                delivery.add(page, now)
            heapq.heappush(agenda, (now + interval, next(numbers), None))
        else:
            _settle(delivery, ended, now, tally)
        start = delivery.start(now)
        for discard in start.discards:
            tally.given_up += len(discard.records)
            delivery.settle_discard(discard)
        for lane, batch in start.batches:
            duration = times.batch + times.record * len(batch.records)
            tally.batch_sizes.append(len(batch.records))
            tally.ages.append(now - batch.records[-1].written_at)
            tally.busy_seconds += duration
            heapq.heappush(agenda, (now + duration, next(numbers), (lane, batch)))
        due = delivery.next_time()
        if due is not None and due > now and (not agenda or due < agenda[0][0]):
            heapq.heappush(agenda, (due, next(numbers), (-1, Batch(()))))
    return _figures(tally, seconds)


def _settle(delivery: ShardDelivery, ended: tuple[int, Batch], now: float, tally: _Tally) -> None:
    lane, batch = ended
    if lane < 0:  # only a moment at which something is due
        return
    settlement = delivery.settle(lane, _outcome(batch), now)
    tally.settled += len(settlement.verdict.settled)
    discard = settlement.verdict.discard
    if discard is not None:
        tally.given_up += len(discard.records)
        delivery.settle_discard(discard)


def _outcome(batch: Batch) -> Outcome:
    invocation = Invocation(request_id="simulated")
    if any(record.body is POISON for record in batch.records):
        return FunctionFailed(invocation)
    return FunctionReturned(_SETTLED, invocation)


def _arrivals(
    chance: random.Random, rate: float, seconds: float, poison_share: float, users: int
) -> Iterator[StreamRecord]:
    now = 0.0
    for number in count(1):
        now += chance.expovariate(rate)
        if now > seconds:
            return
        body = POISON if chance.random() < poison_share else GOOD
        yield StreamRecord(str(number), str(chance.randrange(users)), now, body)


def _mapping(settings: CapacitySettings) -> MappingSettings:
    return MappingSettings(
        uuid="simulated",
        stream_arn="simulated",
        function_arn="simulated",
        batch_size=settings.batch_size,
        window_seconds=int(settings.batching_window_seconds),
        parallelization_factor=settings.parallelization_factor,
        maximum_retry_attempts=settings.maximum_retry_attempts,
        maximum_record_age_seconds=settings.maximum_record_age_seconds,
        bisect=True,
        report_batch_item_failures=True,
    )


def _figures(tally: _Tally, seconds: float) -> DeliveryFigures:
    ages = tally.ages or [0.0]
    percentiles = quantiles(ages, n=_PERCENTILE_STEPS) if len(ages) > 1 else ages * _PERCENTILE_STEPS
    return DeliveryFigures(
        records=tally.records,
        invocations=len(tally.batch_sizes),
        records_per_batch=fmean(tally.batch_sizes or [0]),
        age_median_seconds=percentiles[_PERCENTILE_STEPS // 2 - 1],
        age_p99_seconds=percentiles[_PERCENTILE_STEPS - 2],
        age_last_seconds=ages[-1],
        concurrency=tally.busy_seconds / seconds,
        backlog=tally.records - tally.settled - tally.given_up,
        given_up=tally.given_up,
    )
