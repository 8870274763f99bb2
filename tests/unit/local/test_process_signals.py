"""What asks a program to end does so at once, once, and whatever it meets."""

import asyncio
import gc
import os
import signal
import sys

import pytest

from local.process import EndRequested, end_signals


class SignalledWhileItGoes:
    """Its destructor is where the signal meets the interpreter: what it raises there goes nowhere."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_block_and_what_heeded_it_before_heeds_it_again(number: signal.Signals) -> None:
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(EndRequested, match=number.name), end_signals():
            os.kill(os.getpid(), number)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


def test_a_signal_whose_exception_was_lost_ends_the_block_at_its_next_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[object] = []

    def remember(unraisable: "sys.UnraisableHookArgs") -> None:
        lost.append(unraisable.exc_type)

    monkeypatch.setattr(sys, "unraisablehook", remember)
    with end_signals() as pause:
        going = SignalledWhileItGoes()
        del going
        gc.collect()
        with pytest.raises(EndRequested, match="SIGTERM"):
            pause(0)

    assert lost == [EndRequested]


def test_a_signal_that_meets_an_event_loop_ends_it() -> None:
    async def wait() -> None:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
        await asyncio.sleep(5)

    with end_signals(), pytest.raises(EndRequested, match="SIGTERM"):
        asyncio.run(wait())


def test_a_second_signal_does_not_break_off_the_tidying_up() -> None:
    tidied: list[bool] = []

    def work() -> None:
        with end_signals():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                tidied.append(True)

    with pytest.raises(EndRequested):
        work()
    assert tidied == [True]


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with end_signals() as pause:
            os.kill(os.getpid(), signal.SIGHUP)
            pause(0)
    finally:
        signal.signal(signal.SIGHUP, before)
