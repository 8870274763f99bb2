"""A stream's delivery in virtual time: the decisions of `delivery`, with simulated service times.

One shard stands for all, because records spread evenly over shards by the user's id. The decisions
(batches, lanes, bisect, retries, age) are those of `delivery`, which tests compare with AWS's
contract.
"""

import heapq
import json
import math
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count
from statistics import fmean

from capacity.arrivals import CRASHING
from capacity.simulated_delivery import SimulatedDelivery
from capacity.workload import TIME_TO_FINISH_SECONDS, CapacitySettings, ServiceTimes
from delivery.assumptions import Assumptions
from delivery.decisions import DiscardedBatch, FunctionFailed, FunctionReturned, InvocationOutcome
from delivery.records import Batch, Invocation, StreamRecord
from delivery.settings import MappingSettings
from delivery.shard import ShardDelivery

REFUSED_SECONDS = 1.0
"""How long log_user_changes calls a table that refuses it: botocore's three tries, with waits."""

_INVOCATION = Invocation(request_id="simulated")


class DeliverySimulation:
    """Simulates the delivery of one shard's records.

    Args:
        arrivals: In order of `written_at`, which counts from 0.
        settings: Of the stack.
        times: Of the function.
        read_intervals: Seconds from one read of the shard to the next, each equally likely.
        records_per_read: Most records that one read returns.
        outage: From when to when the Activity table refuses every write.
    """

    def __init__(  # noqa: PLR0913 - each is one knob, and named at the call
        self,
        arrivals: Iterable[StreamRecord],
        *,
        settings: CapacitySettings,
        times: ServiceTimes,
        read_intervals: Sequence[float],
        records_per_read: int,
        outage: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self._arrivals = iter(arrivals)
        self._following = next(self._arrivals, None)
        self._times = times
        self._outage = outage
        self._time_to_work = settings.stream_timeout_seconds - TIME_TO_FINISH_SECONDS
        self._read_intervals = read_intervals
        self._read_interval = fmean(read_intervals)
        self._records_per_read = records_per_read
        self._delivery = ShardDelivery(_mapping(settings), Assumptions(), None)
        self._unread: deque[StreamRecord] = deque()
        self._next_read = 0.0
        self._reading = False
        self._chance = random.Random(0)  # noqa: S311 - a simulation, no secret
        # (time, tie-breaker, what ends a call then)
        self._agenda: list[tuple[float, int, Callable[[float], None] | None]] = []
        self._numbers = count()
        self._records = 0
        self._settled = 0
        self._given_up = 0
        self._busy_seconds = 0.0
        self._last_settled = 0.0
        self._batch_sizes: list[int] = []
        self._ages: list[float] = []

    def run(self, seconds: float) -> SimulatedDelivery:
        """Run for this much virtual time."""
        self._plan(0.0, None)
        while self._agenda and self._agenda[0][0] <= seconds:
            now, _, end = heapq.heappop(self._agenda)
            if end is not None:
                end(now)
            self._start(now)
            if self._may_read and now >= self._next_read:
                self._read(now)
            self._plan_next(now)
        self._arrive(seconds)
        return self._result(seconds)

    @property
    def _may_read(self) -> bool:
        return self._delivery.has_room and not self._reading

    def _plan(self, time: float, end: Callable[[float], None] | None) -> None:
        heapq.heappush(self._agenda, (time, next(self._numbers), end))

    def _plan_next(self, now: float) -> None:
        """Continue when a batch or a read is due, unless something else happens before."""
        times = [due for due in [self._delivery.next_time()] if due is not None and due > now]
        if self._may_read and (self._unread or self._following is not None):
            times.append(self._next_read)
        if times and (not self._agenda or min(times) < self._agenda[0][0]):
            self._plan(min(times), None)

    def _arrive(self, now: float) -> None:
        while self._following is not None and self._following.written_at <= now:
            self._unread.append(self._following)
            self._records += 1
            self._following = next(self._arrivals, None)

    def _read(self, now: float) -> None:
        self._arrive(now)
        page = [self._unread.popleft() for _ in range(min(len(self._unread), self._records_per_read))]
        self._reading = True
        self._plan(now + self._times.read + self._times.read_record * len(page), partial(self._end_read, page))
        # Empty reads are left out: the next read is the first one after the next arrival.
        reads = 1
        if not self._unread and self._following is not None:
            reads = max(1, math.ceil((self._following.written_at - now) / self._read_interval))
        self._next_read = now + (reads - 1) * self._read_interval + self._chance.choice(self._read_intervals)

    def _end_read(self, page: list[StreamRecord], now: float) -> None:
        self._reading = False
        self._delivery.add(page, now)

    def _start(self, now: float) -> None:
        started = self._delivery.start(now)
        for _, due in started:
            for discarded in due.discards:
                self._give_up(discarded, now)
        for lane, (batch, _) in started:
            if batch is None:
                continue
            planned, outcome = self._invoke(batch, now)
            duration = planned * self._chance.choice(self._times.spread)
            self._batch_sizes.append(len(batch.records))
            self._ages.append(now - batch.records[-1].written_at)
            self._busy_seconds += duration
            self._plan(now + duration, partial(self._settle, lane, outcome))

    def _invoke(self, batch: Batch, now: float) -> tuple[float, InvocationOutcome]:
        """Return an invocation's duration and outcome; the function stops before it times out."""
        records = len(batch.records)
        duration = self._times.of_batch(records)
        if any(record.body is CRASHING for record in batch.records):
            return duration, FunctionFailed(_INVOCATION)
        if self._outage[0] <= now < self._outage[1]:
            return self._times.of_batch(1) + REFUSED_SECONDS, _stopped_at(batch, 0)
        if not self._times.call or duration <= self._time_to_work + self._times.call:
            return duration, FunctionReturned(b"{}", _INVOCATION)
        before = self._times.before_writes(records)
        calls = max(0, math.floor((self._time_to_work - before) / self._times.call) + 1)
        return before + calls * self._times.call, _stopped_at(batch, calls * self._times.records_per_call)

    def _settle(self, lane: int, outcome: InvocationOutcome, now: float) -> None:
        decision = self._delivery.take_outcome(lane, outcome, now)
        if decision.settled:
            self._settled += len(decision.settled)
            self._last_settled = now
        if decision.discarded is not None:
            self._give_up(decision.discarded, now)

    def _give_up(self, discarded: DiscardedBatch, now: float) -> None:
        self._given_up += len(discarded.records)
        self._last_settled = now
        self._delivery.settle_records(discarded.records)

    def _result(self, seconds: float) -> SimulatedDelivery:
        return SimulatedDelivery.of(
            records=self._records,
            batch_sizes=self._batch_sizes,
            ages=self._ages,
            busy_seconds=self._busy_seconds,
            seconds=seconds,
            settled=self._settled,
            given_up=self._given_up,
            last_settled_seconds=self._last_settled,
        )


def _stopped_at(batch: Batch, position: int) -> InvocationOutcome:
    """Return the response of log_user_changes when it stopped before a record."""
    failures = [{"itemIdentifier": batch.records[position].sequence_number}]
    return FunctionReturned(json.dumps({"batchItemFailures": failures}).encode(), _INVOCATION)


def _mapping(settings: CapacitySettings) -> MappingSettings:
    return MappingSettings(
        uuid="simulated",
        stream_arn="simulated",
        function_arn="simulated",
        batch_size=settings.stream_batch_size,
        window_seconds=settings.stream_batching_window_seconds,
        parallelization_factor=settings.stream_parallelization_factor,
        maximum_retry_attempts=settings.stream_maximum_retry_attempts,
        maximum_record_age_seconds=settings.stream_maximum_record_age_seconds,
        bisect=True,
        report_batch_item_failures=True,
    )
