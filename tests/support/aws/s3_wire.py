"""An S3 client without a network: the test sees whose bucket a request expects."""

from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.session import Session

_NO_HEADERS: Any = {}


class S3Wire:
    """A client whose every request gets an empty answer, or is denied."""

    def __init__(self, *, denies: bool = False) -> None:
        self.denies = denies
        self.owners: list[str | None] = []
        """Whose bucket each request expects, as S3 reads it (API reference, "PutObject")."""
        self.client: Any = Session().create_client(
            "s3",
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )
        self.client.meta.events.register("before-send", self._send)

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        owner = request.headers.get("x-amz-expected-bucket-owner")
        self.owners.append(owner.decode() if isinstance(owner, bytes) else owner)
        if self.denies:
            return AWSResponse(request.url, 403, _NO_HEADERS, _Raw(b"<Error><Code>AccessDenied</Code></Error>"))
        return AWSResponse(request.url, 200, _NO_HEADERS, _Raw(b""))


class _Raw:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: object) -> list[bytes]:
        return [self._content]
