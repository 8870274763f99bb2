"""What each declared consumer gets at the busiest time, costs in a month, and limits.

log_user_changes is what the rest of the model is about: here are the others. fan_out_user_changes
gets every change, from Activity's stream, in batches as large as those of log_user_changes, whose
settings it has. A consumer with a queue gets the kinds that it declares. Its changes count as if
each came alone: a FIFO queue has no batching window, so that is what happens below some hundred a
second, and it makes the bill too high rather than too low. Its function is taken to read the
changes in one call, and to make one more for each.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from capacity import workload as sizes
from capacity.cost_line import DAYS_PER_MONTH, MILLION, CostLine, lambda_line
from capacity.limits import BYTES_PER_GB, LimitUse, shards_by
from capacity.prices_and_limits import Limits, Prices, PricesAndLimits
from capacity.simulated_delivery import SimulatedDelivery
from capacity.workload import (
    MB_PER_PROCESSOR,
    SECONDS_PER_MONTH,
    CapacitySettings,
    DeclaredConsumer,
    ServiceTimes,
    Workload,
)

MESSAGES_PER_CALL = 10
"""Of PublishBatch."""

QUEUE_REQUESTS_PER_CHANGE = 3
"""Sent by the topic, received, deleted."""

QUEUES_PER_CONSUMER = 2
"""Its queue, and its failure queue; a mapping polls each."""


@dataclass(frozen=True, kw_only=True)
class ConsumerLoad:
    """One consumer at the busiest time."""

    consumer: str
    changes_per_second: float
    changes_per_invocation: float
    invocations_per_month: float
    at_a_time: float
    """Invocations that run concurrently."""
    dollars: float
    """A month, of the lines of the bill that are the consumer's own."""


def consumer_loads(
    workload: Workload,
    settings: CapacitySettings,
    times: ServiceTimes,
    delivery: SimulatedDelivery,
    bill: list[CostLine],
) -> list[ConsumerLoad]:
    """Return a load for each declared consumer, in the order of the list."""
    loads: list[ConsumerLoad] = []
    for consumer in settings.consumers:
        batch = _changes_per_invocation(consumer, delivery)
        a_month, a_second = _changes(consumer, workload)
        loads.append(
            ConsumerLoad(
                consumer=consumer.name,
                changes_per_second=a_second,
                changes_per_invocation=batch,
                invocations_per_month=a_month / batch,
                at_a_time=a_second / batch * seconds_of(consumer, batch, settings, times),
                dollars=sum(line.dollars for line in bill if line.consumer == consumer.name),
            )
        )
    return loads


def _changes_per_invocation(consumer: DeclaredConsumer, delivery: SimulatedDelivery) -> float:
    return 1.0 if consumer.has_queue else max(delivery.records_per_batch, 1.0)


def _changes(consumer: DeclaredConsumer, workload: Workload) -> tuple[float, float]:
    """Return the changes that reach a consumer: in a month, and in a second of the busiest time."""
    kinds = consumer.kinds if consumer.has_queue else sizes.KINDS
    return (
        sum(workload.kinds_per_month[kind] for kind in kinds),
        sum(workload.kinds_per_second[kind] for kind in kinds),
    )


def seconds_of(consumer: DeclaredConsumer, changes: float, settings: CapacitySettings, times: ServiceTimes) -> float:
    """Return how long one invocation with so many changes takes."""
    if consumer.has_queue:
        processor = min(consumer.memory_mb / MB_PER_PROCESSOR, 1.0)
        own = times.consumer_batch + times.consumer_change * changes
        return own / processor + times.call * (1 + changes)
    if consumer.reads_users:
        return times.of_batch(math.ceil(changes))
    processor = min(settings.stream_memory_mb / MB_PER_PROCESSOR, 1.0)
    own = times.publish_batch + times.publish_change * changes
    return own / processor + times.call * math.ceil(changes / MESSAGES_PER_CALL)


