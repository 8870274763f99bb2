"""The month's bill of a workload, line by line, at list prices and without free tiers.

Where AWS's price falls with volume, the first step is taken; logs are stored at their full size, though AWS bills them
compressed. Both make the bill too high rather than too low. Not counted: reads by GET, CloudFront, cold starts, the
mapping's counts of events (which AWS may bill as custom metrics), and the rescue's few invocations and reads of the
stream (the event source mapping's own reads are free of charge; DynamoDB pricing).
"""

import math
from dataclasses import dataclass

from capacity import workload as sizes
from capacity.limits import BYTES_PER_GB, write_units
from capacity.published_figures import PublishedFigures
from capacity.simulation import DeliveryFigures
from capacity.workload import SECONDS_PER_MONTH, CapacitySettings, ServiceTimes, Workload

MILLION = 1_000_000
MB_PER_GB = 1024
DAYS_PER_MONTH = 30

ALARMS = 22
"""As many as infra/components/alarms.py makes; a test holds the two together."""

DASHBOARDS = 1


@dataclass(frozen=True, kw_only=True)
class CostLine:
    """One line of the bill, in US dollars a month."""

    service: str
    item: str
    dollars: float


def monthly_cost(
    workload: Workload,
    settings: CapacitySettings,
    times: ServiceTimes,
    figures: PublishedFigures,
    delivery: DeliveryFigures,
) -> list[CostLine]:
    """The bill.

    Args:
        workload: the demand.
        settings: of the stack.
        times: of its functions.
        figures: the prices.
        delivery: at this workload: how many invocations the records take.
    """
    prices = figures.prices
    records = workload.records_per_month
    delivered = max(delivery.records - delivery.backlog, 1)
    batches = records * delivery.invocations / delivered
    return [
        CostLine(
            service="API Gateway",
            item="requests",
            dollars=records / MILLION * prices.http_api_requests_per_million.value,
        ),
        CostLine(
            service="API Gateway",
            item="answers to the internet",
            dollars=records * sizes.ANSWER_BYTES / BYTES_PER_GB * prices.transfer_out_gb.value,
        ),
        _lambda_line("register_user, manage_users", records, times.register, settings.api_memory_mb, figures),
        _lambda_line(
            "log_user_changes",
            batches,
            delivery.busy_seconds / max(delivery.invocations, 1),
            settings.stream_memory_mb,
            figures,
        ),
        *_dynamodb_lines(workload, settings, figures),
        *_cloudwatch_lines(workload, settings, figures, invocations=records + batches),
        *_sqs_lines(workload, figures),
    ]


def _lambda_line(item: str, invocations: float, seconds: float, memory_mb: int, figures: PublishedFigures) -> CostLine:
    billed = math.ceil(seconds * 1000) / 1000  # whole milliseconds
    gb_seconds = invocations * billed * memory_mb / MB_PER_GB
    requests = invocations / MILLION * figures.prices.lambda_requests_per_million.value
    return CostLine(
        service="Lambda", item=item, dollars=gb_seconds * figures.prices.lambda_gb_second_arm.value + requests
    )


def _dynamodb_lines(workload: Workload, settings: CapacitySettings, figures: PublishedFigures) -> list[CostLine]:
    prices, records = figures.prices, workload.records_per_month
    factor = figures.limits.transaction_write_units_factor.value
    # As many keys for each change as for a registration: a rename or a deletion has them, other updates have none.
    transaction = factor * (write_units(sizes.USER_BYTES) + sizes.KEYS_PER_USER)
    history = write_units(sizes.ACTIVITY_BYTES)
    overhead = figures.limits.item_overhead_bytes.value
    kept = records * settings.activity_retention_days / DAYS_PER_MONTH * (sizes.ACTIVITY_BYTES + overhead)
    users = workload.users * (sizes.USER_BYTES + overhead + sizes.KEYS_PER_USER * (sizes.KEY_BYTES + overhead))
    recovery = prices.dynamodb_recovery_gb_month.value if settings.point_in_time_recovery else 0.0
    per_gb = prices.dynamodb_storage_gb_month.value + recovery

    def writes(units: float) -> float:
        return units / MILLION * prices.dynamodb_write_units_per_million.value

    return [
        CostLine(service="DynamoDB", item="writes, Users and UserKeys", dollars=writes(records * transaction)),
        CostLine(service="DynamoDB", item="writes, Activity", dollars=writes(records * history)),
        CostLine(
            service="DynamoDB",
            item="reads before a change",
            dollars=workload.changes_per_month / MILLION * prices.dynamodb_read_units_per_million.value,
        ),
        CostLine(
            service="DynamoDB",
            item="storage" + (" and recovery" if recovery else ""),
            dollars=(users + kept) / BYTES_PER_GB * per_gb,
        ),
    ]


def _cloudwatch_lines(
    workload: Workload, settings: CapacitySettings, figures: PublishedFigures, *, invocations: float
) -> list[CostLine]:
    prices, records = figures.prices, workload.records_per_month
    logged = (
        workload.registrations_per_month * sizes.REGISTRATION_LOG_BYTES
        + workload.changes_per_month * sizes.UPDATE_LOG_BYTES
        + records * (sizes.ACCESS_LOG_BYTES + sizes.REQUEST_LOG_BYTES)
        + invocations * sizes.INVOCATION_LOG_BYTES
    ) / BYTES_PER_GB
    kept = logged * settings.log_retention_days / DAYS_PER_MONTH
    return [
        CostLine(service="CloudWatch", item="logs taken in", dollars=logged * prices.logs_ingested_gb.value),
        CostLine(service="CloudWatch", item="logs kept", dollars=kept * prices.logs_stored_gb_month.value),
        CostLine(
            service="CloudWatch",
            item="alarms and dashboard",
            dollars=ALARMS * prices.alarm_month.value + DASHBOARDS * prices.dashboard_month.value,
        ),
    ]


def _sqs_lines(workload: Workload, figures: PublishedFigures) -> list[CostLine]:
    limits = figures.limits
    polls = limits.queue_pollers_per_mapping.value * SECONDS_PER_MONTH / limits.queue_poll_seconds.value
    failed = workload.records_per_month * workload.poison_rate * sizes.SQS_REQUESTS_PER_FAILED_RECORD
    price = figures.prices.sqs_requests_per_million.value
    return [
        CostLine(service="SQS", item="looking for pointers", dollars=polls / MILLION * price),
        CostLine(service="SQS", item="failed records", dollars=failed / MILLION * price),
    ]
