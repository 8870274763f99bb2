"""Work that takes time: how it stops at a safe point, shows progress, waits and keeps state."""

import hashlib
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TypeVar

from ops.errors import WrongUsageError
from ops.output import ReportProgress

StopRequested = Callable[[], bool]
"""Says whether to stop before the next step."""

LONGEST_SLEEP_SECONDS = 1.0  # a pause ends this soon after a stop is requested

STATE_VARIABLE = "USERSTREAM_OPS_STATE"

_Item = TypeVar("_Item")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a job needs from outside: when to stop, whom to report to, and the clock."""

    stop_requested: StopRequested = lambda: False
    report_progress: ReportProgress = lambda _done, _total: None
    now: Callable[[], float] = time.time  # seconds since the epoch
    sleep: Callable[[float], None] = time.sleep

    def pause(self, seconds: float) -> None:
        """Wait this long, or until a stop is requested: `sleep` alone continues after a signal."""
        while seconds > 0:
            part = min(seconds, LONGEST_SLEEP_SECONDS)
            self.sleep(part)
            seconds -= part
            if seconds > 0 and self.stop_requested():
                return


@contextmanager
def stop_on_interrupt(*, announce: bool = True) -> Generator[StopRequested]:
    """Turn SIGINT and SIGTERM into a request to stop between steps; a second one interrupts."""
    requested = False

    def request(_number: int, _frame: FrameType | None) -> None:
        nonlocal requested
        if requested:
            raise KeyboardInterrupt
        requested = True
        if announce:
            sys.stderr.write(
                "\nStopping: the current step ends and messages become visible again. Ctrl-C again: at once.\n"
            )

    former = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: requested
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def in_batches(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    """Yield the items, in order, in slices of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def state_file(purpose: str, environment: str, resource: str, suffix: str) -> Path:
    """Return the path of a stack's state file; make its folder, which is outside the project.

    The hash of the resource, a URL or an ARN, tells stacks of one name in different accounts apart.
    """
    own = os.environ.get(STATE_VARIABLE)
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    folder = Path(own) if own else Path(base) / "userstream"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise WrongUsageError(
            f"The folder {folder} for state files can't be made: {error.strerror}",
            f"name another in the environment: {STATE_VARIABLE}=FOLDER",
        ) from error
    digest = hashlib.sha256(resource.encode()).hexdigest()[:12]
    return folder / f"{purpose}-{re.sub(r'[^A-Za-z0-9_-]', '_', environment)}-{digest}{suffix}"
