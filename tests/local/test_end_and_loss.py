"""What a stack that loses a part says, what prints its keys, and what it leaves behind."""

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from infra.naming import PROJECT_ROOT
from local.state import clients_of
from tests.support.local.local_stack import LocalStack, running_local_stack
from tests.support.local.mapped_function import eventually


@pytest.fixture
def stack(tmp_path: Path) -> Generator[LocalStack]:
    with running_local_stack(tmp_path) as running:
        yield running


def command(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments, "--state-dir", str(directory)],
        cwd=PROJECT_ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_lost_part_is_named_and_the_end_leaves_no_log(stack: LocalStack, tmp_path: Path) -> None:
    eventually(lambda: command(tmp_path, "status").returncode, lambda code: code == 0, seconds=20)
    clients = clients_of(stack)
    clients.dynamodb.delete_table(TableName=stack.outputs.activity_table_name)
    clients.lambda_.delete_function(FunctionName=stack.outputs.register_user_function_name)

    said = command(tmp_path, "status", "--table")
    assert said.returncode == 1
    assert f"lost {stack.outputs.activity_table_name}, {stack.outputs.register_user_function_name}" in said.stdout
    warning = "the stack has lost"
    eventually((tmp_path / "up.log").read_text, lambda text: warning in text, seconds=30)

    shown = subprocess.run(
        ["sh", "-c", command(tmp_path, "env").stdout + 'echo "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $API_URL"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split() == [stack.access_key_id, stack.secret_access_key, stack.outputs.api_url]

    logs = list(tmp_path.glob("*.log"))
    assert {log.name for log in logs} == {"up.log", "emulator.log", "poller.log"}
    # Whoever can read a log sees names, and whoever can open a lock can hold the stack up.
    files = [file for file in tmp_path.rglob("*") if file.is_file() and tmp_path / "emulator" not in file.parents]
    assert {"lock", "state.json", "mappings.json", *(log.name for log in logs)} <= {file.name for file in files}
    assert [file for file in files if file.stat().st_mode & 0o077] == []
    assert (tmp_path / "emulator").stat().st_mode & 0o077 == 0
    assert command(tmp_path, "down").returncode == 0
    assert not list(tmp_path.glob("*.log"))
    assert not (tmp_path / "emulator").exists()
