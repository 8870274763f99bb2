"""What every test shares: Hypothesis profiles, and CI's rule that a skipped test hides nothing."""

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.dynamodb_endpoints import DynamoDBEndpoint, emulator
from tests.support.dynamodb_local import dynamodb_local_server, missing_tools
from tests.support.local_stack import LocalStack, running_local_stack

IN_CI = os.environ.get("CI") == "true"

settings.register_profile("dev", max_examples=50, deadline=None)
# Shared CI machines stall now and then: a slow example there says nothing of the code.
settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if IN_CI else "dev")


def pytest_configure() -> None:
    """Heed SIGINT though the tests run in the background: children inherit what is ignored, and some are sent it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI, fail a run that skipped anything: a machine without a tool must not pass for a proof."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if IN_CI and exitstatus == 0 and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def dynamodb_emulator() -> Generator[DynamoDBEndpoint]:
    """Give an emulator for tests that need DynamoDB's own protocol and no stack."""
    with emulator() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def dynamodb_local() -> Generator[DynamoDBEndpoint]:
    """Give Amazon's own DynamoDB Local; a test that uses it is marked `java`."""
    if missing := missing_tools():
        pytest.skip(f"DynamoDB Local needs Java and Maven; not on PATH: {', '.join(missing)}")
    with dynamodb_local_server() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def local_stack_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the state directory of `local_stack`, for its commands' `--state-dir`."""
    return tmp_path_factory.mktemp("local-stack")


@pytest.fixture(scope="session")
def local_stack(local_stack_directory: Path) -> Generator[LocalStack]:
    """Give the whole stack on this machine, brought up for this run."""
    with running_local_stack(local_stack_directory) as stack:
        yield stack
