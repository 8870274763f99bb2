"""The event source mapping's poller (local/event_source_mapping/) as a process, started again whenever it ends."""

import os
import time
from pathlib import Path

from local.child_process import ChildProcess, exit_in_words
from local.environment import child_environment

_MODULE = "local.event_source_mapping"
_STOP_SECONDS = 3.0
"""For a batch under way; whatever is cut off is delivered again, from its checkpoint."""

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_STEADY_SECONDS = 60.0
"""A poller that ran so long is healthy: the next end is a new story."""


class PollerProcess:
    """Keeps the poller running. Its checkpoints are in the state directory: each one goes on where the last was."""

    def __init__(self, directory: Path) -> None:
        """Start it. The directory's state.json must be there already."""
        self._directory = directory
        self._log_file = directory / "poller.log"
        self._log_file.write_bytes(b"")
        self._pause = _FIRST_PAUSE_SECONDS
        self._start_again_at: float | None = None
        self._start()

    @property
    def pid(self) -> int:
        """Process id of the one that runs, or ran last."""
        return self._process.pid

    def watch(self) -> str | None:
        """Start it again if it has ended and its pause is over.

        Returns:
            What there is to say: that it ended, or that it runs again; else None.
        """
        exit_code = self._process.exit_code
        if exit_code is None:
            return None
        now = time.monotonic()
        if self._start_again_at is None:
            if now - self._started_at > _STEADY_SECONDS:
                self._pause = _FIRST_PAUSE_SECONDS
            self._start_again_at = now + self._pause
            return (
                f"the stream's poller ended {exit_in_words(exit_code)}; it starts again in {self._pause:g} s "
                f"(its log: {self._log_file})"
            )
        if now < self._start_again_at:
            return None
        self._process.stop(grace_seconds=0)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
        self._start()
        return f"the stream's poller runs again (process {self.pid}), from its checkpoints"

    def stop(self) -> None:
        """End it, after the batch under way if that is soon."""
        self._process.stop(_STOP_SECONDS)

    def _start(self) -> None:
        self._start_again_at = None
        self._started_at = time.monotonic()
        self._process = ChildProcess(
            _MODULE, ["--state-dir", str(self._directory)], child_environment(os.environ), self._log_file
        )
