"""A stream's delivery in virtual time: the local poller's own decisions, with arrivals and service times made up.

One shard is simulated and stands for all, since records spread evenly over shards by the user's id. The decisions
(batches, lanes, bisect, retries, age) are those of `delivery`, which tests hold to AWS's contract.
"""

import heapq
import json
import math
import random
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from statistics import fmean, quantiles

from capacity.workload import STREAM_RECORD_BYTES, CapacitySettings, ServiceTimes
from delivery.assumptions import Assumptions
from delivery.decisions import FunctionFailed, FunctionReturned, InvocationOutcome
from delivery.records import Batch, Invocation, StreamRecord
from delivery.settings import MappingSettings
from delivery.shard import ShardDelivery
from functions.activity.table import TIME_TO_FINISH_SECONDS

# Made-up records of one shard: when they are written, whose they are, and whether they crash the
# function.

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


REFUSED_SECONDS = 1.0
"""How long log_user_changes goes on asking a table that refuses it: botocore's three tries, with their waits."""

_INVOCATION = Invocation(request_id="simulated")
_PERCENTILE_STEPS = 100


@dataclass(frozen=True, kw_only=True)
class DeliveryFigures:
    """What a simulated while of delivery came to; counts are of one shard.

    Attributes:
        records: that arrived.
        invocations: that were made.
        records_per_batch: mean over the invocations.
        age_median_seconds: of the last record of a batch when it is sent, as IteratorAge counts it.
        age_p90_seconds: the same, exceeded by one batch in ten.
        age_p99_seconds: exceeded by one batch in a hundred.
        age_last_seconds: of the last batch: far above the median where delivery falls behind.
        busy_seconds: of all invocations together.
        concurrency: mean invocations at a time.
        backlog: records waiting at the end.
        given_up: records whose pointer went to the failure queue.
        last_settled_seconds: when the last record was settled or given up.
    """

    records: int
    invocations: int
    records_per_batch: float
    age_median_seconds: float
    age_p90_seconds: float
    age_p99_seconds: float
    age_last_seconds: float
    busy_seconds: float
    concurrency: float
    backlog: int
    given_up: int
    last_settled_seconds: float


@dataclass
class _Tally:
    records: int = 0
    settled: int = 0
    given_up: int = 0
    busy_seconds: float = 0.0
    last_settled: float = 0.0
    batch_sizes: list[int] = field(default_factory=list[int])
    ages: list[float] = field(default_factory=list[float])


@dataclass(frozen=True)
class _Page:
    """A read ends."""

    records: list[StreamRecord]


@dataclass(frozen=True)
class _End:
    """An invocation ends."""

    lane: int
    outcome: InvocationOutcome


def simulate_delivery(  # noqa: PLR0913 - each is one knob, and named at the call
    arrivals: Iterable[StreamRecord],
    *,
    seconds: float,
    settings: CapacitySettings,
    times: ServiceTimes,
    read_intervals: Sequence[float],
    records_per_read: int,
    outage: tuple[float, float] = (0.0, 0.0),
) -> DeliveryFigures:
    """Deliver one shard's records for a while.

    Args:
        arrivals: in order of `written_at`, which counts from 0.
        seconds: virtual time to run for.
        settings: of the stack.
        times: of the function.
        read_intervals: seconds between the beginnings of two reads of the shard, each as likely as the next.
        records_per_read: most that one read gives.
        outage: from when to when the Activity table takes nothing.
    """
    return _Simulation(
        arrivals=arrivals,
        settings=settings,
        times=times,
        read_intervals=read_intervals,
        records_per_read=records_per_read,
        outage=outage,
    ).run(seconds)


