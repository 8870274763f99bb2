"""The Pulumi CLI, called as a user would, and the lock that a killed one leaves."""

import json
import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from infra.recover.errors import RecoverError

_LOCK = re.compile(r"created by (\S+)@(\S+) \(pid (\d+)\) at (\S+)")
"""Source: Pulumi, pkg/backend/diy/lock.go, `checkForLock`."""

_CONFLICT = "Another update is currently in progress"
"""What Pulumi Cloud says, which doesn't say whose the update is."""


class Lock(NamedTuple):
    """Who holds a stack's lock."""

    user: str
    host: str
    pid: int
    since: str

    @property
    def owner(self) -> str:
        """Who holds it: `runner@host`."""
        return f"{self.user}@{self.host}"

    def is_left_over(self) -> bool:
        """Return whether it is of a process of this machine that has ended."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


class _FailedError(Exception):
    """The CLI failed; the message is what it printed to standard error."""


@dataclass(frozen=True)
class PulumiCli:
    """The CLI for one stack.

    Attributes:
        stack: its name.
        cancel: pattern of the owners whose locks are taken to be left over, such as `runner@*`;
            None for those of ended processes of this machine alone.
        say: prints a line for the user.
    """

    stack: str
    cancel: str | None
    say: Callable[[str], None]

    def export(self) -> dict[str, Any]:
        """Return the stack's state; its secrets stay encrypted."""
        return json.loads(self._run("stack", "export"))

    def write_state(self, export: Mapping[str, Any]) -> None:
        """Write the stack's state; Pulumi drops pending operations from it."""
        self._locking(lambda path: ["stack", "import", "--file", path], export)

    def import_resources(self, file: Mapping[str, Any]) -> None:
        """Read existing resources into the state, without a change of any.

        They are protected as the program says after the next `up`, and not before.
        """
        options = ["--yes", "--skip-preview", "--protect=false", "--generate-code=false"]
        self._locking(lambda path: ["import", "--file", path, *options], file)

    def _locking(self, command: Callable[[str], list[str]], document: Mapping[str, Any]) -> None:
        """Run a command that reads a document, once more if a lock was in the way and left over."""
        with tempfile.TemporaryDirectory(prefix="userstream-recover-") as directory:
            # The state is in it, for the user alone.
            path = Path(directory) / "document.json"
            path.write_text(json.dumps(document), encoding="utf-8")
            try:
                self._run(*command(str(path)), readable=True)
            except _FailedError as error:
                self._remove_left_over(str(error))
                self._run(*command(str(path)))

    def _remove_left_over(self, text: str) -> None:
        """Remove the locks that a failure names; raise RecoverError if one may be in use."""
        locks = [Lock(user, host, int(pid), since) for user, host, pid, since in _LOCK.findall(text)]
        if not locks and _CONFLICT not in text:
            raise RecoverError(text)
        for lock in locks:
            if not lock.is_left_over() and not fnmatchcase(lock.owner, self.cancel or ""):
                raise RecoverError(
                    f"{lock.owner} (pid {lock.pid}) has locked stack '{self.stack}' since {lock.since}. If it still "
                    f"runs, wait until it ends. If it was killed, add --cancel {lock.owner}"
                )
        if not locks and self.cancel != "*":
            raise RecoverError(
                f"an update of stack '{self.stack}' is in progress, by whom Pulumi Cloud doesn't say. If it still "
                "runs, wait until it ends. If it was killed, add --cancel '*'"
            )
        self._run("cancel", "--yes")
        for lock in locks:
            self.say(f"The lock of {lock.owner} (pid {lock.pid}, since {lock.since}) is left over: removed.")

    def _run(self, *words: str, readable: bool = False) -> str:
        """Return what a command prints.

        Raises:
            RecoverError: it failed, or there is no CLI.
            _FailedError: it failed, and `readable` says that the caller reads why.
        """
        command = ["pulumi", *words, "--stack", self.stack, "--non-interactive", "--color", "never"]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        except FileNotFoundError:
            raise RecoverError(
                "there is no pulumi on PATH: install the CLI (https://www.pulumi.com/docs/install/)"
            ) from None
        if ended.returncode == 0:
            return ended.stdout
        text = f"`{' '.join(command)}` failed:\n{ended.stdout}{ended.stderr}".strip()
        if readable:
            raise _FailedError(text)
        raise RecoverError(text)
