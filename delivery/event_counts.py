"""What became of a mapping's records, as the metrics of AWS's `EventCount` group say it.

Source: Lambda developer guide, "Types of metrics for Lambda functions", event source mapping
metrics: they count records and not batches, and a retry counts again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(kw_only=True)
class EventCounts:
    """Numbers of records."""

    polled: int = 0
    """PolledEventCount: read from the source."""
    filtered_out: int = 0
    """FilteredOutEventCount: not for the function, by the mapping's filters."""
    invoked: int = 0
    """InvokedEventCount: that the function was invoked with."""
    failed: int = 0
    """FailedInvokeEventCount: invoked with, and not processed."""
    deleted: int = 0
    """DeletedEventCount: removed from the queue after the function processed them; of queues."""
    dropped: int = 0
    """DroppedEventCount: given up without a failure document; of streams."""
    on_failure_delivered: int = 0
    """OnFailureDestinationDeliveredEventCount: in a failure document that was sent; of streams."""

    def __add__(self, other: "EventCounts") -> "EventCounts":
        """Return the sums."""
        return EventCounts(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    def __sub__(self, other: "EventCounts") -> "EventCounts":
        """Return the differences."""
        return EventCounts(**{name: value - getattr(other, name) for name, value in vars(self).items()})

    def metrics(self) -> dict[str, int]:
        """Return the counts by the names of their CloudWatch metrics."""
        return {_METRICS[field.name]: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_metrics(cls, metrics: Mapping[str, int]) -> "EventCounts":
        """Read what `metrics` returned."""
        return cls(**{name: metrics.get(metric, 0) for name, metric in _METRICS.items()})


_METRICS = {
    "polled": "PolledEventCount",
    "filtered_out": "FilteredOutEventCount",
    "invoked": "InvokedEventCount",
    "failed": "FailedInvokeEventCount",
    "deleted": "DeletedEventCount",
    "dropped": "DroppedEventCount",
    "on_failure_delivered": "OnFailureDestinationDeliveredEventCount",
}
