"""An interrupted `up`, the `up` after it, and `destroy`."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from infra.naming import PROJECT_ROOT
from local.aws_clients import Clients
from local.engine.workspace import Workspace
from tests.support.engine.account_inventory import everything_in
from tests.support.engine.engine_stack import EngineStack, as_typed, bring_up
from tests.support.local.local_stack import running_emulator

SECONDS = 120


@pytest.fixture
def local_account(account: Clients, tmp_path: Path) -> Generator[Clients]:
    """An account of this test alone."""
    assert account
    with running_emulator(tmp_path / "emulator") as clients:
        yield clients


def wait_until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < deadline, f"not within {SECONDS} s"
        time.sleep(0.2)


def is_half_way(state: Path) -> bool:
    text = state.read_text() if state.exists() else ""
    return '"id":"Users-local"' in text and '"type":"creating"' in text


def overwritten_in_place(state: Path) -> list[Path]:
    """Return files that the backend overwrites in place; a truncated one breaks every command."""
    return list(state.rglob("*.attrs"))


def up_by_hand(account: Clients, directory: Path) -> "subprocess.Popen[str]":
    """Run what a user types, in a process group that can be killed as a whole."""
    return subprocess.Popen(
        as_typed("up", account, directory),
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_an_up_that_was_killed_is_completed_by_the_next_and_destroy_leaves_nothing(
    local_account: Clients, tmp_path: Path
) -> None:
    nothing = everything_in(local_account)
    directory = tmp_path / "engine"
    state = directory / "state" / ".pulumi" / "stacks" / "userstream" / "local.json"
    with up_by_hand(local_account, directory) as running:
        # Some resources are recorded, and others are being created.
        wait_until(lambda: is_half_way(state))
        os.killpg(running.pid, signal.SIGKILL)
    assert not overwritten_in_place(directory / "state")

    workspace = Workspace(directory=directory, endpoint_url=local_account.endpoint_url, keys=local_account.keys)
    EngineStack(workspace=workspace, name="local").cancel(local_account)
    local = bring_up(workspace, "local", {})

    assert "aws:dynamodb/table:Table users" not in local.first.changes
    assert local.first.changes["aws:lambda/function:Function register-user"] == "create"
    assert local.up().changes == {}

    local.destroy()
    assert everything_in(local_account) == nothing


def test_control_c_lets_resources_in_progress_complete_and_the_next_up_creates_the_rest(
    local_account: Clients, tmp_path: Path
) -> None:
    directory = tmp_path / "engine"
    with up_by_hand(local_account, directory) as running:
        wait_until(lambda: bool(local_account.dynamodb.list_tables()["TableNames"]))
        os.killpg(running.pid, signal.SIGINT)
        output = running.communicate()[0]
    assert running.returncode != 0
    assert "cancelling" in output
    assert "Traceback" not in output

    workspace = Workspace(directory=directory, endpoint_url=local_account.endpoint_url, keys=local_account.keys)
    wait_until(lambda: not list((directory / "state").rglob("locks/**/*.json")))
    local = bring_up(workspace, "local", {})

    assert local.outputs.environment == "local"
    assert local.up().changes == {}
