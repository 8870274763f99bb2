"""The settings of one event source mapping, read from Lambda's GetEventSourceMapping.

Ranges and defaults: Lambda API reference, "CreateEventSourceMapping".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from delivery.filters import MessageFilter, StreamFilter, UnsupportedPatternError

INFINITE = -1

StartingPosition = Literal["TRIM_HORIZON", "LATEST"]

LARGEST_FIFO_BATCH = 10
LARGEST_BATCH_WITHOUT_WINDOW = 10
LEAST_CONCURRENCY = 2

_READ_FOR_EVERY_SOURCE = frozenset(
    {
        *("UUID", "EventSourceArn", "EventSourceMappingArn", "FunctionArn", "FunctionName", "Tags"),
        *("State", "StateTransitionReason", "LastModified", "LastProcessingResult", "ResponseMetadata", "Enabled"),
        *("BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes", "FilterCriteria"),
        *("StartingPosition", "MetricsConfig"),
    }
)
"""Members that `read_settings` reads, or that change nothing about the delivery."""

_READ_FOR_STREAMS = frozenset(
    {
        *("ParallelizationFactor", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds"),
        *("BisectBatchOnFunctionError", "DestinationConfig"),
    }
)
_READ_FOR_QUEUES = frozenset({"ScalingConfig"})

_WITHOUT_EFFECT: Mapping[str, Any] = {
    "ParallelizationFactor": 1,
    "MaximumRetryAttempts": INFINITE,
    "MaximumRecordAgeInSeconds": INFINITE,
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "TumblingWindowInSeconds": 0,
}
"""Values that mean what a mapping without the setting does."""

_SOURCES = {"kinesis": "a Kinesis stream", "kafka": "an MSK cluster", "mq": "an Amazon MQ broker"}


_DESTINATION = re.compile(r"arn:[^:]+:(?:sqs:[^:]*:\d+:[^:]+|sns:[^:]*:\d+:[^:]+|s3:::[^:]+)$")


class UnsupportedMappingError(Exception):
    """The mapping can't be delivered as AWS would; the message names it, why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class MappingSettings:
    """The settings of a mapping from a DynamoDB stream to a function."""

    uuid: str
    stream_arn: str
    function_arn: str  # as mapped, alias included
    batch_size: int = 100
    window_seconds: int = 0
    parallelization_factor: int = 1
    maximum_retry_attempts: int = INFINITE
    maximum_record_age_seconds: int = INFINITE
    bisect: bool = False
    report_batch_item_failures: bool = False
    starting_position: StartingPosition = "TRIM_HORIZON"
    destination_arn: str | None = None
    """Of the on-failure queue, topic or bucket."""
    filters: tuple[str, ...] = ()
    """Patterns, as JSON; a record goes to the function if one of them matches, or there is none."""

    @property
    def source_arn(self) -> str:
        """ARN of what the mapping reads."""
        return self.stream_arn


@dataclass(frozen=True, kw_only=True)
class QueueMappingSettings:
    """The settings of a mapping from an SQS queue to a function."""

    uuid: str
    queue_arn: str
    function_arn: str  # as mapped, alias included
    batch_size: int = 10
    window_seconds: int = 0
    maximum_concurrency: int | None = None
    """Most batches in flight; None leaves it to `Assumptions`."""
    report_batch_item_failures: bool = False
    filters: tuple[str, ...] = ()
    """As above."""

    @property
    def source_arn(self) -> str:
        """ARN of what the mapping reads."""
        return self.queue_arn

    @property
    def is_fifo(self) -> bool:
        """Whether the queue keeps the order of its message groups."""
        return self.queue_arn.endswith(".fifo")


def read_settings(mapping: Mapping[str, Any]) -> MappingSettings | QueueMappingSettings:
    """Read a response of GetEventSourceMapping; a setting that it lacks has AWS's default.

    `State` is ignored: the local stack creates every mapping disabled, so that the emulator doesn't
    deliver it as well.

    Raises:
        UnsupportedMappingError: The source is neither a DynamoDB stream nor an SQS queue, or a
            setting isn't implemented.
    """
    source: str = mapping.get("EventSourceArn") or ""
    service = source.split(":")[2] if source.startswith("arn:") else ""
    if service == "sqs":
        return _read_queue_settings(mapping)
    if service == "dynamodb" and "/stream/" in source:
        return _read_stream_settings(mapping)
    what = _SOURCES.get(service, source or "no event source that has an ARN")
    raise _unsupported(mapping, f"it reads {what}, and the local poller serves DynamoDB streams and SQS queues")


