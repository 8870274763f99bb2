"""Everything the model says of one workload on one stack's settings."""

from dataclasses import dataclass

from capacity.cost import CostLine, monthly_cost
from capacity.limits import LimitUse, lanes_in_use, limit_uses, shards_of
from capacity.published_figures import Limits, PublishedFigures
from capacity.simulation import DeliveryFigures, random_arrivals, simulate_delivery
from capacity.workload import SECONDS_PER_MONTH, STREAM_RECORD_BYTES, CapacitySettings, ServiceTimes, Workload

SIMULATED_RECORDS = 50_000
SHORTEST_SECONDS = 600.0
SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, kw_only=True)
class CapacityReport:
    """What to expect.

    Attributes:
        shards: of the stream.
        simulated_seconds: virtual time of the delivery's figures.
        delivery: of one shard, at the busiest time.
        concurrency: of log_user_changes, over all shards.
        waiting: records, over all shards, not delivered at the end of that time.
        failed_per_day: records given up in a busy day; the dead-letter queue has them until somebody replays them.
        hours_until_given_up: where more arrives than full batches carry, until the first record gets too old; None
            where all is delivered.
        limits: the most used first.
        cost: of a month, line by line.
    """

    shards: int
    simulated_seconds: float
    delivery: DeliveryFigures
    concurrency: float
    waiting: int
    failed_per_day: float
    hours_until_given_up: float | None
    limits: list[LimitUse]
    cost: list[CostLine]

    @property
    def dollars(self) -> float:
        """The month's bill."""
        return sum(line.dollars for line in self.cost)

    @property
    def dollars_by_service(self) -> dict[str, float]:
        """The same, summed up."""
        services = {line.service: 0.0 for line in self.cost}
        for line in self.cost:
            services[line.service] += line.dollars
        return services


def read_intervals(limits: Limits) -> tuple[float, ...]:
    """Seconds between two reads of a shard, each as likely as the next.

    AWS tells their rate alone; were all the same, reads would march in step with the batching window.
    """
    mean = 1 / limits.stream_reads_per_shard_per_second.value
    return tuple(mean * factor for factor in (0.5, 0.75, 1.0, 1.25, 1.5))


def capacity_report(
    workload: Workload, settings: CapacitySettings, times: ServiceTimes, figures: PublishedFigures
) -> CapacityReport:
    """Run the model: the delivery in virtual time, the limits, the bill."""
    limits = figures.limits
    shards = shards_of(workload, limits)
    rate = workload.records_per_second / shards
    # Long enough for a steady state, short enough to wait for: about so many records, whatever the rate.
    seconds = min(max(SIMULATED_RECORDS / rate, SHORTEST_SECONDS), SECONDS_PER_MONTH)
    arrivals = random_arrivals(rate, seconds, poison_rate=workload.poison_rate, users=max(workload.users // shards, 1))
    delivery = simulate_delivery(
        arrivals,
        seconds=seconds,
        settings=settings,
        times=times,
        read_intervals=read_intervals(limits),
        records_per_read=int(
            min(limits.stream_records_per_read.value, limits.stream_bytes_per_read.value / STREAM_RECORD_BYTES)
        ),
    )
    busy_day = SECONDS_PER_DAY * workload.busy_share
    return CapacityReport(
        shards=shards,
        simulated_seconds=seconds,
        delivery=delivery,
        concurrency=delivery.concurrency * shards,
        waiting=delivery.backlog * shards,
        failed_per_day=delivery.given_up * shards / seconds * busy_day,
        hours_until_given_up=_hours_until_given_up(workload, settings, times, shards),
        limits=limit_uses(workload, settings, times, limits),
        cost=monthly_cost(workload, settings, times, figures, delivery),
    )


def _hours_until_given_up(
    workload: Workload, settings: CapacitySettings, times: ServiceTimes, shards: int
) -> float | None:
    """Where a second's records take more than a second, the age grows by what is missing, second by second."""
    in_use = lanes_in_use(workload, settings, times, shards)
    # Of next to nothing there is no reciprocal.
    return settings.maximum_record_age_seconds / (1 - 1 / in_use) / 3600 if in_use > 1 else None
