"""AWS's published prices and limits, from one dated file that names the source of each."""

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

_FILE = Path(__file__).with_name("prices_and_limits.json")


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class _Sourced(_Model):
    value: float
    source: str = Field(min_length=1)


Published = Annotated[float, BeforeValidator(lambda entry: _Sourced.model_validate(entry).value)]
"""A number that the file gives with its source."""


class Prices(_Model):
    """US dollars, each per what its name says."""

    http_api_requests_per_million: Published
    lambda_requests_per_million: Published
    lambda_gb_second_arm: Published
    dynamodb_write_units_per_million: Published
    dynamodb_read_units_per_million: Published
    dynamodb_storage_gb_month: Published
    dynamodb_recovery_gb_month: Published
    sqs_requests_per_million: Published
    sqs_fifo_requests_per_million: Published
    sns_fifo_requests_per_million: Published
    sns_fifo_published_gb: Published
    sns_fifo_deliveries_per_million: Published
    sns_fifo_delivered_gb: Published
    events_per_million: Published
    event_archive_gb: Published
    event_archive_gb_month: Published
    logs_ingested_gb: Published
    logs_stored_gb_month: Published
    alarm_metric_month: Published
    own_metric_month: Published
    dashboard_month: Published
    transfer_out_gb: Published


class Limits(_Model):
    """Default limits of one account, table, partition or shard."""

    api_requests_per_second: Published
    lambda_concurrency: Published
    lambda_requests_per_environment_per_second: Published
    table_write_units_per_second: Published
    new_table_write_units_per_second: Published
    partition_write_units_per_second: Published
    partition_storage_gb: Published
    stream_reads_per_shard_per_second: Published
    stream_records_per_read: Published
    stream_bytes_per_read: Published
    transaction_write_units_factor: Published
    item_overhead_bytes: Published
    queue_pollers_per_mapping: Published
    queue_poll_seconds: Published
    sqs_fifo_requests_per_second: Published
    sns_fifo_messages_per_second: Published
    sns_fifo_subscriptions_per_topic: Published
    put_events_per_second: Published


class PricesAndLimits(_Model):
    """The whole file."""

    read: str
    region: str
    prices: Prices
    limits: Limits


@cache
def prices_and_limits() -> PricesAndLimits:
    """Read the file."""
    return PricesAndLimits.model_validate_json(_FILE.read_bytes())
