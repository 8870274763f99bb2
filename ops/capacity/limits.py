"""Which limit a workload meets first, and the setting or quota that moves it."""

import math
from dataclasses import dataclass

from ops.capacity.published_figures import Limits
from ops.capacity.workload import CapacitySettings, ServiceTimes, Workload

BYTES_PER_GB = 2**30
WRITE_UNIT_BYTES = 1024


@dataclass(frozen=True, kw_only=True)
class LimitUse:
    """How much of one limit is used.

    Attributes:
        limit: its name.
        used: what the workload takes of it.
        allowed: what there is.
        moved_by: the setting or quota that moves it.
    """

    limit: str
    used: float
    allowed: float
    moved_by: str

    @property
    def share(self) -> float:
        """1.0 is all of it."""
        return self.used / self.allowed


def shards_of(workload: Workload, limits: Limits) -> int:
    """How many shards the stream has: one per partition of Users, which splits by throughput and by size."""
    units = math.ceil(workload.item_bytes / WRITE_UNIT_BYTES) * limits.transaction_write_units_factor.value
    by_throughput = workload.records_per_second * units / limits.partition_write_units_per_second.value
    by_size = workload.users * workload.item_bytes / BYTES_PER_GB / limits.partition_storage_gb.value
    return max(1, math.ceil(by_throughput), math.ceil(by_size))


def limit_uses(workload: Workload, settings: CapacitySettings, times: ServiceTimes, limits: Limits) -> list[LimitUse]:
    """Every limit on the way, the most used first."""
    requests = workload.records_per_second
    shards = shards_of(workload, limits)
    units = math.ceil(workload.item_bytes / WRITE_UNIT_BYTES) * limits.transaction_write_units_factor.value
    lanes = shards * settings.parallelization_factor
    lane_rate = settings.batch_size / (times.batch + times.record * settings.batch_size)
    concurrency = settings.api_reserved_concurrency or limits.lambda_concurrency.value
    uses = [
        LimitUse(
            limit="the API's throttle",
            used=requests,
            allowed=settings.throttle_rate_per_second,
            moved_by="throttleRatePerSecond",
        ),
        LimitUse(
            limit="the account's API Gateway throttle",
            used=requests,
            allowed=limits.api_requests_per_second.value,
            moved_by="Service Quotas: API Gateway, throttle rate",
        ),
        LimitUse(
            limit="concurrency of register_user",
            used=requests * times.register,
            allowed=concurrency,
            moved_by="apiReservedConcurrency, or Service Quotas: Lambda, concurrent executions",
        ),
        LimitUse(
            limit="writes to Users, table quota",
            used=requests * units,
            allowed=limits.table_write_units_per_second.value,
            moved_by="Service Quotas: DynamoDB, table-level write throughput",
        ),
        LimitUse(
            limit="writes to Users while the table is new",
            used=requests * units,
            allowed=limits.new_table_write_units_per_second.value,
            moved_by="warm throughput of the table, or growth over half an hour",
        ),
        LimitUse(
            limit="delivery of the stream",
            used=workload.records_per_second,
            allowed=lanes * lane_rate,
            moved_by="streamParallelizationFactor, then streamBatchSize",
        ),
        LimitUse(
            limit="reads of the stream",
            used=workload.records_per_second / shards,
            allowed=limits.stream_reads_per_shard_per_second.value * limits.stream_records_per_read.value,
            moved_by="nothing: more shards come with more partitions",
        ),
    ]
    return sorted(uses, key=lambda use: use.share, reverse=True)
