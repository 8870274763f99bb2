"""Clients of the emulator, with the stack's own keys and with a function's role."""

import threading
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.session import Session

if TYPE_CHECKING:
    from types_boto3_sts import STSClient

CALLS = Config(
    connect_timeout=2,
    read_timeout=10,
    # No retries: the delivery repeats and counts what fails, and logs it.
    retries={"mode": "standard", "total_max_attempts": 1},
    s3={"addressing_style": "path"},
)

STALE_CREDENTIALS = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)
"""Error codes of a service that doesn't know the credentials any more."""


@dataclass(frozen=True)
class Account:
    """Where the services are, and the keys that call Lambda and assume the function's role."""

    endpoint_url: str
    region: str
    access_key_id: str
    secret_access_key: str

    def client(self, service: str, config: Config) -> Any:
        """Create a client of a service."""
        return Session().create_client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=config,
        )


class RoleSession:
    """Creates clients with a role's credentials: what the role may not do fails here as on AWS.

    The credentials are refreshed before they expire. When a service doesn't know them, because the
    emulator was restarted, the next call of `client` creates new clients.
    """

    def __init__(self, sts: "STSClient", role_arn: str, region: str, endpoint_url: str) -> None:
        self._sts = sts
        self._role_arn = role_arn
        self._region = region
        self._endpoint_url = endpoint_url
        self._clients: dict[str, Any] = {}
        self._creating = threading.Lock()

    def client(self, service: str) -> Any:
        """Return the client of a service.

        Raises:
            botocore.exceptions.ClientError: The role can't be assumed.
            botocore.exceptions.BotoCoreError: STS can't be reached.
        """
        with self._creating:
            if service not in self._clients:
                session = Session()
                credentials = RefreshableCredentials.create_from_metadata(self._assume(), self._assume, "assume-role")
                session.register_component("credential_provider", SimpleNamespace(load_credentials=lambda: credentials))
                client = session.create_client(
                    service, region_name=self._region, endpoint_url=self._endpoint_url, config=CALLS
                )
                client.meta.events.register("after-call", self._forget_stale_clients)
                self._clients[service] = client
            return self._clients[service]

    def _forget_stale_clients(self, parsed: dict[str, Any], **_: object) -> None:
        if parsed.get("Error", {}).get("Code") in STALE_CREDENTIALS:
            with self._creating:
                self._clients.clear()

    def _assume(self) -> dict[str, str]:
        answer = self._sts.assume_role(RoleArn=self._role_arn, RoleSessionName="event-source-mapping")
        credentials = answer["Credentials"]
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": credentials["Expiration"].isoformat(),
        }
