"""Requests signed with AWS Signature Version 4, for the API's routes that ask for one."""

from collections.abc import Mapping
from dataclasses import dataclass

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Signs for one caller.

    Attributes:
        access_key_id: the caller's.
        secret_access_key: the caller's.
        region: of the API.
        service: what the signature is for; API Gateway wants execute-api.
    """

    access_key_id: str
    secret_access_key: str
    region: str
    service: str = "execute-api"

    def headers(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Give the request's headers with those of the signature."""
        request = AWSRequest(method=method, url=url, data=body, headers=dict(headers or {}))
        SigV4Auth(Credentials(self.access_key_id, self.secret_access_key), self.service, self.region).add_auth(request)
        return dict(request.headers.items())
