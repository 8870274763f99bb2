"""The simulation of a shard on which nothing fails, in a fraction of the time.

Without failures, time-outs and expiry a delivery is a plain queue: all that `delivery` decides then
is when a batch is due and how large it is. A property holds the result to the last bit to that of
DeliverySimulation, which takes every decision from `delivery`.
"""

import random
from collections import deque
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from math import ceil, inf
from statistics import fmean

from capacity.simulated_delivery import SimulatedDelivery
from capacity.workload import STREAM_RECORD_BYTES, TIME_TO_FINISH_SECONDS, CapacitySettings, ServiceTimes
from delivery.assumptions import Assumptions
from delivery.records import EVENT_BYTES

_READ = -1
"""Ends in place of a lane's invocation."""


class _Lane:
    """What waits in a lane, and what is in flight; records are numbers from 0 on."""

    __slots__ = ("due", "in_flight", "opened", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[int] = deque()
        self.in_flight: list[int] = []
        self.opened = 0.0  # the batching window
        self.due = inf


class QuietDelivery:
    """Simulates the delivery of one shard's records as long as nothing fails.

    Args:
        changes: As capacity.arrivals.random_changes yields them.
        settings: Of the stack.
        times: Of the function.
        read_intervals: Seconds from one read of the shard to the next, each equally likely.
        records_per_read: Most records that one read returns.
    """

    def __init__(
        self,
        changes: Iterable[tuple[float, bool, str]],
        *,
        settings: CapacitySettings,
        times: ServiceTimes,
        read_intervals: Sequence[float],
        records_per_read: int,
    ) -> None:
        assumptions, lanes = Assumptions(), settings.stream_parallelization_factor
        self._batch_size, self._window = settings.stream_batch_size, settings.stream_batching_window_seconds
        self._times, self._durations = times, [times.of_batch(size) for size in range(self._batch_size + 1)]
        self._choice = random.Random(0).choice  # noqa: S311 - a simulation, no secret
        self._read_intervals, self._mean_interval = read_intervals, fmean(read_intervals)
        self._records_per_read = records_per_read
        self._room = max(assumptions.read_ahead_records, assumptions.read_ahead_batches * self._batch_size * lanes)
        ages = (settings.stream_maximum_record_age_seconds, assumptions.retention_seconds)
        self._expires = min(age for age in ages if age >= 0)
        self._written: list[float] = []
        self._lane_of: list[int] = []
        time_to_work = settings.stream_timeout_seconds - TIME_TO_FINISH_SECONDS
        self._fails = (
            times.spread != (1.0,)
            or (times.call > 0 and self._durations[-1] > time_to_work + times.call)
            or EVENT_BYTES + self._batch_size * (STREAM_RECORD_BYTES + 1) > assumptions.payload_bytes
        )
        for at, crashes, user in changes:
            self._fails = self._fails or crashes
            self._written.append(at)
            self._lane_of.append(assumptions.lane(user, lanes) if lanes > 1 else 0)
            if self._fails:
                break
        self._records = len(self._written)
        self._written.append(inf)
        self._lanes = [_Lane() for _ in range(lanes)]
        self._ends: list[tuple[float, int, int]] = []
        """When, a tie-breaker, and in which lane an invocation ends; or that a read does."""
        self._planned = 0
        self._reading, self._next_read = False, 0.0
        self._arrived = self._read_to = self._page_end = self._checkpoint = 0
        self._is_settled = bytearray(self._records + 1)
        self._settled, self._last_settled, self._busy_seconds = 0, 0.0, 0.0
        self._batch_sizes: list[int] = []
        self._ages: list[float] = []

    def run(self, seconds: float) -> SimulatedDelivery | None:
        """Run for this much virtual time; None if something fails, which is not simulated here."""
        ends, lanes, now = self._ends, self._lanes, 0.0
        while now <= seconds and not self._fails:
            wake = inf
            for number, lane in enumerate(lanes):
                if lane.due <= now:
                    self._start(number, lane, now)
                elif lane.due < wake:
                    wake = lane.due
            if not self._reading and self._read_to - self._checkpoint < self._room:
                if now >= self._next_read:
                    self._read(now)
                elif self._read_to < self._records:
                    wake = min(wake, self._next_read)
            if not ends or ends[0][0] > wake:
                now = wake
            elif (now := ends[0][0]) <= seconds:
                self._end(heappop(ends)[2], now)
        return None if self._fails else self._result(seconds)

    def _end(self, end: int, now: float) -> None:
        if end == _READ:
            self._end_read(now)
        else:
            self._end_invocation(self._lanes[end], now)

    def _plan(self, time: float, end: int) -> None:
        heappush(self._ends, (time, self._planned, end))
        self._planned += 1

    def _start(self, number: int, lane: _Lane, now: float) -> None:
        waiting = lane.waiting
        size = min(len(waiting), self._batch_size)
        lane.in_flight = batch = [waiting.popleft() for _ in range(size)]
        lane.due = inf
        self._fails = self._fails or now - self._written[batch[0]] >= self._expires
        self._choice(self._times.spread)  # DeliverySimulation draws here, and the next interval follows
        duration = self._durations[size]
        self._batch_sizes.append(size)
        self._ages.append(now - self._written[batch[-1]])
        self._busy_seconds += duration
        self._plan(now + duration, number)

    def _end_invocation(self, lane: _Lane, now: float) -> None:
        for record in lane.in_flight:
            self._is_settled[record] = 1
        self._checkpoint = self._is_settled.find(0, self._checkpoint)
        self._settled += len(lane.in_flight)
        self._last_settled = now
        lane.in_flight = []
        lane.opened = now
        self._find_due(lane)

    def _read(self, now: float) -> None:
        written, arrived = self._written, self._arrived
        while written[arrived] <= now:
            arrived += 1
        self._arrived = arrived
        self._page_end = min(arrived, self._read_to + self._records_per_read)
        self._reading = True
        records = self._page_end - self._read_to
        self._plan(now + self._times.read + self._times.read_record * records, _READ)
        # Empty reads are left out: the next read is the first one after the next arrival.
        reads = 1
        if self._page_end == arrived < self._records:
            reads = max(1, ceil((written[arrived] - now) / self._mean_interval))
        self._next_read = now + (reads - 1) * self._mean_interval + self._choice(self._read_intervals)

    def _end_read(self, now: float) -> None:
        self._reading = False
        for record in range(self._read_to, self._page_end):
            lane = self._lanes[self._lane_of[record]]
            if not lane.waiting:
                lane.opened = now
            lane.waiting.append(record)
        self._read_to = self._page_end
        for lane in self._lanes:
            self._find_due(lane)

    def _find_due(self, lane: _Lane) -> None:
        if lane.waiting and not lane.in_flight:
            lane.due = lane.opened if len(lane.waiting) >= self._batch_size else lane.opened + self._window

    def _result(self, seconds: float) -> SimulatedDelivery:
        return SimulatedDelivery.of(
            records=self._records,
            batch_sizes=self._batch_sizes,
            ages=self._ages,
            busy_seconds=self._busy_seconds,
            seconds=seconds,
            settled=self._settled,
            given_up=0,
            last_settled_seconds=self._last_settled,
        )
