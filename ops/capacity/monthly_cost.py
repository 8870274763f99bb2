"""The month's bill of a workload, line by line, at list prices and without free tiers."""

import math
from dataclasses import dataclass

from ops.capacity.published_figures import PublishedFigures
from ops.capacity.workload import CapacitySettings, ServiceTimes, Workload

MILLION = 1_000_000
BYTES_PER_GB = 2**30
MB_PER_GB = 1024
WRITE_UNIT_BYTES = 1024
ACTIVITY_BYTES = 700
"""Of one Activity item: its keys, and the changed fields before and after."""
ACCESS_LOG_BYTES = 300
KEY_ITEM_BYTES = 120
KEYS_PER_USER = 2
DAYS_PER_MONTH = 30
ALARMS = 25
"""About as many as infra/monitoring.py makes; at ten cents each the difference is small change."""


@dataclass(frozen=True, kw_only=True)
class CostLine:
    """One line of the bill, in US dollars a month."""

    item: str
    dollars: float


def monthly_cost(
    workload: Workload,
    settings: CapacitySettings,
    times: ServiceTimes,
    figures: PublishedFigures,
    *,
    records_per_batch: float,
) -> list[CostLine]:
    """The bill.

    Args:
        workload: the demand.
        settings: of the stack.
        times: of its functions.
        figures: the prices.
        records_per_batch: mean, as the delivery makes them at this workload.
    """
    prices = figures.prices
    registrations, changes = workload.registrations_per_month, workload.changes_per_month
    records = workload.records_per_month
    requests = registrations + changes
    batches = records / max(records_per_batch, 1.0)

    def per_million(amount: float, price: float) -> float:
        return amount / MILLION * price

    def compute(invocations: float, seconds: float, memory_mb: int) -> float:
        gb_seconds = invocations * seconds * memory_mb / MB_PER_GB
        return gb_seconds * prices.lambda_gb_second_arm.value + per_million(
            invocations, prices.lambda_requests_per_million.value
        )

    item_units = math.ceil(workload.item_bytes / WRITE_UNIT_BYTES)
    factor = figures.limits.transaction_write_units_factor.value
    transaction_units = requests * factor * (item_units + KEYS_PER_USER)
    activity_units = records * math.ceil(ACTIVITY_BYTES / WRITE_UNIT_BYTES)
    activity_gb = records * settings.activity_retention_days / DAYS_PER_MONTH * ACTIVITY_BYTES / BYTES_PER_GB
    users_gb = workload.users * (workload.item_bytes + KEYS_PER_USER * KEY_ITEM_BYTES) / BYTES_PER_GB
    logs_gb = (records * workload.log_bytes_per_change + requests * ACCESS_LOG_BYTES) / BYTES_PER_GB
    recovery = prices.dynamodb_recovery_gb_month.value if settings.point_in_time_recovery else 0.0
    return [
        CostLine(item="HTTP API requests", dollars=per_million(requests, prices.http_api_requests_per_million.value)),
        CostLine(item="Lambda, register and manage", dollars=compute(requests, times.register, settings.api_memory_mb)),
        CostLine(
            item="Lambda, log_user_changes",
            dollars=compute(
                batches, times.batch + times.record * records / max(batches, 1.0), settings.stream_memory_mb
            ),
        ),
        CostLine(
            item="DynamoDB writes, Users and UserKeys",
            dollars=per_million(transaction_units, prices.dynamodb_write_units_per_million.value),
        ),
        CostLine(
            item="DynamoDB reads, before a change",
            dollars=per_million(changes, prices.dynamodb_read_units_per_million.value),
        ),
        CostLine(
            item="DynamoDB writes, Activity",
            dollars=per_million(activity_units, prices.dynamodb_write_units_per_million.value),
        ),
        CostLine(
            item="DynamoDB storage and recovery",
            dollars=(activity_gb + users_gb) * (prices.dynamodb_storage_gb_month.value + recovery),
        ),
        CostLine(
            item="CloudWatch logs",
            dollars=logs_gb
            * (
                prices.logs_ingested_gb.value
                + prices.logs_stored_gb_month.value * settings.log_retention_days / DAYS_PER_MONTH
            ),
        ),
        CostLine(
            item="SQS, failed records",
            dollars=per_million(4 * records * workload.poison_share, prices.sqs_requests_per_million.value),
        ),
        CostLine(item="Alarms and dashboard", dollars=ALARMS * prices.alarm_month.value + prices.dashboard_month.value),
    ]
