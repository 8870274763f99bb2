"""Everything the model says of one workload on one stack's settings."""

from dataclasses import dataclass

from ops.capacity.delivery_simulation import DeliveryFigures, simulate_delivery
from ops.capacity.limits import LimitUse, limit_uses, shards_of
from ops.capacity.monthly_cost import CostLine, monthly_cost
from ops.capacity.published_figures import PublishedFigures
from ops.capacity.workload import CapacitySettings, ServiceTimes, Workload

SIMULATED_RECORDS = 100_000
SHORTEST_SECONDS = 300.0
LONGEST_SECONDS = 6 * 3600.0


@dataclass(frozen=True, kw_only=True)
class CapacityReport:
    """What to expect.

    Attributes:
        shards: of the stream.
        simulated_seconds: virtual time of the delivery's figures.
        delivery: of one shard.
        concurrency: of log_user_changes, over all shards.
        limits: the most used first.
        cost: of a month, line by line.
    """

    shards: int
    simulated_seconds: float
    delivery: DeliveryFigures
    concurrency: float
    limits: list[LimitUse]
    cost: list[CostLine]

    @property
    def dollars(self) -> float:
        """The month's bill."""
        return sum(line.dollars for line in self.cost)


def capacity_report(
    workload: Workload, settings: CapacitySettings, times: ServiceTimes, figures: PublishedFigures
) -> CapacityReport:
    """Run the model: the delivery in virtual time, the limits, the bill."""
    shards = shards_of(workload, figures.limits)
    rate = workload.records_per_second / shards
    # Long enough for a steady state, short enough to wait for: about so many records, whatever the rate.
    seconds = min(max(SIMULATED_RECORDS / rate, SHORTEST_SECONDS), LONGEST_SECONDS)
    delivery = simulate_delivery(
        records_per_second=rate,
        seconds=seconds,
        settings=settings,
        times=times,
        limits=figures.limits,
        poison_share=workload.poison_share,
        users=max(workload.users // shards, 1),
    )
    return CapacityReport(
        shards=shards,
        simulated_seconds=seconds,
        delivery=delivery,
        concurrency=delivery.concurrency * shards,
        limits=limit_uses(workload, settings, times, figures.limits),
        cost=monthly_cost(workload, settings, times, figures, records_per_batch=delivery.records_per_batch),
    )
