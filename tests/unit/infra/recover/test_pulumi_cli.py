"""The lock of a killed CLI: removed if nobody can hold it any more, else named.

The CLI is a script here.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from infra.recover.errors import RecoverError
from infra.recover.pulumi_cli import PulumiCli

CLOUD = "error: [409] Conflict: Another update is currently in progress."


def lock(owner: str, pid: int) -> str:
    return f"error: locked by 1 lock(s).\n  file:///l.json: created by {owner} (pid {pid}) at 2026-11-29T22:59:27Z"


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `pulumi` on PATH that fails with the text of `locked` until it is called to cancel."""
    script = tmp_path / "bin" / "pulumi"
    script.parent.mkdir()
    script.write_text(
        f"#!/bin/sh\ncd {tmp_path}\n"
        'echo "$1" >> calls\n[ "$1" = cancel ] && rm -f locked\n'
        "[ -f locked ] || exit 0\ncat locked >&2\nexit 255\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "calls"


def ended_pid() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


@pytest.mark.parametrize(
    ("text", "cancel"),
    [
        (lock(f"me@{socket.gethostname()}", ended_pid()), None),
        (lock("runner@runnervm1", 7), "runner@*"),
        (lock("runner@runnervm1", 7), "runner@runnervm1"),
        (CLOUD, "*"),
    ],
    ids=["ended process", "pattern", "owner", "Pulumi Cloud"],
)
def test_a_lock_that_is_left_over_is_removed_and_the_command_repeated(
    text: str, cancel: str | None, calls: Path
) -> None:
    calls.with_name("locked").write_text(text)

    PulumiCli("dev", cancel, print).write_state({})

    assert calls.read_text().split() == ["stack", "cancel", "stack"]


@pytest.mark.parametrize(
    ("text", "cancel", "advice"),
    [
        (lock(f"me@{socket.gethostname()}", os.getpid()), None, f"--cancel me@{socket.gethostname()}"),
        (lock("ann@laptop", 7), "runner@*", "--cancel ann@laptop"),
        (lock("ann@laptop", 7), None, "--cancel ann@laptop"),
        (CLOUD, "runner@*", "--cancel '*'"),
        ("error: no stack named 'dev' found", "*", "no stack named"),
    ],
    ids=["running process", "another user", "another machine", "Pulumi Cloud", "another failure"],
)
def test_a_lock_that_may_be_held_stays(text: str, cancel: str | None, advice: str, calls: Path) -> None:
    calls.with_name("locked").write_text(text)

    with pytest.raises(RecoverError) as raised:
        PulumiCli("dev", cancel, print).write_state({})

    assert advice in str(raised.value)
    assert calls.read_text().split() == ["stack"]


def test_two_locks_are_removed_only_if_both_are_left_over(calls: Path) -> None:
    calls.with_name("locked").write_text(lock("runner@a", 7) + "\n" + lock("ann@laptop", 8))

    with pytest.raises(RecoverError, match="ann@laptop"):
        PulumiCli("dev", "runner@*", print).write_state({})

    assert calls.read_text().split() == ["stack"]


def test_a_missing_cli_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(RecoverError, match="no pulumi on PATH"):
        PulumiCli("dev", None, print).export()
