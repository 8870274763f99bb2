"""Counts of what was delivered, under the names of the mapping's CloudWatch metrics where it has them.

Source: Lambda developer guide, "Types of metrics for Lambda functions", event source mapping metrics.
"""

from dataclasses import dataclass


@dataclass(kw_only=True)
class Figures:
    """Since the start; records, unless said otherwise."""

    polled: int = 0
    """PolledEventCount: read from the stream."""
    invoked: int = 0
    """InvokedEventCount: delivered; each retry counts again."""
    failed: int = 0
    """FailedInvokeEventCount: delivered in vain."""
    dropped: int = 0
    """DroppedEventCount: given up and pointed to by no document."""
    pointed_to: int = 0
    """OnFailureDestinationDeliveredEventCount: given up, and a document says where they lie."""
    invocations: int = 0
    """Batches that the function got."""
    gaps: int = 0
    """Times when the stream had forgotten where reading stood, so that records may be missing. Not a metric of AWS."""
    iterator_age_seconds: float = 0.0
    """IteratorAge: age of the last record of the last batch, when it was sent."""
