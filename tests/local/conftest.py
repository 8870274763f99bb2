"""What the tests against the local stack share."""

import json
from collections.abc import Iterator

import pytest

from local.aws_clients import Clients
from tests.support.aws.signature_v4 import Signer
from tests.support.local.local_stack import LocalStack, running_emulator
from tests.support.local.resource_examples import dependencies_of
from tests.support.local.resource_examples.example import Dependencies
from tests.support.local.users_over_http import API_CALLER

_POLICY_NAME = "invoke-the-api"


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    """Clients of an emulator of the module's own, with nothing in it."""
    with running_emulator(tmp_path_factory.mktemp("emulator")) as emulator_clients:
        yield emulator_clients


@pytest.fixture(scope="module")
def dependencies(clients: Clients) -> Dependencies:
    """What a resource there depends on."""
    return dependencies_of(clients)


@pytest.fixture(scope="session")
def api_caller(local_stack: LocalStack) -> Iterator[Signer]:
    """A caller who may only invoke the API, because the emulator allows its root key everything."""
    allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
    clients = Clients(
        local_stack.endpoint_url, local_stack.region, local_stack.access_key_id, local_stack.secret_access_key
    )
    iam = clients.iam
    iam.create_user(UserName=API_CALLER)
    iam.put_user_policy(
        UserName=API_CALLER,
        PolicyName=_POLICY_NAME,
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
    )
    key = iam.create_access_key(UserName=API_CALLER)["AccessKey"]
    yield Signer(
        access_key_id=key["AccessKeyId"], secret_access_key=key["SecretAccessKey"], region=local_stack.outputs.region
    )
    iam.delete_access_key(UserName=API_CALLER, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=API_CALLER, PolicyName=_POLICY_NAME)
    iam.delete_user(UserName=API_CALLER)
