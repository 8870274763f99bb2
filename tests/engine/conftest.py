"""What the engine tests share: an emulator, a workspace, and stacks that come up once."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from local.aws_clients import Clients
from local.engine.workspace import CLI, Workspace
from tests.support.engine.engine_stack import Deployed, EngineStack, bring_up, engine_workspace
from tests.support.local.local_stack import running_emulator

REGION = "eu-west-1"
"""The region in dev's and prod's files."""

# The emulator speaks http, so queues and buckets that require TLS would refuse every request.
ON_THE_EMULATOR = {"userstream:requireTls": "false"}
WITHOUT_PAGE = {**ON_THE_EMULATOR, "userstream:websiteEnabled": "false"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test that needs the CLI."""
    for item in items:
        if isinstance(item, pytest.Function) and "account" in item.fixturenames:
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Generator[Clients]:
    """An account that is empty but for what these tests deploy."""
    if not CLI.exists():
        missing = f"needs {CLI}: run make engine (it takes the pulumi on PATH, or builds it with Go)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with emulator_account(tmp_path_factory.mktemp("engine-emulator")) as clients:
        yield clients


@contextmanager
def emulator_account(directory: Path) -> Generator[Clients]:
    """Run an emulator, and yield clients for dev's and prod's region of it."""
    with running_emulator(directory) as clients:
        yield clients.in_region(REGION)


@pytest.fixture(scope="session")
def workspace(account: Clients, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The engine's directory for this run."""
    return engine_workspace(tmp_path_factory.mktemp("engine"), account)


@pytest.fixture
def own_account(account: Clients, tmp_path: Path) -> Generator[Clients]:
    """An account of the test alone: what it leaves is in nobody's way."""
    assert account, "it skips without the CLI"
    with emulator_account(tmp_path / "emulator") as clients:
        yield clients


@pytest.fixture
def own_prod(own_account: Clients, tmp_path: Path) -> EngineStack:
    """The prod stack without a page in an account of its own, not yet created."""
    workspace = engine_workspace(tmp_path / "engine", own_account)
    return EngineStack(workspace=workspace, name="prod", settings=WITHOUT_PAGE)


@pytest.fixture
def empty_dev(account: Clients, tmp_path: Path) -> EngineStack:
    """The dev stack, not yet created."""
    return EngineStack(workspace=engine_workspace(tmp_path, account), name="dev")


@pytest.fixture
def empty_prod(empty_dev: EngineStack) -> EngineStack:
    """The prod stack, not yet created."""
    return replace(empty_dev, name="prod")


@pytest.fixture
def empty_local(empty_dev: EngineStack) -> EngineStack:
    """The local stack, not yet created."""
    return replace(empty_dev, name="local")


@pytest.fixture(scope="session")
def dev(workspace: Workspace) -> Deployed:
    """The dev stack, up; each test restores what it changes."""
    return bring_up(workspace, "dev", ON_THE_EMULATOR)


@pytest.fixture(scope="session")
def prod(workspace: Workspace) -> Deployed:
    """The prod stack, up in the same account."""
    return bring_up(workspace, "prod", ON_THE_EMULATOR)
