"""How long work is watched, stopped and timed; the tests put a clock of their own in its place."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from ops.interruption import StopRequested
from ops.screen import Meter


@dataclass(frozen=True, kw_only=True)
class LongWork:
    """What work that takes its time needs of the world around it."""

    stop: StopRequested
    meter: Meter
    now: Callable[[], float] = time.time
    """Seconds since the epoch."""
    sleep: Callable[[float], None] = time.sleep
