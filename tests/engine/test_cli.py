"""`python -m local.engine`, as a user types it."""

import subprocess
from pathlib import Path

import pytest

from infra.naming import PROJECT_ROOT
from local.aws_clients import Clients
from tests.support.engine.engine_stack import EngineStack, as_typed, engine_workspace


@pytest.mark.parametrize("command", ["up", "outputs", "cancel"])
def test_a_state_that_the_engine_cannot_read_is_reported_once(account: Clients, tmp_path: Path, command: str) -> None:
    state = EngineStack(workspace=engine_workspace(tmp_path, account), name="local").state_file
    state.parent.mkdir(parents=True)
    state.write_text("")

    ended = subprocess.run(
        as_typed(command, account, tmp_path), cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert ended.stderr.count("error: failed to load checkpoint") == 1
    assert "Traceback" not in ended.stderr
