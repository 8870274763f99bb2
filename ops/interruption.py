"""Ctrl-C as a request to stop at the next safe point: held messages are given back, nothing is half done."""

import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

StopRequested = Callable[[], bool]
"""Says whether to stop before the next step."""


@contextmanager
def stop_on_interrupt(*, announce: bool = True) -> Generator[StopRequested]:
    """Give a function that says whether Ctrl-C (or SIGTERM) came; a second one ends the command where it stands."""
    requested = False

    def request(_number: int, _frame: FrameType | None) -> None:
        nonlocal requested
        if requested:
            raise KeyboardInterrupt
        requested = True
        if announce:
            sys.stderr.write(
                "\nStopping: the step under way ends, what is held is given back. Ctrl-C again: at once.\n"
            )

    former = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: requested
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
