"""The stack on this machine, brought up as a user would, for tests that use it by its public ways.

`conftest.py` offers one per test session as the fixture `local_stack`.
"""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from infra.naming import PROJECT_ROOT
from local.aws_clients import Clients
from local.emulator import Emulator
from local.state import LocalStack, clients_of
from local.temporary_stack import running_local_stack, starting_local_stack

__all__ = [
    "REGION",
    "LocalStack",
    "copy_project",
    "running_emulator",
    "running_local_stack",
    "starting_local_stack",
    "users_mapping",
]

REGION = "us-east-1"


def copy_project(directory: Path) -> Path:
    """Copy what a stack is brought up from, for a test that edits it; return the copy.

    Args:
        directory: made for it.
    """
    for name in ("delivery", "functions", "infra", "local", "frontend"):
        shutil.copytree(PROJECT_ROOT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in PROJECT_ROOT.glob("Pulumi*.yaml"):
        shutil.copy(file, directory)
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
