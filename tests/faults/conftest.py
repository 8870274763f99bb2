"""A stack of its own for each test that injects faults."""

from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.local.local_stack import LocalStack, running_local_stack


class OwnStack(NamedTuple):
    """A stack and its state directory."""

    stack: LocalStack
    directory: Path


@pytest.fixture
def own_stack(tmp_path: Path) -> Generator[OwnStack]:
    """Yield a stack that nothing was written to."""
    with running_local_stack(tmp_path) as stack:
        yield OwnStack(stack, tmp_path)
