"""Termination signals end a program once, at once; child processes inherit no user settings."""

import asyncio
import gc
import os
import signal
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.process import TerminationRequested, child_environment, remove_user_settings, termination_signals

USER_SETTINGS = st.from_regex(
    r"(AWS_|PULUMI_|PYTHON|HTTPS?_PROXY|GATEWAY_|LAMBDA_|SERVICES|BIND_)[A-Z_]{0,10}", fullmatch=True
)


class SignalsInDestructor:
    """Gets a signal in its destructor, where Python drops the exception of the handler."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_block_and_the_previous_handler_is_restored(number: signal.Signals) -> None:
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(TerminationRequested, match=number.name), termination_signals():
            os.kill(os.getpid(), number)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


def test_a_signal_whose_exception_was_lost_ends_the_block_at_its_next_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[object] = []

    def remember(unraisable: "sys.UnraisableHookArgs") -> None:
        lost.append(unraisable.exc_type)

    monkeypatch.setattr(sys, "unraisablehook", remember)
    with termination_signals() as pause:
        destroyed = SignalsInDestructor()
        del destroyed
        gc.collect()
        with pytest.raises(TerminationRequested, match="SIGTERM"):
            pause(0)

    assert lost == [TerminationRequested]


def test_a_signal_ends_an_event_loop() -> None:
    async def wait() -> None:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
        await asyncio.sleep(5)

    with termination_signals(), pytest.raises(TerminationRequested, match="SIGTERM"):
        asyncio.run(wait())


def test_a_second_signal_does_not_interrupt_the_cleanup() -> None:
    cleaned_up: list[bool] = []

    def work() -> None:
        with termination_signals():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                cleaned_up.append(True)

    with pytest.raises(TerminationRequested):
        work()
    assert cleaned_up == [True]


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with termination_signals() as pause:
            os.kill(os.getpid(), signal.SIGHUP)
            pause(0)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_sigint_ends_also_what_a_script_began_in_the_background() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(TerminationRequested, match="SIGINT"), termination_signals():
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@given(st.dictionaries(USER_SETTINGS, st.text(min_size=1)))
def test_a_child_process_sees_none_of_the_users_settings(shell: dict[str, str]) -> None:
    plain = {"PATH": "/bin", "LANG": "C.UTF-8"}
    assert child_environment({**plain, **shell}) == child_environment(plain)


def test_a_child_process_sees_what_any_program_needs_and_its_own_variables() -> None:
    environment = child_environment({"PATH": "/bin"}, GATEWAY_PORT="1")
    assert environment["PATH"] == "/bin"
    assert environment["GATEWAY_PORT"] == "1"


def test_a_function_runs_in_utc_and_utf8_as_in_lambda() -> None:
    environment = child_environment({"TZ": "Europe/Berlin", "PYTHONUTF8": "0"})
    assert (environment["TZ"], environment["PYTHONUTF8"]) == ("UTC", "1")


def test_the_users_account_is_removed_from_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "PULUMI_CONFIG", "HTTPS_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "the user's")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.setenv(name, "the user's")  # So that the test run gets its own back.

    remove_user_settings()

    assert "the user's" not in os.environ.values()
    assert os.environ["AWS_CONFIG_FILE"] == os.devnull
