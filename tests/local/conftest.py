"""What the tests against the local stack share."""

from collections.abc import Iterator

import pytest

from local.aws_clients import Clients
from tests.support.local.local_stack import running_emulator
from tests.support.local.resource_examples import dependencies_of
from tests.support.local.resource_examples.example import Dependencies


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    """Clients of an emulator of the module's own, with nothing in it."""
    with running_emulator(tmp_path_factory.mktemp("emulator")) as emulator_clients:
        yield emulator_clients


@pytest.fixture(scope="module")
def dependencies(clients: Clients) -> Dependencies:
    """What a resource there depends on."""
    return dependencies_of(clients)
