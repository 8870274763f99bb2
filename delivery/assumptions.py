"""What AWS doesn't document of its event source mappings: our choices, and the reason of each.

Where others recorded a behaviour on AWS, the text says so. Tests change each choice, and show that
no record is lost whichever way AWS decides.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


def lane_of_item(item: str, lanes: int) -> int:
    """Return the lane of an item (its key as canonical JSON), the same in every process."""
    return zlib.crc32(item.encode()) % lanes


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """How a mapping behaves where its settings and AWS's documentation leave a choice."""

    polls_per_second: float = 4.0
    """Of one shard: AWS's base rate (Lambda developer guide, "Using Lambda with DynamoDB")."""

    idle_polls_per_second: float | None = None
    """Of a shard without records for `idle_seconds`; None for the same rate."""

    idle_seconds: float = 10.0

    listing_seconds: float = 10.0
    """Between two listings of the shards. When a shard ends, the next listing is due at once."""

    read_ahead_batches: int = 2
    """Reading stops at this many full unsettled batches per lane: one in flight, one ready."""

    read_ahead_records: int = 2_000
    """Reading never stops below this many records: two pages of GetRecords."""

    payload_bytes: int = 6 * 1024 * 1024
    """Maximum size of an invocation's event (Lambda developer guide, "Batching behavior")."""

    window_from_first_record: bool = True
    """Whether a batching window opens with its first record, if no invocation ended after that.
    Otherwise it opens when an invocation ends, and the first record after a pause is sent alone."""

    stalled_lane_stalls_shard: bool = False
    """Whether a lane that retries stops the shard's other lanes. AWS promises order per item only,
    so the others continue; `read_ahead_batches` limits how far."""

    lane: Callable[[str, int], int] = lane_of_item
    """Returns the lane of an item, given the number of lanes."""

    split_on_first_record: Literal["half", "isolate"] = "half"
    """Where bisect splits a batch whose response names its first record. The recorded case, three
    records into one and two, fits both. All other failing batches are halved; halving also isolates
    several failing records in fewer invocations."""

    invalid_identifier: Literal["fails", "ignored"] = "fails"
    """What an identifier that isn't in the batch means beside valid ones. Alone it fails the whole
    batch (recorded). The same is safe here: a repeated record is harmless, a skipped one lost."""

    unreadable_response: Literal["fails", "succeeds"] = "fails"
    """What a response means that isn't JSON, or is JSON in no documented form, such as a string or
    a non-empty list. The function reported something that can't be understood."""

    expires_at_limit: bool = False
    """Whether a record expires when its age equals the maximum, or only above it. Records carry
    whole seconds, so this decides for at most one second."""

    fresh_quota_after_expiry: bool = True
    """Whether the rest of a batch gets all its retries again when its oldest records expire between
    retries. After a partial response it does (recorded)."""

    retention_seconds: float = 24 * 3600.0
    """Age at which the stream trims a record. Unlimited retries end then, without a document."""

    first_retry_seconds: float = 0.2
    """Wait before the first retry of a batch. Recorded: 205 and 282 ms."""

    retry_growth: float = 2.0
    """Factor from one wait to the next. Recorded: 391 ms before a second retry."""

    longest_retry_seconds: float = 10.0
    """Longest wait before a retry. Not recorded; a longer one only delays a local stack's user."""

    longest_outage_wait_seconds: float = 2.0
    """Longest wait between two calls to a service that can't be reached."""

    unreachable_destination: Literal["retry", "drop"] = "retry"
    """What happens to a failure document when the destination can't be reached. A refused one is
    dropped (recorded), but an unreachable queue has refused nothing: the records would be lost."""

    queue_concurrency: int = 5
    """Batches of a queue in flight at most, if the mapping has no MaximumConcurrency. AWS begins
    with five, and adds more (Lambda developer guide, "Configuring scaling behavior for SQS")."""

    hold_seconds: float = 5.0
    """How long the messages of a receive stay hidden if their receiver dies before it has saved
    their receipt handles. On AWS that is the whole visibility timeout."""

    def retry_wait(self, failures: int) -> float:
        """Return the seconds to wait after this many failures in a row (at least 1)."""
        return self._wait(failures, self.longest_retry_seconds)

    def outage_wait(self, failures: int) -> float:
        """Return the seconds to wait after this many unanswered calls in a row (at least 1)."""
        return self._wait(failures, self.longest_outage_wait_seconds)

    def _wait(self, failures: int, longest: float) -> float:
        wait = self.first_retry_seconds
        for _ in range(failures - 1):
            wait *= self.retry_growth
            if wait >= longest:
                return longest
        return min(wait, longest)
