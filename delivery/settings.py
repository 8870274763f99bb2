"""The settings of one event source mapping, read from Lambda's GetEventSourceMapping.

Ranges and defaults: Lambda API reference, "CreateEventSourceMapping".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

INFINITE = -1

StartingPosition = Literal["TRIM_HORIZON", "LATEST"]

_NOT_IMPLEMENTED = ("FilterCriteria", "TumblingWindowInSeconds")


class UnsupportedMappingError(Exception):
    """The mapping can't be delivered as AWS would deliver it; the message names the setting."""


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


def read_settings(mapping: Mapping[str, Any]) -> MappingSettings:
    """Read a response of GetEventSourceMapping; a setting that it lacks has AWS's default.

    `State` is ignored: the local stack creates the mapping disabled, so that the emulator doesn't
    deliver it as well, and starts a poller for each mapping that it wants delivered.

    Raises:
        UnsupportedMappingError: The source isn't a DynamoDB stream, or a setting isn't implemented.
    """
    uuid, stream_arn = mapping["UUID"], mapping["EventSourceArn"]
    if ":dynamodb:" not in stream_arn or "/stream/" not in stream_arn:
        raise UnsupportedMappingError(
            f"Event source mapping {uuid} reads {stream_arn}, which is not a DynamoDB stream: "
            "name a mapping that reads one."
        )
    for name in _NOT_IMPLEMENTED:
        if mapping.get(name):
            raise UnsupportedMappingError(
                f"Event source mapping {uuid} has {name}, which the local poller doesn't implement: "
                "delivery without it would differ from AWS. Remove it from infra/components/change_stream.py."
            )
    destination = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    return MappingSettings(
        uuid=uuid,
        stream_arn=stream_arn,
        function_arn=mapping["FunctionArn"],
        batch_size=_whole_number(mapping, "BatchSize", MappingSettings.batch_size, 1),
        window_seconds=_whole_number(mapping, "MaximumBatchingWindowInSeconds", 0, 0),
        parallelization_factor=_whole_number(mapping, "ParallelizationFactor", 1, 1),
        maximum_retry_attempts=_whole_number(mapping, "MaximumRetryAttempts", INFINITE, INFINITE),
        maximum_record_age_seconds=_whole_number(mapping, "MaximumRecordAgeInSeconds", INFINITE, INFINITE),
        bisect=mapping.get("BisectBatchOnFunctionError", False),
        report_batch_item_failures="ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", []),
        starting_position=mapping.get("StartingPosition", "TRIM_HORIZON"),
        destination_arn=destination or None,
    )


def _whole_number(mapping: Mapping[str, Any], name: str, default: int, minimum: int) -> int:
    """Return a number of the mapping; Pulumi sends floats, and the emulator keeps them."""
    value = mapping.get(name)
    if value is None:
        return default
    if value != int(value) or value < minimum:
        raise UnsupportedMappingError(
            f"Event source mapping {mapping['UUID']}: {name} is {value}, and must be a whole number from {minimum}."
        )
    return int(value)
