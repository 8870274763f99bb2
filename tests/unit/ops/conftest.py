from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ops.cli import cli
from ops.context import CommandContext
from ops.job import STATE_VARIABLE, Job
from tests.support.ops.declared_consumers import WELCOME, declared
from tests.support.ops.ops_in_memory import StackInMemory


@pytest.fixture(autouse=True)
def welcome_new_users() -> Generator[None]:
    """Declare a consumer with a queue: the commands know it without any further edit."""
    with declared(WELCOME):
        yield


@pytest.fixture
def stack() -> StackInMemory:
    return StackInMemory()


@pytest.fixture
def replay_db_path(tmp_path: Path) -> Path:
    return tmp_path / "replay.sqlite"


@pytest.fixture
def run(stack: StackInMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command line against the stack in memory, in an empty folder."""
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ops.context.Job", partial(Job, sleep=stack.clock.pass_by))
    return lambda *arguments, **options: CliRunner().invoke(
        cli, list(arguments), obj=CommandContext(lambda: stack), catch_exceptions=False, **options
    )
