"""A Python module run in a process of its own, which never outlives this one."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from infra.naming import PROJECT_ROOT


class ChildProcess:
    """A started module. It leads a process group, so that its own children end with it.

    Attributes:
        pid: of the process.
        log_file: where its output goes.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log_file: Path,
        project: Path = PROJECT_ROOT,
    ) -> None:
        """Start it.

        Args:
            module: what `python -m` would run.
            arguments: its arguments.
            environment: all of its environment.
            log_file: appended to.
            project: the checkout whose modules it is about.
        """
        self.log_file = log_file
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.parent_watch", module, *arguments],
                cwd=project,
                env=dict(environment),
                # The tether: see local/parent_watch.py.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal is for the supervisor, which ends its children in order.
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative where a signal ended it."""
        return self._process.poll()

    def stop(self, grace_seconds: float) -> None:
        """End it and all its children.

        Args:
            grace_seconds: how long it may tidy up after SIGTERM; 0 to end it at once.
        """
        if grace_seconds > 0 and self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_seconds)
        # Children that outlived it, and itself where it needed more time.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


def exit_in_words(exit_code: int) -> str:
    """How a process ended, for people: `with exit code 1`, `by SIGKILL`."""
    if exit_code < 0:
        return f"by {signal.Signals(-exit_code).name}"
    return f"with exit code {exit_code}"


# The ways a user, a shell or the system asks a program to end, as one exception.

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


# What the processes of a local stack may see of the user's shell.

_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "SYSTEMROOT")

_OURS = {
    # No profile, key or endpoint of the user's may reach the stack, nor the stack's calls the user's account.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    # As in Lambda, whatever this machine's zone and encoding are.
    "TZ": "UTC",
    "PYTHONUTF8": "1",
    # A log that is followed must not wait in a buffer.
    "PYTHONUNBUFFERED": "1",
}


def child_environment(environ: Mapping[str, str], **variables: str) -> dict[str, str]:
    """The environment of a process of the stack.

    Of the user's shell it has what a program needs to run at all. Left out, above all: `AWS_*` (the emulator would take
    AWS_ACCESS_KEY_ID for its root key, and functions inherit the rest), `PYTHONPATH` (a function must see its package
    alone), proxies (127.0.0.1 is no host of theirs), and `PULUMI_*`.

    Args:
        environ: the shell's environment.
        variables: what the process needs besides.
    """
    return {name: environ[name] for name in _KEPT if name in environ} | _OURS | variables


def shut_out_user_settings() -> None:
    """Make this process deaf to the user's AWS, Pulumi and proxy settings, since it talks to the emulator only."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "PULUMI_")) or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ.update({name: value for name, value in _OURS.items() if name.startswith("AWS_")})
