"""Processes of the local stack: children, termination signals, and the environment they see."""

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

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended: 128 plus the signal's number, as in a shell."""


class ChildProcess:
    """A Python module in a process that never outlives this one (see local/parent_watch.py).

    It leads a process group, so that `stop` ends its own children too.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        log_file: Path,
        project: Path = PROJECT_ROOT,
        **variables: str,
    ) -> None:
        """Start `python -m module arguments...` in a project; append its output to the log file.

        Its environment is `child_environment` with the variables.
        """
        self.log_file = log_file
        log_file.touch(mode=0o600)
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.parent_watch", module, *arguments],
                cwd=project,
                env=child_environment(os.environ, **variables),
                # local/parent_watch.py ends the child when this pipe closes.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal goes to the supervisor alone, which ends its children in
                # order.
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative if a signal ended it."""
        return self._process.poll()

    def stop(self, grace_seconds: float) -> None:
        """End it and all its children: by SIGTERM, and after the grace time (if any) by SIGKILL."""
        if grace_seconds > 0 and self.exit_code is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_seconds)
        # The process if it needed more time, and any child that outlived it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


def start_log(path: Path) -> None:
    """Begin a log anew, for this user's eyes only: it may hold names and addresses."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)


def describe_exit(exit_code: int) -> str:
    """Say how a process ended: `with exit code 1`, `by SIGKILL`."""
    return f"by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"with exit code {exit_code}"


Pause = Callable[[float], None]
"""Sleeps for some seconds; raises TerminationRequested if a termination signal has arrived."""


class TerminationRequested(KeyboardInterrupt):
    """A signal asked this program to end.

    Not an Exception, so that no error handling swallows it. And a KeyboardInterrupt, because
    asyncio's event loop passes on only KeyboardInterrupt and SystemExit (asyncio/events.py,
    Handle._run).
    """


@contextmanager
def termination_signals() -> Generator[Pause]:
    """Raise TerminationRequested in the main thread at the first Ctrl-C, SIGTERM or SIGHUP.

    Later signals are ignored, so that they don't interrupt the cleanup. A signal that was ignored
    before (SIGHUP under `nohup`) stays ignored, but for SIGINT: a script's shell ignores it for
    what the script begins with `&`, and whoever sends it all the same wants the end.

    Python drops an exception that a signal handler raises inside a destructor or a weak reference's
    callback (Python's data model, "object.__del__"). Loops in the block must therefore wait with
    the yielded function, which raises it again.
    """
    received: signal.Signals | None = None

    def terminate(number: int, _frame: FrameType | None) -> None:
        nonlocal received
        received = signal.Signals(number)
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise TerminationRequested(received.name)

    def pause(seconds: float) -> None:
        time.sleep(seconds)
        if received is not None:
            raise TerminationRequested(received.name)

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    before = {
        number: handler for number, handler in handlers.items() if number == signal.SIGINT or handler != signal.SIG_IGN
    }
    for number in before:
        signal.signal(number, terminate)
    try:
        yield pause
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "SYSTEMROOT")

_SET = {
    # The stack must not see the user's profile, keys or endpoints, nor call the user's account.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    # As in Lambda, whatever this machine's time zone and encoding are.
    "TZ": "UTC",
    "PYTHONUTF8": "1",
    # A log that is followed must not wait in a buffer.
    "PYTHONUNBUFFERED": "1",
}


def child_environment(environ: Mapping[str, str], **variables: str) -> dict[str, str]:
    """Return what a program needs of the shell's environment, and the given variables.

    Left out are above all `AWS_*` (the emulator would take AWS_ACCESS_KEY_ID for its root key, and
    functions inherit the rest), `PYTHONPATH` (a function must see only its package), proxies (they
    don't reach 127.0.0.1) and `PULUMI_*`.
    """
    return {name: environ[name] for name in _KEPT if name in environ} | _SET | variables


def remove_user_settings() -> None:
    """Remove the user's AWS, Pulumi and proxy settings: this process talks only to the emulator."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "PULUMI_")) or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ.update({name: value for name, value in _SET.items() if name.startswith("AWS_")})
