"""What the mapping resource says: its settings, as Lambda's GetEventSourceMapping answers.

Ranges and defaults: Lambda API reference, "CreateEventSourceMapping".
"""

import zlib
from collections.abc import Callable, Mapping
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
                "delivering without it would differ from AWS. Take it out of infra/components/change_stream.py."
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


# What AWS doesn't tell of its event source mappings, each with our choice and why.
#
# Where a choice was recorded on AWS by others, the words say so; the rest is nowhere documented.
# All of them are parameters, so that a test can show that nothing is lost whichever way AWS
# decides.


def lane_of_item(item: str, lanes: int) -> int:
    """Return the lane of an item: the same for all its changes, in every process.

    Args:
        item: The item's key as canonical JSON.
        lanes: How many there are.
    """
    return zlib.crc32(item.encode()) % lanes


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """How the mapping behaves where its settings and its documentation leave a choice."""

    polls_per_second: float = 4.0
    """Reads of one shard in a second. AWS's base rate (Lambda developer guide, "Using Lambda with DynamoDB")."""

    listing_seconds: float = 10.0
    """Time between two looks for new shards. A shard that ends is followed by a look at once."""

    read_ahead_batches: int = 2
    """So many full batches per lane may be read and not settled; then reading waits. One in flight, one ready."""

    read_ahead_records: int = 2_000
    """Reading never waits below this many: two pages of GetRecords."""

    payload_bytes: int = 6 * 1024 * 1024
    """Limit of one invocation's event (Lambda developer guide, "Batching behavior")."""

    window_from_first_record: bool = True
    """Whether a batching window opens with its first record, if that is read after the last invocation ended. The
    alternative, to count on from that end, would send the first record after a quiet time alone."""

    stalled_lane_stalls_shard: bool = False
    """Whether a lane that retries holds back the other lanes of its shard. Order is promised per item only, so the
    others go on; how far ahead is bounded by `read_ahead_batches`."""

    lane: Callable[[str, int], int] = lane_of_item
    """Which lane an item's changes take."""

    split_on_first_record: Literal["half", "isolate"] = "half"
    """Where bisect splits a batch whose partial answer names its first record. The recorded case, three records into
    one and two, fits both; half is what it does with every other failing batch, and isolates a record in fewer calls
    when several fail."""

    invalid_identifier: Literal["fails", "ignored"] = "fails"
    """What an identifier that is none of the batch's does beside valid ones. Alone it fails the whole batch, recorded;
    beside others the same is safe, since a repeated record is harmless and a skipped one is lost."""

    unreadable_answer: Literal["fails", "succeeds"] = "fails"
    """What an answer is that is no JSON, or JSON in no documented form: a text, a number, a list with something in it,
    a batchItemFailures that is no list. The function meant to say something that can't be understood."""

    expires_at_limit: bool = False
    """Whether a record whose age equals the maximum has expired, or only an older one. Records tell their age to the
    second, so this decides for up to one second."""

    fresh_quota_after_expiry: bool = True
    """Whether the rest of a batch, when its oldest records expire between retries, may use all retries anew, as the
    rest behind a partial answer may (recorded)."""

    retention_seconds: float = 24 * 3600.0
    """Age at which the stream itself forgets a record; then even unlimited retries end, without a document."""

    first_retry_seconds: float = 0.2
    """Wait before the first retry of a batch. Recorded: 205 and 282 ms."""

    retry_growth: float = 2.0
    """Factor from one wait to the next. Recorded: 391 ms before a second retry."""

    longest_retry_seconds: float = 10.0
    """No wait is longer. Not recorded; on one machine longer waits would only keep its user waiting."""

    longest_outage_wait_seconds: float = 2.0
    """Wait between looks at a service that can't be reached, once it has been gone for a while."""

    unreachable_destination: Literal["retry", "drop"] = "retry"
    """What becomes of a failure document that the destination could not even be asked to take. Refused ones are
    dropped, recorded; but a queue that is down says nothing of the document, and the records would be gone."""

    def retry_wait(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row, at least 1."""
        return self._wait(failures, self.longest_retry_seconds)

    def outage_wait(self, failures: int) -> float:
        """Return the seconds to wait after so many unanswered calls in a row, at least 1."""
        return self._wait(failures, self.longest_outage_wait_seconds)

    def _wait(self, failures: int, longest: float) -> float:
        wait = self.first_retry_seconds
        for _ in range(failures - 1):
            wait *= self.retry_growth
            if wait >= longest:
                return longest
        return min(wait, longest)
