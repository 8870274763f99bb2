"""The peak memory of the process that asks."""

from pathlib import Path


def peak_mib() -> float:
    """Return the most MiB that this process has had resident so far.

    Of this program alone: getrusage, and what a parent is told of its child, count what the parent had in memory when
    it made this process.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024
