"""An `up` that ends in the middle, the one after it, and the end of the stack."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from infra.stack_config import PROJECT_ROOT
from local.emulator import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from local.engine.workspace import Workspace
from local.resources.clients import Clients
from tests.engine.account_inventory import everything_in
from tests.engine.conftest import ON_THE_EMULATOR, emulator_account
from tests.engine.engine_stack import EngineStack, bring_up
from tests.engine.halting_up import HALTED

SECONDS = 120
LOCAL_REGION = "us-east-1"


@pytest.fixture
def new_account(account: Clients, tmp_path: Path) -> Generator[Clients]:
    """An account of this test's own, in which nothing is but what it makes."""
    assert account
    with emulator_account(tmp_path / "emulator") as clients:
        yield clients


def wait_until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < deadline, f"not within {SECONDS} s"
        time.sleep(0.2)


def is_quiet(state: Path) -> bool:
    """Whether the engine has nothing under way: all that it began is written down."""
    return state.exists() and '"pending_operations"' not in state.read_text()


def test_an_up_that_was_killed_is_completed_by_the_next_and_destroy_leaves_nothing(
    new_account: Clients, tmp_path: Path
) -> None:
    nothing = everything_in(new_account)
    directory = tmp_path / "engine"
    command = [sys.executable, "-m", "tests.engine.halting_up", str(directory), new_account.endpoint_url]
    with subprocess.Popen(
        command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as halting:
        assert halting.stdout is not None
        wait_until(lambda: HALTED in (halting.stdout.readline() if halting.stdout else ""))
        time.sleep(1)  # What doesn't wait for a function is still being made.
        wait_until(lambda: is_quiet(directory / "state" / ".pulumi" / "stacks" / "userstream" / "dev.json"))
        os.killpg(halting.pid, signal.SIGKILL)
    half = everything_in(new_account)
    assert "Users-dev" in half
    assert new_account.lambda_.list_functions()["Functions"] == []

    workspace = Workspace(directory=directory, endpoint_url=new_account.endpoint_url)
    EngineStack(workspace=workspace, name="dev").cancel()
    dev = bring_up(workspace, "dev", ON_THE_EMULATOR)

    assert "aws:dynamodb/table:Table users" not in dev.first.changes
    assert dev.first.changes["aws:lambda/function:Function register-user"] == "create"
    assert dev.up().changes == {}

    dev.destroy()
    assert everything_in(new_account) == nothing


def test_control_c_lets_what_was_begun_end_and_the_next_up_completes(new_account: Clients, tmp_path: Path) -> None:
    directory = tmp_path / "engine"
    local_account = Clients(new_account.endpoint_url, LOCAL_REGION, ACCESS_KEY_ID, SECRET_ACCESS_KEY)
    port = new_account.endpoint_url.rpartition(":")[2]
    command = [sys.executable, "-m", "local.engine", "up", "--port", port, "--state-dir", str(directory)]
    with subprocess.Popen(
        command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as running:
        wait_until(lambda: bool(local_account.dynamodb.list_tables()["TableNames"]))
        os.killpg(running.pid, signal.SIGINT)
        told = running.communicate()[0]
    assert running.returncode != 0
    assert "cancelling" in told
    assert "Traceback" not in told

    workspace = Workspace(directory=directory, endpoint_url=new_account.endpoint_url)
    wait_until(lambda: not list((directory / "state").rglob("locks/**/*.json")))
    local = bring_up(workspace, "local", {})

    assert local.outputs.environment == "local"
    assert local.up().changes == {}
