"""The result of a simulation of one shard's delivery."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, quantiles
from typing import Self

_PERCENTILE_STEPS = 100


@dataclass(frozen=True, kw_only=True)
class SimulatedDelivery:
    """What became of the records of one shard."""

    records: int
    invocations: int
    records_per_batch: float
    """Mean over the invocations."""
    age_median_seconds: float
    """Age of the last record of a batch when it is sent, as IteratorAge counts it."""
    age_p90_seconds: float
    age_p99_seconds: float
    age_last_seconds: float
    """Of the last batch: far above the median when delivery falls behind."""
    busy_seconds: float  # of all invocations together
    concurrency: float
    """Mean invocations at a time."""
    backlog: int
    """Records waiting at the end."""
    given_up: int
    """Records that are discarded, with a pointer in the failure queue."""
    last_settled_seconds: float
    """When the last record was settled or discarded."""

    @classmethod
    def of(  # noqa: PLR0913 - what a simulation counts, named at the call
        cls,
        *,
        records: int,
        batch_sizes: Sequence[int],
        ages: Sequence[float],
        busy_seconds: float,
        seconds: float,
        settled: int,
        given_up: int,
        last_settled_seconds: float,
    ) -> Self:
        """Return the result, from the size of each batch and the age of its last record."""
        ages = ages or [0.0]
        percentiles = [*ages] * _PERCENTILE_STEPS
        if len(ages) > 1:
            percentiles = quantiles(ages, n=_PERCENTILE_STEPS, method="inclusive")
        return cls(
            records=records,
            invocations=len(batch_sizes),
            records_per_batch=fmean(batch_sizes or [0]),
            age_median_seconds=percentiles[_PERCENTILE_STEPS // 2 - 1],
            age_p90_seconds=percentiles[_PERCENTILE_STEPS * 9 // 10 - 1],
            age_p99_seconds=percentiles[_PERCENTILE_STEPS - 2],
            age_last_seconds=ages[-1],
            busy_seconds=busy_seconds,
            concurrency=busy_seconds / seconds,
            backlog=records - settled - given_up,
            given_up=given_up,
            last_settled_seconds=last_settled_seconds,
        )
