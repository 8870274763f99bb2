"""When a shard, or the list of shards, is read next."""

from local.event_source_mapping.parameters import Parameters


class Polling:
    """One place that is read again and again, one read at a time.

    Args:
        interval_seconds: Between the beginnings of two reads that work.
        parameters: For the waits when they don't.
    """

    def __init__(self, interval_seconds: float, parameters: Parameters) -> None:
        self._interval = interval_seconds
        self._parameters = parameters
        self._reading = False
        self._failures = 0
        self._next = 0.0

    @property
    def is_reading(self) -> bool:
        """Whether a read is under way."""
        return self._reading

    def next_time(self) -> float | None:
        """Return when the next read is due, in the past if at once; None while one is under way."""
        return None if self._reading else self._next

    def start(self, now: float) -> bool:
        """Begin a read, if one is due."""
        if self._reading or self._next > now:
            return False
        self._reading = True
        self._next = now + self._interval
        return True

    def hurry(self) -> None:
        """Make the next read due at once."""
        self._next = 0.0

    def succeed(self) -> bool:
        """End a read that worked; return whether the one before had not."""
        self._reading = False
        recovered = self._failures > 0
        self._failures = 0
        return recovered

    def fail(self, now: float) -> bool:
        """End a read that didn't work; return whether the one before had."""
        self._reading = False
        self._failures += 1
        self._next = now + self._parameters.outage_wait(self._failures)
        return self._failures == 1
