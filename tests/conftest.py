"""What every test shares: Hypothesis profiles, markers by directory, no skipped tests in CI."""

import json
import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from local.aws_clients import Clients
from tests.support.aws.dynamodb_endpoints import DynamoDBEndpoint, emulator
from tests.support.aws.dynamodb_local import dynamodb_local_server, missing_tools
from tests.support.aws.signature_v4 import Signer
from tests.support.local.local_stack import LocalStack, running_local_stack
from tests.support.local.users_over_http import API_CALLER

IN_CI = os.environ.get("CI") == "true"

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("quick", max_examples=5, deadline=None)  # make quick
# Shared CI machines stall now and then, so a slow example there doesn't mean slow code.
settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if IN_CI else "dev")

MARKERS = {
    "stack": ["stack"],
    "local": ["local"],
    "faults": ["local"],
    "iam": ["local", "stack"],
    "browser": ["browser", "local"],
    "clients": ["clients", "local"],
    "runtime": ["runtime", "local"],
}
"""Markers of each test in a directory. engine/conftest.py marks those that use the Pulumi CLI."""

SLOWEST_FIRST = [
    "engine",
    "faults",
    "local",
    "iam",
    "browser",
    "clients",
    "runtime",
    "soak",
    "stack",
    "properties",
    "unit",
]


def pytest_configure() -> None:
    """Handle SIGINT even in a background job, because tests interrupt child processes."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its directory, so that `-m "not local"` leaves no test out by accident."""
    tests = Path(__file__).parent
    for item in items:
        for marker in MARKERS.get(item.path.relative_to(tests).parts[0], []):
            item.add_marker(marker)
    if os.environ.get("PYTEST_XDIST_WORKER"):
        # The long ones first, so that no process is left with one when the others have ended.
        items.sort(key=lambda item: SLOWEST_FIRST.index(item.path.relative_to(tests).parts[0]))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI, fail a run that skipped a test: a machine that lacks a tool proves nothing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if IN_CI and exitstatus == 0 and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def dynamodb_emulator() -> Generator[DynamoDBEndpoint]:
    """Yield an emulator, for tests that need DynamoDB's own protocol and no stack."""
    with emulator() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def dynamodb_local() -> Generator[DynamoDBEndpoint]:
    """Yield Amazon's own DynamoDB Local; a test that uses it is marked `java`."""
    if missing := missing_tools():
        pytest.skip(f"DynamoDB Local needs Java and Maven; not on PATH: {', '.join(missing)}")
    with dynamodb_local_server() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def local_stack_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the state directory of `local_stack`, for its commands' `--state-dir`."""
    return tmp_path_factory.mktemp("local-stack")


@pytest.fixture(scope="session")
def local_stack(local_stack_directory: Path) -> Generator[LocalStack]:
    """Yield the whole stack on this machine, brought up for this run."""
    with running_local_stack(local_stack_directory) as stack:
        yield stack


@pytest.fixture(scope="session")
def api_caller(local_stack: LocalStack) -> Generator[Signer]:
    """A caller who may only invoke the API, because the emulator allows its root key everything."""
    allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
    clients = Clients(
        local_stack.endpoint_url, local_stack.region, local_stack.access_key_id, local_stack.secret_access_key
    )
    iam = clients.iam
    iam.create_user(UserName=API_CALLER)
    iam.put_user_policy(
        UserName=API_CALLER,
        PolicyName="invoke-the-api",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
    )
    key = iam.create_access_key(UserName=API_CALLER)["AccessKey"]
    yield Signer(
        access_key_id=key["AccessKeyId"], secret_access_key=key["SecretAccessKey"], region=local_stack.outputs.region
    )
    iam.delete_access_key(UserName=API_CALLER, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=API_CALLER, PolicyName="invoke-the-api")
    iam.delete_user(UserName=API_CALLER)
