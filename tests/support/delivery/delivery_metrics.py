"""Counts of what a delivery did, named after the mapping's CloudWatch metrics.

Source: Lambda developer guide, "Types of metrics for Lambda functions".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from delivery.messages import Action, Event, Invoke, LogEvent, PageRead


@dataclass(kw_only=True)
class Metrics:
    """Counts of records since the start."""

    polled: int = 0  # PolledEventCount: read from the stream
    invoked: int = 0  # InvokedEventCount: delivered; each retry counts again
    failed: int = 0  # FailedInvokeEventCount: delivered and not settled
    dropped: int = 0  # DroppedEventCount: discarded without a failure document
    on_failure_delivered: int = 0  # OnFailureDestinationDeliveredEventCount: with a failure document
    invocations: int = 0  # batches that the function got
    gaps: int = 0  # times that records may be lost, because the stream had trimmed them
    iterator_age_seconds: float = 0.0  # IteratorAge: of the last batch when it was sent

    def count(self, now: float, events: Iterable[Event], actions: Iterable[Action]) -> None:
        """Count the events and actions of one step, by what the delivery logs of its batches."""
        self.polled += sum(len(event.records) for event in events if isinstance(event, PageRead))
        for action in actions:
            if isinstance(action, Invoke):
                self.iterator_age_seconds = now - action.batch.records[-1].written_at
            elif isinstance(action, LogEvent):
                self._count_log_event(action)

    def _count_log_event(self, event: LogEvent) -> None:
        fields: Any = event.fields
        match event.message:
            case "BATCH DELIVERED:" | "BATCH FAILED:":
                self.invocations += 1
                self.invoked += fields["records"]
                self.failed += fields["records"] - fields.get("settled", fields["records"])
            case "RECORDS DROPPED:":
                self.dropped += fields["records"]
            case "FAILURE DOCUMENT SENT:":
                self.on_failure_delivered += fields["records"]
            case "RECORDS MAY BE LOST:":
                self.gaps += 1
            case _:
                pass
