"""`make up` with settings of what stands in front of the functions on AWS."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.state import LocalStackError, clients_of
from tests.support.local.local_stack import LocalStack, copy_project, running_local_stack
from tests.support.local.mapped_function import eventually
from tests.support.local.users_over_http import UsersOverHttp, person

EDGE_SETTINGS = {
    "websiteEnabled": True,
    "apiDomain": "api.example.com",
    "apiHostedZoneId": "Z0123456789ABCDEFGHIJ",
    "websiteDomain": "www.example.com",
    "websiteCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555",
    "registrationsPerClient": 100,
    "registerThrottleRatePerSecond": 5,
    "registerThrottleBurst": 5,
    "tracing": True,
    "usersTableName": "Customers",
    "environment": "shared",
}
"""The throttle is one that some dozens of requests exceed."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def stack(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalStack]:
    project = copy_project(tmp_path_factory.mktemp("project"), EDGE_SETTINGS)
    with running_local_stack(directory, project) as running:
        yield running


def test_each_setting_that_is_not_served_is_said_in_a_line(stack: LocalStack, directory: Path) -> None:
    assert stack.outputs
    # They are printed once the stack is ready, and before the page's address.
    printed = eventually((directory / "up.log").read_text, lambda text: "Or in a browser" in text)
    lines = [line for line in printed.splitlines() if line.startswith("! ")]

    assert lines == [
        "! apiDomain api.example.com is not served on this machine: use apiUrl",
        "! websiteDomain www.example.com is not served on this machine: use websiteUrl",
        "! registrationsPerClient 100 is not enforced on this machine: it has no AWS WAF",
        "! tracing is not served on this machine: the emulator has no X-Ray",
    ]


def test_the_outputs_keep_the_addresses_of_this_machine(stack: LocalStack) -> None:
    assert stack.outputs.api_url.startswith("http://127.0.0.1:")
    assert str(stack.outputs.website_url).startswith("http://127.0.0.1:")
    assert stack.outputs.api_domain_target is None


def test_the_users_are_in_the_table_that_the_setting_names(stack: LocalStack) -> None:
    user_id = UsersOverHttp(stack).registered(person())
    tables = clients_of(stack).dynamodb

    stored = tables.scan(TableName="Customers", ConsistentRead=True)["Items"]

    assert user_id in {item["userId"].get("S") for item in stored}
    assert stack.outputs.users_table_name == "Customers"
    assert set(tables.list_tables()["TableNames"]) == {"Customers", "UserKeys-shared", "Activity-shared"}


def test_the_environment_of_the_setting_is_in_every_name(stack: LocalStack) -> None:
    functions = [each.get("FunctionName", "") for each in clients_of(stack).lambda_.list_functions()["Functions"]]

    assert functions
    assert all(name.endswith("Function-shared") for name in functions)
    assert stack.outputs.environment == "shared"


def test_the_throttle_of_the_settings_refuses_registrations(stack: LocalStack) -> None:
    api_id = stack.outputs.api_url.rpartition("/")[2]
    stage = clients_of(stack).apigatewayv2.get_stage(ApiId=api_id, StageName="$default")
    users = UsersOverHttp(stack)

    with ThreadPoolExecutor(8) as threads:
        statuses = {answer.status for answer in threads.map(users.register, [person() for _ in range(40)])}

    assert stage.get("RouteSettings", {})["POST /register"].get("ThrottlingRateLimit") == 5
    assert statuses == {201, 429}


def test_a_wrong_setting_ends_the_start_with_what_to_do(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", {"apiDomain": "api.example.com"})
    state = tmp_path / "state"
    state.mkdir()

    with pytest.raises(LocalStackError) as raised, running_local_stack(state, project):
        pass

    assert "pulumi config set userstream:apiHostedZoneId Z0123456789ABCDEFGHIJ --stack local" in str(raised.value)
    assert "Traceback" not in str(raised.value)
