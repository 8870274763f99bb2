"""What the mapping resource says: its settings, as Lambda's GetEventSourceMapping answers.

Ranges and defaults: Lambda API reference, "CreateEventSourceMapping".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

INFINITE = -1

_DEFAULT_BATCH_SIZE = 100
_NOT_IMPLEMENTED = ("FilterCriteria", "TumblingWindowInSeconds")


class UnsupportedMappingError(Exception):
    """A mapping that this poller can't deliver as AWS would; the message says which setting."""


@dataclass(frozen=True, kw_only=True)
class MappingSettings:
    """The settings of one mapping from a DynamoDB stream to a function."""

    uuid: str
    stream_arn: str
    function_arn: str
    """As it was mapped, alias included."""
    batch_size: int = _DEFAULT_BATCH_SIZE
    window_seconds: int = 0
    parallelization_factor: int = 1
    maximum_retry_attempts: int = INFINITE
    maximum_record_age_seconds: int = INFINITE
    bisect: bool = False
    report_batch_item_failures: bool = False
    starting_position: Literal["TRIM_HORIZON", "LATEST"] = "TRIM_HORIZON"
    destination_arn: str | None = None
    """Of a queue, a topic or a bucket; None for no destination."""


def read_settings(mapping: Mapping[str, Any]) -> MappingSettings:
    """Read GetEventSourceMapping's answer; what it leaves out has AWS's default.

    Its `State` is not looked at: the local stack creates the mapping switched off, so that the emulator doesn't deliver
    as well, and starts a poller for the one it wants delivered.

    Raises:
        UnsupportedMappingError: It maps another kind of source, or has a setting that isn't implemented here.
    """
    uuid, stream_arn = mapping["UUID"], mapping["EventSourceArn"]
    if ":dynamodb:" not in stream_arn or "/stream/" not in stream_arn:
        raise UnsupportedMappingError(
            f"Event source mapping {uuid} reads {stream_arn}, which is no DynamoDB stream: name the mapping of one."
        )
    for name in _NOT_IMPLEMENTED:
        if mapping.get(name):
            raise UnsupportedMappingError(
                f"Event source mapping {uuid} has {name}, which the local poller doesn't implement: "
                "delivering without it would differ from AWS. Take it out of infra/change_stream.py."
            )
    destination = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    return MappingSettings(
        uuid=uuid,
        stream_arn=stream_arn,
        function_arn=mapping["FunctionArn"],
        batch_size=_whole_number(mapping, "BatchSize", _DEFAULT_BATCH_SIZE, 1),
        window_seconds=_whole_number(mapping, "MaximumBatchingWindowInSeconds", 0, 0),
        parallelization_factor=_whole_number(mapping, "ParallelizationFactor", 1, 1),
        maximum_retry_attempts=_whole_number(mapping, "MaximumRetryAttempts", INFINITE, INFINITE),
        maximum_record_age_seconds=_whole_number(mapping, "MaximumRecordAgeInSeconds", INFINITE, INFINITE),
        bisect=mapping.get("BisectBatchOnFunctionError", False),
        report_batch_item_failures="ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", []),
        starting_position=mapping.get("StartingPosition", "TRIM_HORIZON"),
        destination_arn=destination or None,
    )


def _whole_number(mapping: Mapping[str, Any], name: str, default: int, least: int) -> int:
    """Return a number of the mapping; the emulator keeps what Pulumi sends, which writes numbers as floats."""
    value = mapping.get(name)
    if value is None:
        return default
    if value != int(value) or value < least:
        raise UnsupportedMappingError(
            f"Event source mapping {mapping['UUID']}: {name} is {value}, and must be a whole number from {least}."
        )
    return int(value)
