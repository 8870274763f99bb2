"""The processes and sockets of a stack, read from Linux's /proc, so that no tool is needed."""

from collections.abc import Iterator
from pathlib import Path

from tests.support.local.local_stack import LocalStack

_PROC = Path("/proc")
_LISTENING = "0A"  # Linux, include/net/tcp_states.h: TCP_LISTEN
_LOOPBACK = "0100007F"  # 127.0.0.1, in the host's byte order


def processes_of(stack: LocalStack) -> set[int]:
    """Return the processes in the stack's process groups; functions run in the emulator's."""
    leaders = {stack.pid, stack.emulator_pid, stack.poller_pid}
    return {pid for pid, group, state in _processes() if group in leaders and state != "Z"}


def listens_on_loopback_alone(pids: set[int]) -> bool:
    """Say whether these processes listen, and only on 127.0.0.1."""
    inodes = {inode for pid in pids for inode in _socket_inodes(pid)}
    addresses = [address for address, inode in _listening() if inode in inodes]
    return bool(addresses) and set(addresses) == {_LOOPBACK}


def _processes() -> Iterator[tuple[int, int, str]]:
    for folder in _PROC.glob("[0-9]*"):
        try:
            # The name in brackets may contain spaces; the fields after it don't.
            fields = (folder / "stat").read_text().rpartition(") ")[2].split()
        except OSError:
            continue  # It has ended meanwhile.
        yield int(folder.name), int(fields[2]), fields[0]


def _socket_inodes(pid: int) -> Iterator[str]:
    for descriptor in (_PROC / str(pid) / "fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            yield target.removeprefix("socket:[").removesuffix("]")


def _listening() -> Iterator[tuple[str, str]]:
    """Yield local address and inode of every listening TCP socket and every UDP socket."""
    for protocol in ("tcp", "tcp6", "udp", "udp6"):
        for line in (_PROC / "net" / protocol).read_text().splitlines()[1:]:
            fields = line.split()
            if protocol.startswith("udp") or fields[3] == _LISTENING:
                yield fields[1].partition(":")[0], fields[9]
