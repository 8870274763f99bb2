"""A local stack that nobody uses: what it costs, and how soon it delivers a change all the same.

As `make up` runs it, with the function's log in its terminal. Both are measured in one run.
"""

import json
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from benchmarks.report import Measurement
from functions.users.attributes import ATTRIBUTES
from local.actions import call_api
from local.state import LocalStack
from local.temporary_stack import running_local_stack

SETTLING_SECONDS = 15.0
"""After which the stack has called every function once."""

IDLE_SECONDS = 20.0
ROUNDS = 3
CHANGES = 10
PAUSE_SECONDS = 4.0
"""Between two changes: the stack is idle again."""

PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.005

_PROCESSES = Path("/proc")
_CPU_FIELDS = slice(13, 15)
_PARENT_FIELD = 3
"""Source: proc(5), /proc/pid/stat; counted from 0, and the name before them may have spaces."""


def measure() -> list[Measurement]:
    """Measure the processor time of all processes, then the way of a change to the terminal."""
    with TemporaryDirectory() as directory, running_local_stack(Path(directory), show_log=True) as stack:
        terminal = Path(directory) / "up.log"
        time.sleep(SETTLING_SECONDS)
        shares = [_share_of_a_core(stack.pid) for _ in range(ROUNDS)]
        waits: list[float] = []
        for _ in range(CHANGES):
            time.sleep(PAUSE_SECONDS)
            waits.append(_seconds_to_terminal(stack, terminal))
    return [
        Measurement("idle local stack, processor time", "one core", "at most", 0.02, shares),
        Measurement("a change on it, answer to log line", "0.3 s", "at most", 1, [wait / 0.3 for wait in waits]),
    ]


def _share_of_a_core(supervisor: int) -> float:
    began, before = time.perf_counter(), _cpu_seconds(supervisor)
    time.sleep(IDLE_SECONDS)
    return (_cpu_seconds(supervisor) - before) / (time.perf_counter() - began)


def _cpu_seconds(supervisor: int) -> float:
    """Return the processor time so far of a process and of all that it has started and that run."""
    found: dict[int, tuple[int, int]] = {}
    for folder in _PROCESSES.iterdir():
        if folder.name.isdecimal():
            try:
                text = (folder / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            # The name of the program, in parentheses, is the second field.
            fields = ["", "", *text.rpartition(")")[2].split()]
            found[int(folder.name)] = int(fields[_PARENT_FIELD]), sum(map(int, fields[_CPU_FIELDS]))
    ticks, members = 0, [supervisor]
    for member in members:
        ticks += found[member][1]
        members += [process for process, (parent, _) in found.items() if parent == member]
    return ticks / os.sysconf("SC_CLK_TCK")


def _seconds_to_terminal(stack: LocalStack, terminal: Path) -> float:
    name = f"u{uuid4().hex[:12]}"
    user = {attribute.name: attribute.example for attribute in ATTRIBUTES if attribute.required}
    body = json.dumps({**user, "username": name, "email": f"{name}@example.com"}).encode()
    answer = call_api(stack, "POST", "/register", body)
    answered = time.perf_counter()
    if answer.status != 201:  # noqa: PLR2004  created
        raise RuntimeError(f"the registration was answered {answer}")
    while name not in terminal.read_text():
        if time.perf_counter() - answered > PATIENCE_SECONDS:
            raise TimeoutError(f"{terminal} never shows {name}")
        time.sleep(LOOK_SECONDS)
    return time.perf_counter() - answered
