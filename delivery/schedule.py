"""When calls are due that are made again and again."""

from delivery.assumptions import Assumptions


class CallSchedule:
    """When a call that is made again and again is due; one call at a time.

    Attributes:
        in_flight: Whether a call is being made.
        next_at: When the next call is due; a past time means now.
    """

    def __init__(self, interval_seconds: float, assumptions: Assumptions) -> None:
        self.in_flight = False
        self._failures = 0
        self._interval = interval_seconds
        self._assumptions = assumptions
        self.next_at = 0.0
        self._earliest = 0.0
        self._is_hastened = False

    def next_time(self) -> float | None:
        """Return when the next call is due; a past time means now, None that one is in flight."""
        return None if self.in_flight else self.next_at

    def start(self, now: float) -> bool:
        """Start a call if one is due, and return whether it was."""
        if self.in_flight or self.next_at > now:
            return False
        self.in_flight = True
        self.next_at = self._earliest = now + self._interval
        self._is_hastened = False
        return True

    def hasten(self) -> None:
        """Make the next call due as soon as the interval allows, because there is a reason for it.

        After a call that failed it isn't made earlier.
        """
        self._is_hastened = True
        if not self._failures:
            self.next_at = min(self.next_at, self._earliest)

    def postpone(self, seconds: float) -> None:
        """Make the next call later, if there was no reason for it since the last one began."""
        if not self._is_hastened:
            self.next_at += seconds

    def succeed(self) -> bool:
        """End a call that succeeded; return whether the one before had failed."""
        self.in_flight = False
        recovered = self._failures > 0
        self._failures = 0
        return recovered

    def fail(self, now: float) -> bool:
        """End a call that failed; return whether it is the first failure in a row."""
        self.in_flight = False
        self._failures += 1
        self.next_at = now + self._assumptions.outage_wait(self._failures)
        return self._failures == 1