def consumer_lines(
    workload: Workload,
    settings: CapacitySettings,
    times: ServiceTimes,
    published: PricesAndLimits,
    delivery: SimulatedDelivery,
) -> Iterator[CostLine]:
    """Yield the lines of the bill of every consumer but log_user_changes."""
    prices, limits = published.prices, published.limits
    topic_messages = workload.records_per_month
    for consumer in settings.consumers:
        if consumer.reads_users:
            continue
        name, changes = consumer.name, _changes(consumer, workload)[0]
        batch = _changes_per_invocation(consumer, delivery)
        invocations, seconds = changes / batch, seconds_of(consumer, batch, settings, times)
        memory = consumer.memory_mb if consumer.has_queue else settings.stream_memory_mb
        yield lambda_line(name, invocations, seconds, memory, prices, consumer=name)
        yield _log_line(name, changes, invocations, settings, prices)
        if consumer.has_queue:
            units = changes * math.ceil(sizes.ACTIVITY_BYTES / sizes.READ_UNIT_BYTES)
            reads = units / MILLION * prices.dynamodb_read_units_per_million
            yield CostLine("DynamoDB", f"reads, {name}", reads, name)
            # A subscription's messages are charged whether or not its filter lets them through.
            delivered = topic_messages / MILLION * prices.sns_fifo_deliveries_per_million
            delivered += topic_messages * sizes.MESSAGE_BYTES / BYTES_PER_GB * prices.sns_fifo_delivered_gb
            yield CostLine("SNS", f"deliveries, {name}", delivered, name)
            yield CostLine("SQS", name, _queue_dollars(changes, limits, prices), name)
        else:
            per_call = min(batch, MESSAGES_PER_CALL)
            dollars = changes / per_call / MILLION * prices.sns_fifo_requests_per_million
            dollars += changes * sizes.MESSAGE_BYTES / BYTES_PER_GB * prices.sns_fifo_published_gb
            yield CostLine("SNS", "publications", dollars, name)
        if consumer.publishes_events:
            yield CostLine("EventBridge", "events", changes / MILLION * prices.events_per_million, name)
            yield CostLine("EventBridge", "archive", _archive_dollars(changes, settings, prices), name)


def _log_line(name: str, changes: float, invocations: float, settings: CapacitySettings, prices: Prices) -> CostLine:
    logged = (changes * sizes.CONSUMER_LOG_BYTES + invocations * sizes.INVOCATION_LOG_BYTES) / BYTES_PER_GB
    kept = logged * settings.log_retention_days / DAYS_PER_MONTH
    dollars = logged * prices.logs_ingested_gb + kept * prices.logs_stored_gb_month
    return CostLine("CloudWatch", f"logs, {name}", dollars, name)


def _queue_dollars(changes: float, limits: Limits, prices: Prices) -> float:
    polls = QUEUES_PER_CONSUMER * limits.queue_pollers_per_mapping * SECONDS_PER_MONTH / limits.queue_poll_seconds
    return (polls + changes * QUEUE_REQUESTS_PER_CHANGE) / MILLION * prices.sqs_fifo_requests_per_million


def _archive_dollars(events: float, settings: CapacitySettings, prices: Prices) -> float:
    archived = events * sizes.EVENT_BYTES / BYTES_PER_GB
    kept = archived * settings.user_events_archive_days / DAYS_PER_MONTH
    return archived * prices.event_archive_gb + kept * prices.event_archive_gb_month


def consumer_limits(
    workload: Workload, settings: CapacitySettings, times: ServiceTimes, limits: Limits
) -> Iterator[LimitUse]:
    """Yield the limits on the way to every consumer but log_user_changes."""
    with_queue = [consumer for consumer in settings.consumers if consumer.has_queue]
    for consumer in settings.consumers:
        if consumer.reads_users:
            continue
        changes = _changes(consumer, workload)[1]
        if consumer.has_queue:
            at_a_time = consumer.maximum_concurrency
            own = f"in infra/consumers/{consumer.folder}.py"
            batch, moved_by = consumer.batch_size, f"maximum_concurrency, then batch_size, {own}"
        else:
            # One batch of each shard: more would lose the order of a user's changes.
            shards = _activity_shards(workload, settings, limits)
            at_a_time = min(shards, settings.stream_reserved_concurrency or shards)
            batch, moved_by = settings.stream_batch_size, "streamBatchSize"
        deliverable = at_a_time * batch / seconds_of(consumer, batch, settings, times)
        yield LimitUse(f"delivery to {consumer.name}", changes, deliverable, moved_by)
        if consumer.publishes_events:
            quota = "Service Quotas: EventBridge, PutEvents throttle limit"
            yield LimitUse("requests to EventBridge", changes, limits.put_events_per_second, quota)
    if any(not consumer.has_queue and not consumer.reads_users for consumer in settings.consumers):
        quota = "Service Quotas: SNS, messages published per second to FIFO topics"
        allowed = limits.sns_fifo_messages_per_second
        yield LimitUse("messages to the topic", workload.records_per_second, allowed, quota)
    if with_queue:
        busiest = max(_changes(consumer, workload)[1] for consumer in with_queue)
        quota = "Service Quotas: SQS, high throughput for FIFO queues"
        yield LimitUse("requests to a consumer's queue", busiest, limits.sqs_fifo_requests_per_second, quota)
        subscriptions = limits.sns_fifo_subscriptions_per_topic
        second = "nothing: a second topic"
        yield LimitUse("subscriptions to the topic", len(with_queue), subscriptions, second, by_load=False)


def _activity_shards(workload: Workload, settings: CapacitySettings, limits: Limits) -> int:
    units = workload.records_per_second * math.ceil(sizes.ACTIVITY_BYTES / sizes.WRITE_UNIT_BYTES)
    kept = workload.records_per_month * settings.activity_retention_days / DAYS_PER_MONTH
    return shards_by(units, kept * (sizes.ACTIVITY_BYTES + limits.item_overhead_bytes), limits)
