"""The ways a user, a shell or the system asks a program to end, as one exception."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndRequested(BaseException):
    """A signal asked this program to end. No Exception: nothing that catches errors may swallow it."""


@contextmanager
def end_signals() -> Generator[None]:
    """Raise EndRequested in the main thread at the first Ctrl-C, SIGTERM or SIGHUP, and ignore those that follow.

    Impatient second ones must not break off the tidying up. A signal that was ignored before (SIGHUP under `nohup`)
    stays ignored.
    """

    def end(number: int, _frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise EndRequested(signal.Signals(number).name)

    before = {number: signal.getsignal(number) for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
