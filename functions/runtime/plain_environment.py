"""Whether botocore's settings are Lambda's own, and what they say then.

botocore takes settings from some seventy variables, two files and the machine's metadata. Of these
Lambda sets few (developer guide, "Defined runtime environment variables"). What isn't known here to
be one of them may mean anything: FIPS, account-based endpoints, expiring credentials, a proxy.
"""

import json
import os
import re
from collections.abc import Mapping
from typing import NamedTuple

import botocore

from functions.runtime.connection import Origin
from functions.runtime.signature import Credentials

_KNOWN = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_EXECUTION_ENV",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SECURITY_TOKEN",
        "AWS_SESSION_TOKEN",
    }
)
_WITHOUT_MEANING = ("AWS_LAMBDA_", "AWS_XRAY_")
_FILES = ("~/.aws/config", "~/.aws/credentials")
_OWN_ENDPOINT = re.compile(r"http://([a-z0-9.-]+)(?::(\d{1,5}))?/?")


class Target(NamedTuple):
    """Where a service is called, and as whom."""

    origin: Origin
    region: str
    credentials: Credentials


def plain_target(service: str, environment: Mapping[str, str]) -> Target | None:
    """Return where and as whom botocore would call a service; None if that isn't known here.

    Args:
        service: as its endpoints begin, such as `dynamodb`.
        environment: the process's.
    """
    region, key, secret = (
        environment.get(name, "") for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    )
    token = environment.get("AWS_SECURITY_TOKEN") or environment.get("AWS_SESSION_TOKEN") or None
    is_header = all(value.isascii() and value.isprintable() for value in (key, token or "", region))
    if not (region and key and secret and is_header) or any(map(_means_something, environment)):
        return None
    # os.path, because pathlib takes time to load.
    if any(os.path.exists(os.path.expanduser(name)) for name in _FILES):  # noqa: PTH110, PTH111
        return None
    origin = _origin(service, region, environment.get("AWS_ENDPOINT_URL"))
    return None if origin is None else Target(origin, region, Credentials(key, secret, token))


def _means_something(name: str) -> bool:
    if name.startswith(("AWS_", "BOTO")):
        return name not in _KNOWN and not name.startswith(_WITHOUT_MEANING)
    return name.lower().endswith("_proxy") or name == "REQUESTS_CA_BUNDLE"


def _origin(service: str, region: str, own: str | None) -> Origin | None:
    suffix = _dns_suffix(region)
    if suffix is None:
        return None
    if own is None:
        return Origin("https", f"{service}.{region}.{suffix}", 443)
    parts = _OWN_ENDPOINT.fullmatch(own)
    return None if parts is None else Origin("http", parts[1], int(parts[2] or 80))


def _dns_suffix(region: str) -> str | None:
    """Return what endpoints in a region end with; None for a region that botocore doesn't know."""
    path = os.path.join(os.path.dirname(botocore.__file__), "data", "partitions.json")  # noqa: PTH118, PTH120
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        partitions = json.load(file)["partitions"]
    found = (each["outputs"]["dnsSuffix"] for each in partitions if re.match(each["regionRegex"], region))
    return next(found, None)
