"""Two commands or calls measured in turn, A B A B …, so that a ratio holds when the machine's speed drifts."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One contestant's samples, in the unit its table names."""

    name: str
    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle sample."""
        return statistics.median(self.samples)


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """The subject over one peer, round by round."""

    subject: str
    peer: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle ratio."""
        return statistics.median(self.rounds)


@dataclass(frozen=True, kw_only=True)
class ProcessRun:
    """One finished process: wall seconds, and what it printed."""

    wall: float
    output: bytes


def run_process(command: Sequence[str], environment: Mapping[str, str], *, standard_input: bytes = b"") -> ProcessRun:
    """Run a command to its end and time it from outside.

    Raises:
        RuntimeError: The command ended with another status than 0; its error output is in the message.
    """
    start = time.perf_counter()
    process = subprocess.run(command, env=dict(environment), input=standard_input, capture_output=True, check=False)
    wall = time.perf_counter() - start
    if process.returncode:
        complaint = process.stderr.decode(errors="replace")
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{complaint}")
    return ProcessRun(wall=wall, output=process.stdout)


def in_turn(contestants: Mapping[str, Callable[[], T]], *, rounds: int, warm_up: int = 1) -> dict[str, list[T]]:
    """Call every contestant once a round, in order, and keep what each returned.

    Args:
        contestants: Name to what measures one round of it.
        rounds: Counted rounds.
        warm_up: Rounds before them that are not counted.
    """
    kept: dict[str, list[T]] = {name: [] for name in contestants}
    for number in range(warm_up + rounds):
        for name, measure in contestants.items():
            result = measure()
            if number >= warm_up:
                kept[name].append(result)
    return kept


def ratio(samples: Mapping[str, Sequence[float]], subject: str, peer: str) -> Ratio:
    """The subject's samples over a peer's, pair by pair."""
    pairs = zip(samples[subject], samples[peer], strict=True)
    return Ratio(subject=subject, peer=peer, rounds=tuple(ours / theirs for ours, theirs in pairs))


def machine() -> str:
    """What the figures ran on: processor, cores, memory, Python and the kernel."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "unknown processor",
    )
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    uname = os.uname()
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{cpu}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {uname.sysname} {uname.release}, Python {version}"
