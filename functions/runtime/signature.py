"""Signature Version 4 of a POST of JSON, as botocore signs it.

Source: IAM user guide, "Create a signed AWS API request". botocore.auth would load a quarter of
botocore and urllib3 at each cold start; a property compares the bytes.
"""

import hmac
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple


class Credentials(NamedTuple):
    """Keys, and the token of temporary ones."""

    access_key: str
    secret_key: str
    token: str | None


def signature_headers(
    credentials: Credentials, place: tuple[str, str], *, time: str, signed: dict[str, str], body: bytes
) -> str:
    """Return the headers that sign a request to the path /, each with its line's end.

    Args:
        credentials: whose.
        place: the region, and the service as signatures name it, such as `dynamodb`.
        time: UTC, as `20261124T032759Z`.
        signed: the headers to sign, by lower-case name.
        body: the request's.
    """
    token = "" if credentials.token is None else f"X-Amz-Security-Token: {credentials.token}\r\n"
    headers = {**signed, "x-amz-date": time}
    if credentials.token is not None:
        headers["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(headers))
    values = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers))
    request = f"POST\n/\n\n{values}\n{names}\n{sha256(body).hexdigest()}"
    scope = "/".join((time[:8], *place, "aws4_request"))
    text = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(
        _key(credentials.secret_key, (time[:8], *place, "aws4_request")), text.encode(), "sha256"
    ).hex()
    return (
        f"X-Amz-Date: {time}\r\n{token}"
        f"Authorization: AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}\r\n"
    )


@lru_cache(maxsize=4)
def _key(secret_key: str, scope: tuple[str, ...]) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return key
