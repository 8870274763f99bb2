"""Which limit a workload meets first, and the setting or quota that moves it."""

import math
from dataclasses import dataclass

from capacity.published_figures import Limits
from capacity.workload import (
    ACTIVITY_BYTES,
    KEYS_PER_USER,
    STREAM_RECORD_BYTES,
    USER_BYTES,
    CapacitySettings,
    ServiceTimes,
    Workload,
)
from delivery.assumptions import Assumptions

BYTES_PER_GB = 10**9
WRITE_UNIT_BYTES = 1024

RESCUES_AT_A_TIME = 2
"""As infra/components/change_stream.py sets it; a test holds the two together."""

CALLS_PER_POINTER = 3
"""Of rescue_failed_batches: an iterator, a page of the shard, a message to the dead-letter queue."""


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


def write_units(item_bytes: int) -> int:
    """Write units of one item, outside a transaction."""
    return math.ceil(item_bytes / WRITE_UNIT_BYTES)


def shards_of(workload: Workload, limits: Limits) -> int:
    """How many shards the stream has: one per partition of Users.

    A new on-demand table takes so many writes at once that it must begin with several partitions; more come with
    throughput and with size, and none goes away. That a stream has one open shard per partition is the developer
    guide's; the number at the beginning is derived from the two limits.
    """
    units = workload.records_per_second * write_units(USER_BYTES) * limits.transaction_write_units_factor.value
    at_first = limits.new_table_write_units_per_second.value / limits.partition_write_units_per_second.value
    by_throughput = units / limits.partition_write_units_per_second.value
    stored = workload.users * (USER_BYTES + limits.item_overhead_bytes.value)
    by_size = stored / BYTES_PER_GB / limits.partition_storage_gb.value
    return math.ceil(max(at_first, by_throughput, by_size))


def deliverable_per_second(shards: int, settings: CapacitySettings, times: ServiceTimes) -> float:
    """Records per second that full batches on all lanes carry, as long as none fails."""
    lanes = shards * settings.parallelization_factor
    at_a_time = min(lanes, settings.stream_reserved_concurrency or lanes)
    return at_a_time * settings.batch_size / times.of_batch(settings.batch_size)


def lane_seconds_per_crash(settings: CapacitySettings, times: ServiceTimes) -> float:
    """How long a record that crashes the function holds its lane: the halves of its batch, then its own retries."""
    assumptions = Assumptions()
    waits = sum(assumptions.retry_wait(failure) for failure in range(1, settings.maximum_retry_attempts + 1))
    alone = (settings.maximum_retry_attempts + 1) * times.of_batch(1)
    size, halves = settings.batch_size, 0.0
    while size > 1:
        halves += times.of_batch(size)
        size = math.ceil(size / 2)
        halves += times.of_batch(size)  # the half without it, which succeeds
    return waits + alone + halves


def lanes_in_use(workload: Workload, settings: CapacitySettings, times: ServiceTimes, shards: int) -> float:
    """How much of all lanes' time the records take; with more than 1.0 the delivery falls behind."""
    lanes = shards * settings.parallelization_factor
    crashes = workload.records_per_second * workload.poison_rate
    delivering = workload.records_per_second / deliverable_per_second(shards, settings, times)
    return delivering + crashes * lane_seconds_per_crash(settings, times) / lanes


def limit_uses(workload: Workload, settings: CapacitySettings, times: ServiceTimes, limits: Limits) -> list[LimitUse]:
    """Every limit on the way, the most used first."""
    shards = shards_of(workload, limits)
    uses = [
        *_api_limits(workload, settings, times, limits),
        *_table_limits(workload, limits),
        *_stream_limits(workload, settings, times, limits, shards),
    ]
    return sorted(uses, key=lambda use: use.share, reverse=True)


