"""Hooks of `schemathesis run` (SCHEMATHESIS_HOOKS) that sign each request for the IAM routes."""

import os

import schemathesis
from requests import PreparedRequest
from requests.auth import AuthBase

from tests.support.aws.signature_v4 import Signer


class SignatureV4(AuthBase):
    """Signs what `requests` is about to send."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        body = r.body.encode() if isinstance(r.body, str) else r.body or b""
        assert isinstance(body, bytes), "nothing here streams"
        assert r.method is not None
        assert r.url is not None
        r.headers.update(self._signer.headers(r.method, r.url, body))
        return r


schemathesis.auth.set_from_requests(  # pyright: ignore[reportFunctionMemberAccess, reportUnknownMemberType]  set on it at run time
    SignatureV4(
        Signer(
            access_key_id=os.environ["USERSTREAM_ACCESS_KEY_ID"],
            secret_access_key=os.environ["USERSTREAM_SECRET_ACCESS_KEY"],
            region=os.environ["USERSTREAM_REGION"],
        )
    )
)
