"""The ways a user, a shell or the system asks a program to end, as one exception."""

import signal
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended, as shells have it: 128 and the signal's number."""

Pause = Callable[[float], None]
"""Sleeps for some seconds, and raises EndRequested where a signal has asked for the end."""


class EndRequested(KeyboardInterrupt):
    """A signal asked this program to end.

    No Exception: nothing that catches errors may swallow it. And of what is none, asyncio's loop passes on
    KeyboardInterrupt and SystemExit alone (asyncio/events.py, Handle._run).
    """


@contextmanager
def end_signals() -> Generator[Pause]:
    """Raise EndRequested in the main thread at the first Ctrl-C, SIGTERM or SIGHUP, and ignore those that follow.

    Impatient second ones must not break off the tidying up. A signal that was ignored before (SIGHUP under `nohup`)
    stays ignored.

    The exception is lost where the signal meets the interpreter in a destructor or a weak reference's callback, which
    pass none on (Python's data model, "object.__del__"). So a loop in the block waits by the pause that this gives,
    which raises it again.
    """
    asked: signal.Signals | None = None

    def end(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = signal.Signals(number)
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise EndRequested(asked.name)

    def pause(seconds: float) -> None:
        time.sleep(seconds)
        if asked is not None:
            raise EndRequested(asked.name)

    before = {number: signal.getsignal(number) for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, end)
    try:
        yield pause
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
