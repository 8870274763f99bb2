"""How long work is watched, stopped and timed; the tests put a clock of their own in its place."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from ops.interruption import StopRequested
from ops.screen import Meter

HEEDED_WITHIN_SECONDS = 1.0
"""So soon a pause ends after a stop was asked for."""


@dataclass(frozen=True, kw_only=True)
class LongWork:
    """What work that takes its time needs of the world around it."""

    stop: StopRequested
    meter: Meter
    now: Callable[[], float] = time.time
    """Seconds since the epoch."""
    sleep: Callable[[float], None] = time.sleep

    def pause(self, seconds: float) -> None:
        """Wait so long, or until a stop is asked for: `sleep` alone goes on after a signal."""
        while seconds > 0:
            part = min(seconds, HEEDED_WITHIN_SECONDS)
            self.sleep(part)
            seconds -= part
            if seconds > 0 and self.stop():
                return
