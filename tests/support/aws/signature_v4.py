"""Requests signed with AWS Signature Version 4, for the API's routes that require it."""

from collections.abc import Mapping
from dataclasses import dataclass

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Signs the requests of one caller.

    Attributes:
        access_key_id: The caller's.
        secret_access_key: The caller's.
        region: The API's.
        service: Service that the signature is for; API Gateway's is execute-api.
    """

    access_key_id: str
    secret_access_key: str
    region: str
    service: str = "execute-api"

    def headers(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Return the request's headers with those of the signature."""
        request = AWSRequest(method=method, url=url, data=body, headers=dict(headers or {}))
        SigV4Auth(Credentials(self.access_key_id, self.secret_access_key), self.service, self.region).add_auth(request)
        return dict(request.headers.items())
