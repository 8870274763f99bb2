"""The stack on this machine, brought up as a user would, for tests that use it by its public ways.

`conftest.py` offers one per test session as the fixture `local_stack`.
"""

import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from infra.naming import PROJECT_ROOT
from local.aws_clients import Clients
from local.emulator import Emulator
from local.state import LocalStack, clients_of
from local.temporary_stack import running_local_stack, starting_local_stack
from tests.support.stack.own_settings import own_config

__all__ = [
    "NEUTRAL",
    "REGION",
    "LocalStack",
    "copy_project",
    "running_emulator",
    "running_local_stack",
    "starting_local_stack",
    "users_mapping",
]

REGION = "us-east-1"


NEUTRAL = {"registrationAnswers": "neutral", "mailSender": "users@mail.example.com"}
"""The settings of a stack with neutral answers."""


def copy_project(directory: Path, settings: Mapping[str, object] | None = None) -> Path:
    """Copy what a stack is brought up from, for a test that edits it; return the copy.

    Args:
        directory: made for it.
        settings: by name, besides or instead of the tests' own of the stack local.
    """
    for name in ("delivery", "functions", "infra", "local", "frontend"):
        shutil.copytree(PROJECT_ROOT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT_ROOT / "Pulumi.yaml", directory)
    config = own_config("local") | {f"userstream:{name}": value for name, value in (settings or {}).items()}
    (directory / "Pulumi.local.yaml").write_text(yaml.safe_dump({"config": config}), encoding="utf-8")
    return directory


def users_mapping(stack: LocalStack) -> str:
    """Return the UUID of the mapping from the Users table's stream to its function."""
    (mapping,) = clients_of(stack).lambda_.list_event_source_mappings(
        EventSourceArn=stack.outputs.users_stream_arn, FunctionName=stack.outputs.log_user_changes_function_name
    )["EventSourceMappings"]
    return mapping.get("UUID", "")


@contextmanager
def running_emulator(directory: Path) -> Generator[Clients]:
    """Run an empty emulator, for tests of single resources; yield clients of its root user."""
    emulator = Emulator(0, REGION, directory)
    try:
        emulator.wait_until_ready()
        yield emulator.clients()
    finally:
        emulator.stop()
