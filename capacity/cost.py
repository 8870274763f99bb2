"""The monthly bill of a workload, line by line, at list prices and without free tiers.

Where AWS's price falls with volume, the first step is used; logs are stored at their full size,
though AWS bills them compressed. Both make the bill too high rather than too low. Not counted:
reads by GET, CloudFront, cold starts, traces, the mapping's counts of events (which AWS may bill as
custom metrics), and the rescue's few invocations and reads of the stream (the event source
mapping's own reads are free of charge; DynamoDB pricing).
"""

from capacity import workload as sizes
from capacity.consumers import consumer_lines
from capacity.cost_line import DAYS_PER_MONTH, MILLION, CostLine, lambda_line
from capacity.limits import BYTES_PER_GB, write_units
from capacity.prices_and_limits import Prices, PricesAndLimits
from capacity.simulated_delivery import SimulatedDelivery
from capacity.workload import SECONDS_PER_MONTH, CapacitySettings, ServiceTimes, Workload

HOURS_PER_MONTH = 720

HISTORY = "log-user-changes"
"""The consumer whose effect is Activity."""

ALARM_METRICS = 36
"""The metrics that the alarms of infra/components watch, but for those on consumers: an alarm on a
rate is charged for each metric of its expression. A test compares the number, and the two below."""

STREAM_CONSUMER_ALARM_METRICS = 10
QUEUE_CONSUMER_ALARM_METRICS = 7

OWN_METRICS = 13
"""Those that the stack counts itself: three with metric filters, the others in the functions' logs.
AWS charges for one in the hours that have a value alone (CloudWatch pricing)."""


def monthly_cost(
    workload: Workload,
    settings: CapacitySettings,
    times: ServiceTimes,
    published: PricesAndLimits,
    delivery: SimulatedDelivery,
) -> list[CostLine]:
    """Return the bill; `delivery` is simulated for this workload, and counts the invocations."""
    prices = published.prices
    records = workload.records_per_month
    delivered = max(delivery.records - delivery.backlog, 1)
    batches = records * delivery.invocations / delivered
    batch_seconds = delivery.busy_seconds / max(delivery.invocations, 1)
    answers = records * sizes.ANSWER_BYTES / BYTES_PER_GB
    lines = [
        CostLine("API Gateway", "requests", records / MILLION * prices.http_api_requests_per_million),
        CostLine("API Gateway", "answers to the internet", answers * prices.transfer_out_gb),
        lambda_line("register_user, manage_users", records, times.register, settings.api_memory_mb, prices),
        lambda_line("log_user_changes", batches, batch_seconds, settings.stream_memory_mb, prices, consumer=HISTORY),
        *_dynamodb_lines(workload, settings, published),
        *_cloudwatch_lines(workload, settings, prices, invocations=records + batches),
        *_sqs_lines(workload, published),
        *consumer_lines(workload, settings, times, published, delivery),
    ]
    services = list(dict.fromkeys(line.service for line in lines))
    return sorted(lines, key=lambda line: services.index(line.service))


def _dynamodb_lines(workload: Workload, settings: CapacitySettings, published: PricesAndLimits) -> list[CostLine]:
    prices, limits, records = published.prices, published.limits, workload.records_per_month
    # Each change counted with both keys and a request: a registration and a deletion have them (and
    # that has a note in Activity), a rename has keys, other updates have none.
    keys = sizes.KEYS_PER_USER + sizes.REQUESTS_PER_USER
    transaction = limits.transaction_write_units_factor * (write_units(sizes.USER_BYTES) + keys)
    history = write_units(sizes.ACTIVITY_BYTES)
    overhead = limits.item_overhead_bytes
    kept = records * settings.activity_retention_days / DAYS_PER_MONTH * (sizes.ACTIVITY_BYTES + overhead)
    users = workload.users * (sizes.USER_BYTES + overhead + sizes.KEYS_PER_USER * (sizes.KEY_BYTES + overhead))
    recovery = prices.dynamodb_recovery_gb_month if settings.point_in_time_recovery else 0.0
    stored = (users + kept) / BYTES_PER_GB * (prices.dynamodb_storage_gb_month + recovery)

    def writes(units: float) -> float:
        return units / MILLION * prices.dynamodb_write_units_per_million

    def reads(units: float) -> float:
        return units / MILLION * prices.dynamodb_read_units_per_million

    return [
        CostLine("DynamoDB", "writes, Users and UserKeys", writes(records * transaction)),
        CostLine("DynamoDB", "writes, Activity", writes(records * history), HISTORY),
        CostLine("DynamoDB", "reads before a change", reads(workload.changes_per_month)),
        # One unit for each user of a batch, also of one without such an item.
        CostLine("DynamoDB", "reads of how a history ended", reads(records), HISTORY),
        CostLine("DynamoDB", "storage and recovery" if recovery else "storage", stored),
    ]


def alarm_metrics(settings: CapacitySettings) -> int:
    """Return how many metrics the stack's alarms watch."""
    of_consumers = (
        QUEUE_CONSUMER_ALARM_METRICS if consumer.has_queue else STREAM_CONSUMER_ALARM_METRICS
        for consumer in settings.consumers
    )
    return ALARM_METRICS + sum(of_consumers)


def _cloudwatch_lines(
    workload: Workload, settings: CapacitySettings, prices: Prices, *, invocations: float
) -> list[CostLine]:
    records = workload.records_per_month
    logged = (
        workload.registrations_per_month * sizes.REGISTRATION_LOG_BYTES
        + workload.changes_per_month * sizes.UPDATE_LOG_BYTES
        + records * (sizes.ACCESS_LOG_BYTES + sizes.REQUEST_LOG_BYTES)
        + invocations * (sizes.INVOCATION_LOG_BYTES + sizes.FIGURES_LOG_BYTES)
    ) / BYTES_PER_GB
    kept = logged * settings.log_retention_days / DAYS_PER_MONTH
    watching = (
        alarm_metrics(settings) * prices.alarm_metric_month
        + OWN_METRICS * prices.own_metric_month * min(1.0, records / HOURS_PER_MONTH)
        + prices.dashboard_month
    )
    return [
        CostLine("CloudWatch", "logs taken in", logged * prices.logs_ingested_gb),
        CostLine("CloudWatch", "logs kept", kept * prices.logs_stored_gb_month),
        CostLine("CloudWatch", "alarms and dashboard", watching),
    ]


def _sqs_lines(workload: Workload, published: PricesAndLimits) -> list[CostLine]:
    limits, price = published.limits, published.prices.sqs_requests_per_million
    polls = limits.queue_pollers_per_mapping * SECONDS_PER_MONTH / limits.queue_poll_seconds
    failed = workload.records_per_month * workload.crash_rate * sizes.SQS_REQUESTS_PER_FAILED_RECORD
    return [
        CostLine("SQS", "looking for pointers", polls / MILLION * price),
        CostLine("SQS", "failed records", failed / MILLION * price),
    ]
