"""Which limit a workload reaches first, and the setting or quota that moves it."""

import math
from dataclasses import dataclass

from capacity import workload as sizes
from capacity.prices_and_limits import Limits
from capacity.workload import CapacitySettings, ServiceTimes, Workload
from delivery.assumptions import Assumptions

BYTES_PER_GB = 10**9
RESCUES_AT_A_TIME = 2
"""The value that infra/components/change_stream.py sets; a test compares the two."""

CALLS_PER_POINTER = 3
"""Of rescue_failed_batches: an iterator, a page of the shard, a message to SQS."""


@dataclass(frozen=True)
class LimitUse:
    """How much of one limit is used."""

    limit: str
    used: float
    allowed: float
    moved_by: str
    """The setting or quota that moves the limit."""
    by_load: bool = True
    """Whether more load uses more of it."""

    @property
    def share(self) -> float:
        """The used share; 1.0 is all of it."""
        return self.used / self.allowed


def write_units(item_bytes: int) -> int:
    """Return the write units of one item, outside a transaction."""
    return math.ceil(item_bytes / sizes.WRITE_UNIT_BYTES)


def records_per_read(limits: Limits) -> float:
    """Return the most records in one read of a shard, by its limits of records and of bytes."""
    return min(limits.stream_records_per_read, limits.stream_bytes_per_read / sizes.STREAM_RECORD_BYTES)


def shards_of(workload: Workload, limits: Limits) -> int:
    """Return how many shards the stream has: one per partition of Users.

    The partitions of a new on-demand table follow from two limits: what it takes at once, and what
    a partition takes. More come with throughput and with size; none is removed. That a stream has
    one open shard per partition is the developer guide's.
    """
    units = workload.records_per_second * write_units(sizes.USER_BYTES) * limits.transaction_write_units_factor
    return shards_by(units, workload.users * (sizes.USER_BYTES + limits.item_overhead_bytes), limits)


def shards_by(write_units_per_second: float, stored_bytes: float, limits: Limits) -> int:
    """Return how many shards the stream of a table has that takes and stores so much."""
    at_first = limits.new_table_write_units_per_second / limits.partition_write_units_per_second
    by_throughput = write_units_per_second / limits.partition_write_units_per_second
    by_size = stored_bytes / BYTES_PER_GB / limits.partition_storage_gb
    return math.ceil(max(at_first, by_throughput, by_size))


def deliverable_per_second(shards: int, settings: CapacitySettings, times: ServiceTimes) -> float:
    """Return the records per second that full batches on all lanes carry, as long as none fails."""
    lanes = shards * settings.stream_parallelization_factor
    at_a_time = min(lanes, settings.stream_reserved_concurrency or lanes)
    return at_a_time * settings.stream_batch_size / times.of_batch(settings.stream_batch_size)


def lane_seconds_per_crash(settings: CapacitySettings, times: ServiceTimes) -> float:
    """Return how long a crashing record blocks its lane: its batch's halves, then its retries."""
    assumptions = Assumptions()
    waits = sum(assumptions.retry_wait(failure) for failure in range(1, settings.stream_maximum_retry_attempts + 1))
    alone = (settings.stream_maximum_retry_attempts + 1) * times.of_batch(1)
    size, halves = settings.stream_batch_size, 0.0
    while size > 1:
        halves += times.of_batch(size)
        size = math.ceil(size / 2)
        halves += times.of_batch(size)  # the half without it, which succeeds
    return waits + alone + halves


def lanes_in_use(workload: Workload, settings: CapacitySettings, times: ServiceTimes, shards: int) -> float:
    """Return the share of all lanes' time that is used; above 1.0 the delivery falls behind."""
    lanes = shards * settings.stream_parallelization_factor
    crashes = workload.records_per_second * workload.crash_rate
    delivering = workload.records_per_second / deliverable_per_second(shards, settings, times)
    return delivering + crashes * lane_seconds_per_crash(settings, times) / lanes


def limit_uses(workload: Workload, settings: CapacitySettings, times: ServiceTimes, limits: Limits) -> list[LimitUse]:
    """Return every limit on the way, the most used first."""
    shards = shards_of(workload, limits)
    uses = [
        *_api_limits(workload, settings, times, limits),
        *_table_limits(workload, settings, limits),
        *_stream_limits(workload, settings, times, limits, shards),
    ]
    return sorted(uses, key=lambda use: use.share, reverse=True)


