"""Clients that act with the function's own role, as AWS's mapping does: what the role may not, fails here as there."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, RefreshableCredentials
from botocore.session import Session
from typing_extensions import override

if TYPE_CHECKING:
    from types_boto3_sts import STSClient

SESSION_NAME = "event-source-mapping"

CALLS = Config(
    connect_timeout=2,
    read_timeout=10,
    # The delivery repeats what fails, and says so.
    retries={"mode": "standard", "total_max_attempts": 1},
    s3={"addressing_style": "path"},
)

STALE_CREDENTIALS = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)
"""What services answer to credentials that they don't know any more."""


class _AssumedRole(CredentialProvider):
    METHOD = "assume-role"

    def __init__(self, refresh: Callable[[], dict[str, str]]) -> None:
        super().__init__()
        self._refresh = refresh

    @override
    def load(self) -> RefreshableCredentials:
        return RefreshableCredentials.create_from_metadata(self._refresh(), self._refresh, self.METHOD)


class RoleSession:
    """Makes clients with the credentials of a role, which renew themselves.

    Args:
        sts: Client that may assume the role.
        role_arn: The role.
        region: Of the clients.
        endpoint_url: Of every service.
    """

    def __init__(self, sts: "STSClient", role_arn: str, region: str, endpoint_url: str) -> None:
        self._sts = sts
        self._role_arn = role_arn
        self._region = region
        self._endpoint_url = endpoint_url
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()

    def client(self, service: str) -> Any:
        """Return the client of a service.

        Raises:
            botocore.exceptions.ClientError: The role can't be assumed.
            botocore.exceptions.BotoCoreError: The token service can't be reached.
        """
        with self._making:
            if service not in self._clients:
                session = Session()
                session.register_component("credential_provider", CredentialResolver([_AssumedRole(self._assume)]))
                self._clients[service] = session.create_client(
                    service, region_name=self._region, endpoint_url=self._endpoint_url, config=CALLS
                )
            return self._clients[service]

    def renew_after(self, error_code: str) -> None:
        """Make new clients next time, if a service no longer knows the credentials: the emulator may be another."""
        if error_code in STALE_CREDENTIALS:
            with self._making:
                self._clients.clear()

    def _assume(self) -> dict[str, str]:
        answer = self._sts.assume_role(RoleArn=self._role_arn, RoleSessionName=SESSION_NAME)
        credentials = answer["Credentials"]
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": credentials["Expiration"].isoformat(),
        }