def _api_limits(workload: Workload, settings: CapacitySettings, times: ServiceTimes, limits: Limits) -> list[LimitUse]:
    requests = workload.records_per_second
    environments = settings.api_reserved_concurrency or limits.lambda_concurrency.value
    reserved = settings.api_reserved_concurrency is not None
    moved_by = "apiReservedConcurrency" if reserved else "Service Quotas: Lambda, concurrent executions"
    return [
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
            limit="register_user at a time",
            used=workload.registrations_per_second * times.register,
            allowed=environments,
            moved_by=moved_by,
        ),
        LimitUse(
            limit="register_user, requests a second",
            used=workload.registrations_per_second,
            allowed=environments * limits.lambda_requests_per_environment_per_second.value,
            moved_by=moved_by,
        ),
        LimitUse(
            limit="manage_users at a time",
            # A change is read before it is written.
            used=(requests - workload.registrations_per_second) * (times.register + times.call),
            allowed=environments,
            moved_by=moved_by,
        ),
    ]


def _table_limits(workload: Workload, limits: Limits) -> list[LimitUse]:
    """Of the table that takes the most write units; partitions split in time for each."""
    factor = limits.transaction_write_units_factor.value
    tables = {
        "Users": workload.records_per_second * write_units(USER_BYTES) * factor,
        # Each change counted as one that moves both keys: a rename or a deletion does, other updates don't.
        "UserKeys": workload.records_per_second * KEYS_PER_USER * factor,
        "Activity": workload.records_per_second * write_units(ACTIVITY_BYTES),
    }
    busiest = max(tables, key=lambda name: tables[name])
    return [
        LimitUse(
            limit=f"write units of {busiest}, the busiest table",
            used=tables[busiest],
            allowed=limits.table_write_units_per_second.value,
            moved_by="Service Quotas: DynamoDB, table-level write throughput",
        ),
        LimitUse(
            limit=f"write units of {busiest} while it is new",
            used=tables[busiest],
            allowed=limits.new_table_write_units_per_second.value,
            moved_by="warm throughput of the table; else growth, at most to the double in half an hour",
        ),
    ]


def _stream_limits(
    workload: Workload, settings: CapacitySettings, times: ServiceTimes, limits: Limits, shards: int
) -> list[LimitUse]:
    records = workload.records_per_second
    per_read = min(limits.stream_records_per_read.value, limits.stream_bytes_per_read.value / STREAM_RECORD_BYTES)
    uses = [
        LimitUse(
            limit="delivery of the stream",
            used=records,
            allowed=deliverable_per_second(shards, settings, times),
            moved_by="streamParallelizationFactor, then streamBatchSize"
            if settings.stream_reserved_concurrency is None
            else "streamReservedConcurrency, streamParallelizationFactor, then streamBatchSize",
        ),
        LimitUse(
            limit="reads of one shard",
            used=records / shards,
            allowed=limits.stream_reads_per_shard_per_second.value * per_read,
            moved_by="nothing: more shards come with more partitions",
        ),
        LimitUse(
            limit="log_user_changes at a time",
            # As if every record came alone, which is the most work; never more than there are lanes.
            used=min(records * times.of_batch(1), shards * settings.parallelization_factor),
            allowed=limits.lambda_concurrency.value,
            moved_by="Service Quotas: Lambda, concurrent executions",
        ),
    ]
    if workload.poison_rate:
        crashes = records * workload.poison_rate
        uses += [
            LimitUse(
                limit="lanes held by records that crash",
                used=crashes * lane_seconds_per_crash(settings, times),
                allowed=shards * settings.parallelization_factor,
                moved_by="streamMaximumRetryAttempts, streamParallelizationFactor",
            ),
            LimitUse(
                limit="rescue of what is given up",
                used=crashes,
                allowed=RESCUES_AT_A_TIME / (CALLS_PER_POINTER * max(times.call, times.batch)),
                moved_by="RESCUE_MAXIMUM_CONCURRENCY in infra/components/change_stream.py",
            ),
        ]
    return uses