def _read_stream_settings(mapping: Mapping[str, Any]) -> MappingSettings:
    _refuse_other_settings(mapping, _READ_FOR_STREAMS)
    destination: str | None = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination") or None
    if destination is not None and not _DESTINATION.match(destination):
        raise _unsupported(
            mapping, f"its on-failure destination is {destination}, and the local poller sends to SQS, SNS and S3 alone"
        )
    return MappingSettings(
        uuid=mapping["UUID"],
        stream_arn=mapping["EventSourceArn"],
        function_arn=mapping["FunctionArn"],
        batch_size=_whole_number(mapping, "BatchSize", MappingSettings.batch_size, 1),
        window_seconds=_whole_number(mapping, "MaximumBatchingWindowInSeconds", 0, 0),
        parallelization_factor=_whole_number(mapping, "ParallelizationFactor", 1, 1),
        maximum_retry_attempts=_whole_number(mapping, "MaximumRetryAttempts", INFINITE, INFINITE),
        maximum_record_age_seconds=_whole_number(mapping, "MaximumRecordAgeInSeconds", INFINITE, INFINITE),
        bisect=mapping.get("BisectBatchOnFunctionError", False),
        report_batch_item_failures="ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", []),
        starting_position=mapping.get("StartingPosition", "TRIM_HORIZON"),
        destination_arn=destination,
        filters=_filters(mapping, StreamFilter),
    )


def _read_queue_settings(mapping: Mapping[str, Any]) -> QueueMappingSettings:
    _refuse_other_settings(mapping, _READ_FOR_QUEUES)
    scaling: Mapping[str, Any] = mapping.get("ScalingConfig") or {}
    concurrency = _whole_number({**mapping, **scaling}, "MaximumConcurrency", 0, LEAST_CONCURRENCY)
    settings = QueueMappingSettings(
        uuid=mapping["UUID"],
        queue_arn=mapping["EventSourceArn"],
        function_arn=mapping["FunctionArn"],
        batch_size=_whole_number(mapping, "BatchSize", QueueMappingSettings.batch_size, 1),
        window_seconds=_whole_number(mapping, "MaximumBatchingWindowInSeconds", 0, 0),
        maximum_concurrency=concurrency or None,
        report_batch_item_failures="ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", []),
        filters=_filters(mapping, MessageFilter),
    )
    # Source: Lambda API reference, CreateEventSourceMapping, BatchSize and
    # MaximumBatchingWindowInSeconds. AWS refuses these, and the emulator takes them.
    if settings.is_fifo and settings.window_seconds:
        raise _unsupported(mapping, "a FIFO queue has no MaximumBatchingWindowInSeconds")
    if settings.is_fifo and settings.batch_size > LARGEST_FIFO_BATCH:
        raise _unsupported(mapping, f"BatchSize is {settings.batch_size}, and {LARGEST_FIFO_BATCH} at most for FIFO")
    if settings.batch_size > LARGEST_BATCH_WITHOUT_WINDOW and not settings.window_seconds:
        raise _unsupported(
            mapping,
            f"a BatchSize above {LARGEST_BATCH_WITHOUT_WINDOW} needs MaximumBatchingWindowInSeconds of at least 1",
        )
    return settings


def _refuse_other_settings(mapping: Mapping[str, Any], implemented: frozenset[str]) -> None:
    for name in sorted(mapping.keys() - _READ_FOR_EVERY_SOURCE - implemented):
        if mapping[name] and mapping[name] != _WITHOUT_EFFECT.get(name):
            raise _unsupported(mapping, f"it has {name}, which the local poller doesn't implement for this source")


def _filters(mapping: Mapping[str, Any], parser: type[StreamFilter] | type[MessageFilter]) -> tuple[str, ...]:
    criteria: dict[str, Any] = mapping.get("FilterCriteria") or {}
    filters: list[dict[str, str]] = criteria.get("Filters") or []
    patterns = tuple(each.get("Pattern", "") for each in filters)
    try:
        parser(patterns)
    except UnsupportedPatternError as error:
        raise _unsupported(mapping, f"of its FilterCriteria, {error}") from None
    return patterns


def _whole_number(mapping: Mapping[str, Any], name: str, default: int, minimum: int) -> int:
    """Return a number of the mapping; Pulumi sends floats, and the emulator keeps them."""
    value = mapping.get(name)
    if value is None:
        return default
    if value != int(value) or value < minimum:
        raise _unsupported(mapping, f"{name} is {value}, and must be a whole number from {minimum}")
    return int(value)


def _unsupported(mapping: Mapping[str, Any], reason: str) -> UnsupportedMappingError:
    source = mapping.get("EventSourceArn") or "its source"
    function = str(mapping.get("FunctionArn") or mapping.get("FunctionName") or "its function")
    name = function.partition(":function:")[2] or function
    return UnsupportedMappingError(
        f"The event source mapping from {source} to {name} can't be delivered here as AWS would: {reason}. "
        "Change it, or leave it out by a setting of Pulumi.local.yaml."
    )
