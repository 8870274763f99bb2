"""The processes in which the emulator runs functions, found as Linux tells of them, and killed."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROCESSES = Path("/proc")


def kill_workers(emulator_pid: int, function_name: str) -> int:
    """Kill -9 every process of a function; return how many there were."""
    killed = 0
    for pid in _children(emulator_pid):
        with suppress(ProcessLookupError, FileNotFoundError, PermissionError):
            if f"AWS_LAMBDA_FUNCTION_NAME={function_name}".encode() in (PROCESSES / str(pid) / "environ").read_bytes():
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed


def _children(pid: int) -> Iterator[int]:
    for entry in PROCESSES.iterdir():
        if entry.name.isdecimal():
            with suppress(FileNotFoundError, ProcessLookupError):
                # The name, in parentheses, may hold anything; the parent is the second field behind it.
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                    yield int(entry.name)