def _api_limits(workload: Workload, settings: CapacitySettings, times: ServiceTimes, limits: Limits) -> list[LimitUse]:
    requests, registrations = workload.records_per_second, workload.registrations_per_second
    environments = settings.api_reserved_concurrency or limits.lambda_concurrency
    reserved = settings.api_reserved_concurrency is not None
    moved_by = "apiReservedConcurrency" if reserved else "Service Quotas: Lambda, concurrent executions"
    per_second = environments * limits.lambda_requests_per_environment_per_second
    throttle_quota = "Service Quotas: API Gateway, throttle rate"
    changing = (requests - registrations) * (times.register + times.call)  # A change is read before it is written.
    own_throttle = settings.register_throttle_rate_per_second
    return [
        *(
            [LimitUse("the throttle of POST /register", registrations, own_throttle, "registerThrottleRatePerSecond")]
            if own_throttle is not None
            else []
        ),
        LimitUse("the API's throttle", requests, settings.throttle_rate_per_second, "throttleRatePerSecond"),
        LimitUse("the account's API Gateway throttle", requests, limits.api_requests_per_second, throttle_quota),
        LimitUse("register_user at a time", registrations * times.register, environments, moved_by),
        LimitUse("register_user, requests a second", registrations, per_second, moved_by),
        LimitUse("manage_users at a time", changing, environments, moved_by),
    ]


def _table_limits(workload: Workload, settings: CapacitySettings, limits: Limits) -> list[LimitUse]:
    """Return the limits of the busiest table; partitions split in time for each table."""
    factor = limits.transaction_write_units_factor
    tables = {
        "Users": workload.records_per_second * write_units(sizes.USER_BYTES) * factor,
        # Each change counted with both keys: a rename or a deletion moves them.
        "UserKeys": workload.records_per_second * (sizes.KEYS_PER_USER + sizes.REQUESTS_PER_USER) * factor,
        "Activity": workload.records_per_second * write_units(sizes.ACTIVITY_BYTES),
    }
    busiest = max(tables, key=lambda name: tables[name])
    units = tables[busiest]
    at_first = settings.table_warm_write_units or limits.new_table_write_units_per_second
    quota = "Service Quotas: DynamoDB, table-level write throughput"
    growth = "tableWarmWriteUnits; else growth, at most to the double in half an hour"
    return [
        *(
            [LimitUse(f"the maximum of {busiest}", units, settings.table_maximum_write_units, "tableMaximumWriteUnits")]
            if settings.table_maximum_write_units is not None
            else []
        ),
        LimitUse(f"write units of {busiest}, the busiest table", units, limits.table_write_units_per_second, quota),
        LimitUse(f"write units of {busiest} while it is new", units, at_first, growth),
    ]


def _stream_limits(
    workload: Workload, settings: CapacitySettings, times: ServiceTimes, limits: Limits, shards: int
) -> list[LimitUse]:
    records, lanes = workload.records_per_second, shards * settings.stream_parallelization_factor
    deliverable = deliverable_per_second(shards, settings, times)
    reserved = "" if settings.stream_reserved_concurrency is None else "streamReservedConcurrency, "
    delivery_settings = reserved + "streamParallelizationFactor, then streamBatchSize"
    readable = limits.stream_reads_per_shard_per_second * records_per_read(limits)
    # As if every record came alone, which is the most work; at most one per lane.
    at_a_time = min(records * times.of_batch(1), lanes)
    concurrency = settings.stream_reserved_concurrency or limits.lambda_concurrency
    moved_by = "streamReservedConcurrency" if reserved else "Service Quotas: Lambda, concurrent executions"
    uses = [
        LimitUse("delivery of the stream", records, deliverable, delivery_settings),
        LimitUse("reads of one shard", records / shards, readable, "nothing: more shards come with more partitions"),
        LimitUse("log_user_changes at a time", at_a_time, concurrency, moved_by),
    ]
    if workload.crash_rate:
        crashes = records * workload.crash_rate
        blocked = crashes * lane_seconds_per_crash(settings, times)
        retry_settings = "streamMaximumRetryAttempts, streamParallelizationFactor"
        rescues = RESCUES_AT_A_TIME / (CALLS_PER_POINTER * max(times.call, times.batch))
        rescue_setting = "RESCUE_MAXIMUM_CONCURRENCY in infra/components/change_stream.py"
        uses += [
            LimitUse("lanes held by records that crash", blocked, lanes, retry_settings),
            LimitUse("rescue of what is given up", crashes, rescues, rescue_setting),
        ]
    return uses
