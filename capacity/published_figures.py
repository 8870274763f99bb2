"""AWS's published prices and limits, from one dated file that names the page of each."""

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

_FILE = Path(__file__).with_name("published_figures.json")


class _Figures(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Figure(_Figures):
    """One figure and the page that publishes it."""

    value: float
    source: str


class Prices(_Figures):
    """US dollars, each per what its name says."""

    http_api_requests_per_million: Figure
    lambda_requests_per_million: Figure
    lambda_gb_second_arm: Figure
    dynamodb_write_units_per_million: Figure
    dynamodb_read_units_per_million: Figure
    dynamodb_storage_gb_month: Figure
    dynamodb_recovery_gb_month: Figure
    sqs_requests_per_million: Figure
    logs_ingested_gb: Figure
    logs_stored_gb_month: Figure
    alarm_month: Figure
    dashboard_month: Figure
    transfer_out_gb: Figure


class Limits(_Figures):
    """What one account, table, partition or shard takes, by default."""

    api_requests_per_second: Figure
    lambda_concurrency: Figure
    lambda_requests_per_environment_per_second: Figure
    table_write_units_per_second: Figure
    new_table_write_units_per_second: Figure
    partition_write_units_per_second: Figure
    partition_storage_gb: Figure
    stream_reads_per_shard_per_second: Figure
    stream_records_per_read: Figure
    stream_bytes_per_read: Figure
    transaction_write_units_factor: Figure
    item_overhead_bytes: Figure
    queue_pollers_per_mapping: Figure
    queue_poll_seconds: Figure


class PublishedFigures(_Figures):
    """The whole file."""

    read: str
    region: str
    prices: Prices
    limits: Limits


@cache
def published_figures() -> PublishedFigures:
    """Read the file."""
    return PublishedFigures.model_validate_json(_FILE.read_bytes())
