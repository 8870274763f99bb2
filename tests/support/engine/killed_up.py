"""`pulumi up` of the real CLI as a user types it, killed, and everything that runs for it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from tests.support.engine.documented_commands import shell_environment
from tests.support.engine.engine_stack import EngineStack

Victim = Literal["engine", "everything"]
"""What `kill -9` hits: the CLI alone, which its plugins outlive, or all, as a runner that dies."""

UP = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack"]
SECONDS = 60.0


def killed_up(stack: EngineStack, seconds: float, victim: Victim) -> bool:
    """Begin an `up`, and kill it so long after it began to create; return whether it still ran."""
    running = subprocess.Popen(
        [*UP, stack.name],
        cwd=stack.workspace.directory / stack.name,
        env=shell_environment(stack),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_until_it_creates(stack, running)
        time.sleep(seconds)
        still_running = running.poll() is None
        if victim == "engine":
            running.kill()
        else:
            _kill(_session_of(running.pid))
    finally:
        running.wait()
        _end_orphans(running.pid)
    return still_running


def _wait_until_it_creates(stack: EngineStack, running: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + SECONDS
    before = stack.state_file.stat().st_mtime_ns if stack.state_file.exists() else 0
    while True:
        text = stack.state_file.read_text(encoding="utf-8") if stack.state_file.exists() else ""
        if '"creating"' in text and stack.state_file.stat().st_mtime_ns != before:
            return
        assert running.poll() is None, "it ended without creating anything"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def recovered(stack: EngineStack, *options: str, terminal: bool = False) -> str:
    """Run the one command, with a terminal or without; return what it printed."""
    command = [sys.executable, "-m", "infra.recover", "--stack", stack.name, *options]
    if terminal:
        # `script` gives it one, and ends with its exit code.
        command = ["script", "--quiet", "--return", "--command", " ".join(command), "/dev/null"]
    ended = subprocess.run(
        command,
        cwd=stack.workspace.directory / stack.name,
        env=shell_environment(stack),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def _end_orphans(session: int) -> None:
    """Wait for the plugins to end by themselves, and end the program, which doesn't."""
    deadline = time.monotonic() + SECONDS
    while orphans := _session_of(session):
        assert time.monotonic() < deadline, orphans
        _kill({pid: command for pid, command in orphans.items() if "language_plugin" in command})
        time.sleep(0.1)


def _kill(processes: Mapping[int, str]) -> None:
    for pid in processes:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _session_of(session: int) -> dict[int, str]:
    """Return the processes of a session that still run, with their command lines."""
    found: dict[int, str] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            command = (process / "cmdline").read_text(encoding="utf-8").replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            continue
        # After the name: state, parent, group, session.
        if int(fields[3]) == session and fields[0] not in {"Z", "X"}:
            found[int(process.name)] = command
    return found
