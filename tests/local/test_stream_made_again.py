"""A table whose stream was switched off, or off and on: what says so, and what mends it."""

import os
import shlex
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from infra.consumers.declaration import STREAM_VIEW_TYPES, Source
from infra.naming import PROJECT_ROOT
from local.state import DIRECTORY_VARIABLE, clients_of, read_local_stack
from ops.errors import ExitCode
from ops.job import STATE_VARIABLE
from tests.support.local.local_stack import LocalStack, running_local_stack
from tests.support.local.mapped_function import eventually
from tests.support.local.ops_stack import answer, run_ops, services_of
from tests.support.local.users_over_http import UsersOverHttp, person, root_signer

READERS = {Source.USERS_STREAM: "log-user-changes", Source.ACTIVITY_STREAM: "fan-out-user-changes"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made-again")


@pytest.fixture(scope="module")
def stack(folder: Path) -> Generator[LocalStack]:
    """A stack of this module's own, whose streams it switches."""
    with running_local_stack(folder) as running:
        yield running


def typed(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command line as somebody types it."""
    program, *arguments = shlex.split(command)
    assert program == "python"
    environment = {**os.environ, DIRECTORY_VARIABLE: str(folder), STATE_VARIABLE: str(folder / "ops")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False
    )


def status_of(folder: Path) -> Any:
    return answer(run_ops(services_of(read_local_stack(folder)), "status"))


def switch(stack: LocalStack, source: Source, *views: str | None) -> None:
    """Give the source's table one stream after another; None for no stream."""
    outputs = stack.outputs
    table = outputs.users_table_name if source is Source.USERS_STREAM else outputs.activity_table_name
    for view in views:
        stream: Any = {"StreamEnabled": True, "StreamViewType": view} if view else {"StreamEnabled": False}
        clients_of(stack).dynamodb.update_table(TableName=table, StreamSpecification=stream)


@pytest.mark.parametrize("source", READERS)
@pytest.mark.parametrize("trouble", ["off", "off and on", "other view"])
def test_the_command_that_status_names_brings_the_delivery_back(
    stack: LocalStack, folder: Path, source: Source, trouble: str
) -> None:
    users = UsersOverHttp(stack, root_signer(stack))
    # Ready is the stack before its last mapping delivers: until then that one needs attention too.
    eventually(lambda: typed(folder, "python -m local status"), lambda ended: ended.returncode == 0)
    view = STREAM_VIEW_TYPES[source]
    switch(stack, source, None, *{"off": [], "off and on": [view], "other view": ["KEYS_ONLY"]}[trouble])

    local = eventually(lambda: typed(folder, "python -m local status"), lambda ended: "detached" in ended.stdout)
    result = typed(folder, "python -m ops --stack local status")
    found = answer(result)  # type: ignore[arg-type]
    assert (local.returncode, result.returncode, found["healthy"]) == (1, ExitCode.UNFINISHED, False)
    assert found["attention"][0].startswith(f"{READERS[source]}: ")
    assert found["next"] == ["python -m local reconnect"]

    mended = typed(folder, found["next"][0])
    assert mended.returncode == 0, mended.stdout + mended.stderr

    user = users.registered(person())
    eventually(lambda: users.activity(user), lambda changes: [each["kind"] for each in changes] == ["ADDED"])
    after = eventually(lambda: status_of(folder), lambda found: found["healthy"])
    consumer = next(each for each in after["consumers"] if each["consumer"] == READERS[source])
    assert consumer["mapping"]["source"] == consumer["stream"]["arn"]
    eventually(lambda: typed(folder, "python -m local status"), lambda ended: ended.returncode == 0)
    assert "nothing to do" in typed(folder, "python -m local reconnect").stdout
