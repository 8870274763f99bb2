"""Clients with a function's role: credentials that a service no longer knows are replaced."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from local.aws_clients import RoleSession


class Sts:
    """Counts the sessions that it opens."""

    def __init__(self) -> None:
        self.sessions = 0

    def assume_role(self, **_: object) -> dict[str, Any]:
        self.sessions += 1
        expiration = datetime.now(UTC) + timedelta(hours=1)
        keys = {"AccessKeyId": f"key-{self.sessions}", "SecretAccessKey": "s", "SessionToken": "t"}
        return {"Credentials": {**keys, "Expiration": expiration}}


def key_of(client: Any) -> str:
    return client._request_signer._credentials.access_key


def refuse(client: Any, code: str) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("list_queues", code, "no", 403)
        with pytest.raises(ClientError, match=code):
            client.list_queues()


@pytest.fixture
def role() -> RoleSession:
    sts: Any = Sts()
    return RoleSession(sts, "arn:aws:iam::000000000000:role/r", "eu-west-1", "http://127.0.0.1:4566")


@pytest.mark.parametrize(
    "code", ["ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"]
)
def test_stale_credentials_are_replaced_after_the_call_that_they_failed(role: RoleSession, code: str) -> None:
    client = role.client("sqs")
    assert role.client("sqs") is client
    assert key_of(client) == "key-1"
    refuse(client, code)
    assert key_of(role.client("sqs")) == "key-2"


@pytest.mark.parametrize("code", ["AccessDenied", "RequestThrottled", "InternalError"])
def test_another_error_keeps_the_credentials(role: RoleSession, code: str) -> None:
    client = role.client("sqs")
    refuse(client, code)
    assert role.client("sqs") is client
