"""A Python module run in a process of its own, which never outlives this one."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent


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
                [sys.executable, "-m", "local.tethered", module, *arguments],
                cwd=project,
                env=dict(environment),
                # The tether: see local/tethered.py.
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