class _Simulation:
    def __init__(  # noqa: PLR0913 - as `simulate_delivery`
        self,
        *,
        arrivals: Iterable[StreamRecord],
        settings: CapacitySettings,
        times: ServiceTimes,
        read_intervals: Sequence[float],
        records_per_read: int,
        outage: tuple[float, float],
    ) -> None:
        self._arrivals = iter(arrivals)
        self._following = next(self._arrivals, None)
        self._times = times
        self._outage = outage
        self._time_to_work = settings.stream_timeout_seconds - TIME_TO_FINISH_SECONDS
        self._read_intervals = read_intervals
        self._read_interval = fmean(read_intervals)
        self._records_per_read = records_per_read
        assumptions = Assumptions()
        self._delivery = ShardDelivery(_mapping(settings), assumptions, None)
        self._unread: deque[StreamRecord] = deque()
        self._tally = _Tally()
        self._next_read = 0.0
        self._reading = False
        self._chance = random.Random(0)  # noqa: S311 - a simulation, no secret
        # (moment, tie-breaker, what ends then)
        self._agenda: list[tuple[float, int, _End | _Page | None]] = []
        self._numbers = count()

    def run(self, seconds: float) -> DeliveryFigures:
        self._plan(0.0, None)
        while self._agenda and self._agenda[0][0] <= seconds:
            now, _, end = heapq.heappop(self._agenda)
            if isinstance(end, _Page):
                self._reading = False
                self._delivery.add(end.records, now)
            elif end is not None:
                self._settle(end, now)
            self._start(now)
            if self._may_read and now >= self._next_read:
                self._read(now)
            self._plan_next(now)
        self._arrive(seconds)
        return _figures(self._tally, seconds)

    @property
    def _may_read(self) -> bool:
        return self._delivery.has_room and not self._reading

    def _plan(self, moment: float, end: _End | _Page | None) -> None:
        heapq.heappush(self._agenda, (moment, next(self._numbers), end))

    def _plan_next(self, now: float) -> None:
        """Come back when a batch is due or the shard is to be read, unless something happens before that anyway."""
        moments = [due for due in [self._delivery.next_time()] if due is not None and due > now]
        if self._may_read and (self._unread or self._following is not None):
            moments.append(self._next_read)
        if moments and (not self._agenda or min(moments) < self._agenda[0][0]):
            self._plan(min(moments), None)

    def _arrive(self, now: float) -> None:
        while self._following is not None and self._following.written_at <= now:
            self._unread.append(self._following)
            self._tally.records += 1
            self._following = next(self._arrivals, None)

    def _read(self, now: float) -> None:
        self._arrive(now)
        page = [self._unread.popleft() for _ in range(min(len(self._unread), self._records_per_read))]
        self._reading = True
        self._plan(now + self._times.read + self._times.read_record * len(page), _Page(page))
        # Reads that would find nothing are left out: the next one is the first after the next arrival.
        reads = 1
        if not self._unread and self._following is not None:
            reads = max(1, math.ceil((self._following.written_at - now) / self._read_interval))
        self._next_read = now + (reads - 1) * self._read_interval + self._chance.choice(self._read_intervals)

    def _start(self, now: float) -> None:
        started = self._delivery.start(now)
        for discarded in (discarded for _, due in started for discarded in due.discards):
            self._give_up(len(discarded.records), now)
            self._delivery.settle_records(discarded.records)
        for lane, batch in ((lane, due.batch) for lane, due in started if due.batch is not None):
            planned, outcome = self._invoke(batch, now)
            duration = planned * self._chance.choice(self._times.spread)
            self._tally.batch_sizes.append(len(batch.records))
            self._tally.ages.append(now - batch.records[-1].written_at)
            self._tally.busy_seconds += duration
            self._plan(now + duration, _End(lane, outcome))

    def _invoke(self, batch: Batch, now: float) -> tuple[float, InvocationOutcome]:
        """Return how long an invocation takes and how it ends; the function stops by itself before it is cut off."""
        records = len(batch.records)
        duration = self._times.of_batch(records)
        if any(record.body is POISON for record in batch.records):
            return duration, FunctionFailed(_INVOCATION)
        if self._outage[0] <= now < self._outage[1]:
            return self._times.of_batch(1) + REFUSED_SECONDS, _stopped_at(batch, 0)
        if not self._times.call or duration <= self._time_to_work + self._times.call:
            return duration, FunctionReturned(b"{}", _INVOCATION)
        computing = self._times.batch + self._times.record * records
        calls = max(0, math.floor((self._time_to_work - computing) / self._times.call) + 1)
        return computing + calls * self._times.call, _stopped_at(batch, calls * self._times.records_per_call)

    def _settle(self, end: _End, now: float) -> None:
        decision = self._delivery.settle(end.lane, end.outcome, now)
        if decision.settled:
            self._tally.settled += len(decision.settled)
            self._tally.last_settled = now
        if decision.discarded is not None:
            self._give_up(len(decision.discarded.records), now)
            self._delivery.settle_records(decision.discarded.records)

    def _give_up(self, records: int, now: float) -> None:
        self._tally.given_up += records
        self._tally.last_settled = now


def _stopped_at(batch: Batch, position: int) -> InvocationOutcome:
    """What log_user_changes answers when a record and all after it must come again."""
    failures = [{"itemIdentifier": batch.records[position].sequence_number}]
    return FunctionReturned(json.dumps({"batchItemFailures": failures}).encode(), _INVOCATION)


def _mapping(settings: CapacitySettings) -> MappingSettings:
    return MappingSettings(
        uuid="simulated",
        stream_arn="simulated",
        function_arn="simulated",
        batch_size=settings.batch_size,
        window_seconds=settings.batching_window_seconds,
        parallelization_factor=settings.parallelization_factor,
        maximum_retry_attempts=settings.maximum_retry_attempts,
        maximum_record_age_seconds=settings.maximum_record_age_seconds,
        bisect=True,
        report_batch_item_failures=True,
    )


def _figures(tally: _Tally, seconds: float) -> DeliveryFigures:
    ages = tally.ages or [0.0]
    percentiles = (
        quantiles(ages, n=_PERCENTILE_STEPS, method="inclusive") if len(ages) > 1 else ages * _PERCENTILE_STEPS
    )
    return DeliveryFigures(
        records=tally.records,
        invocations=len(tally.batch_sizes),
        records_per_batch=fmean(tally.batch_sizes or [0]),
        age_median_seconds=percentiles[_PERCENTILE_STEPS // 2 - 1],
        age_p90_seconds=percentiles[_PERCENTILE_STEPS * 9 // 10 - 1],
        age_p99_seconds=percentiles[_PERCENTILE_STEPS - 2],
        age_last_seconds=ages[-1],
        busy_seconds=tally.busy_seconds,
        concurrency=tally.busy_seconds / seconds,
        backlog=tally.records - tally.settled - tally.given_up,
        given_up=tally.given_up,
        last_settled_seconds=tally.last_settled,
    )
