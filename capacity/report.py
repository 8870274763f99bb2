"""Everything the model says about one workload on one stack's settings."""

from dataclasses import dataclass
from typing import Any

from capacity.arrivals import random_arrivals, random_changes
from capacity.consumers import ConsumerLoad, consumer_limits, consumer_loads
from capacity.cost import monthly_cost
from capacity.cost_line import CostLine
from capacity.limits import LimitUse, lanes_in_use, limit_uses, records_per_read, shards_of
from capacity.prices_and_limits import Limits, PricesAndLimits
from capacity.quiet_delivery import QuietDelivery
from capacity.simulated_delivery import SimulatedDelivery
from capacity.simulation import DeliverySimulation
from capacity.workload import SECONDS_PER_MONTH, CapacitySettings, ServiceTimes, Workload

SIMULATED_RECORDS = 50_000
SHORTEST_SECONDS = 600.0
SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, kw_only=True)
class CapacityReport:
    """What to expect."""

    shards: int
    simulated_seconds: float
    delivery: SimulatedDelivery
    """Of one shard, at the busiest time."""
    concurrency: float
    """Of log_user_changes, over all shards."""
    waiting: int
    """Records over all shards that are not delivered at the end of the simulation."""
    failed_per_day: float
    """Records discarded in a busy day; they stay in the dead-letter queue until a replay."""
    hours_until_given_up: float | None
    """Until the first record exceeds the maximum age; None if delivery doesn't fall behind."""
    limits: list[LimitUse]
    """The most used first."""
    cost: list[CostLine]
    consumers: list[ConsumerLoad]
    """Each declared consumer, in the order of the list."""

    @property
    def first_limit(self) -> LimitUse:
        """The limit that a growing load meets first."""
        return next(use for use in self.limits if use.by_load)

    @property
    def dollars(self) -> float:
        """The monthly bill."""
        return sum(line.dollars for line in self.cost)

    @property
    def dollars_by_service(self) -> dict[str, float]:
        """The monthly bill of each service."""
        services = {line.service: 0.0 for line in self.cost}
        for line in self.cost:
            services[line.service] += line.dollars
        return services


def read_intervals(limits: Limits) -> tuple[float, ...]:
    """Return the seconds between two reads of a shard, each equally likely.

    AWS documents only their rate. Equal ones would keep the reads in step with the batching window.
    """
    mean = 1 / limits.stream_reads_per_shard_per_second
    return tuple(mean * factor for factor in (0.5, 0.75, 1.0, 1.25, 1.5))


def capacity_report(
    workload: Workload, settings: CapacitySettings, times: ServiceTimes, published: PricesAndLimits
) -> CapacityReport:
    """Run the model: the delivery in virtual time, the limits, the bill."""
    limits = published.limits
    shards = shards_of(workload, limits)
    rate = workload.records_per_second / shards
    # About the same number of records at any rate, enough for a steady state.
    seconds = min(max(SIMULATED_RECORDS / rate, SHORTEST_SECONDS), SECONDS_PER_MONTH)
    delivery = _simulated(workload, settings, times, limits, seconds)
    in_use = lanes_in_use(workload, settings, times, shards)
    # A second's records take `in_use` seconds, so the age of the first one grows by the difference.
    hours = settings.stream_maximum_record_age_seconds / (1 - 1 / in_use) / 3600 if in_use > 1 else None
    cost = monthly_cost(workload, settings, times, published, delivery)
    return CapacityReport(
        shards=shards,
        simulated_seconds=seconds,
        delivery=delivery,
        concurrency=delivery.concurrency * shards,
        waiting=delivery.backlog * shards,
        failed_per_day=delivery.given_up * shards / seconds * (SECONDS_PER_DAY * workload.busy_share),
        hours_until_given_up=hours,
        limits=every_limit(workload, settings, times, limits),
        cost=cost,
        consumers=consumer_loads(workload, settings, times, delivery, cost),
    )


def _simulated(
    workload: Workload, settings: CapacitySettings, times: ServiceTimes, limits: Limits, seconds: float
) -> SimulatedDelivery:
    """Simulate the delivery of one shard."""
    shards = shards_of(workload, limits)
    rate, users, crashing = workload.records_per_second / shards, max(workload.users // shards, 1), workload.crash_rate
    knobs: dict[str, Any] = {
        "settings": settings,
        "times": times,
        "read_intervals": read_intervals(limits),
        "records_per_read": int(records_per_read(limits)),
    }
    changes = random_changes(rate, seconds, crash_rate=crashing, users=users)
    quiet = QuietDelivery(changes, **knobs).run(seconds)
    if quiet is not None:
        return quiet
    return DeliverySimulation(random_arrivals(rate, seconds, crash_rate=crashing, users=users), **knobs).run(seconds)


def every_limit(workload: Workload, settings: CapacitySettings, times: ServiceTimes, limits: Limits) -> list[LimitUse]:
    """Return every limit on the way, those of the consumers too, the most used first."""
    uses = [
        *limit_uses(workload, settings, times, limits),
        *consumer_limits(workload, settings, times, limits),
    ]
    return sorted(uses, key=lambda use: use.share, reverse=True)
